"""Texts that the program already holds, or makes."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from cuvee.core.data import Batch, Piece, Reject
from cuvee.core.errors import CuveeError
from cuvee.sources.arrays import encodes, sample, string_batches, text_column
from cuvee.sources.files import PIECE
from cuvee.sources.records import TEXT, table_of

PEEK = 1000
"""Items that are looked at to find the text field."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Texts, or dicts with a text field, from a list or from a function that makes them.

    Args:
        name: What the user calls it.
        items: The list, or a function that returns a new iterator each time it is called.
        text: Text field of dicts; guessed from the usual names by default.
    """

    name: str
    items: tuple[Any, ...] | Callable[..., Any]
    text: str | None = None

    def __post_init__(self) -> None:
        if callable(self.items):
            made = self.items()
            if isinstance(made, str) or not isinstance(made, Iterable):
                kind = type(made).__name__
                raise CuveeError(f"{self.name}: the function should return texts, not a {kind}.")
            if iter(made) is iter(self.items()):
                raise once(self.name)
        elif isinstance(self.items, Iterator):
            raise once(self.name)
        else:
            object.__setattr__(self, "items", tuple(self.items))

    def pieces(self) -> tuple[Piece, ...]:
        """Runs of items of about 32 MB; all at once if a function makes them."""
        if not isinstance(self.items, tuple):
            return (Piece("", 0, sys.maxsize),)
        pieces: list[Piece] = []
        first = held = 0
        for i, item in enumerate(self.items):
            held += len(item) if isinstance(item, str) else sys.getsizeof(item)
            if held >= PIECE:
                pieces.append(Piece("", first, i + 1))
                first, held = i + 1, 0
        if first < len(self.items):
            pieces.append(Piece("", first, len(self.items)))
        return tuple(pieces)

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The texts of the items."""
        return string_batches(self._records(piece))

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Items of the documents, with all fields or some."""
        field = self.field()
        good = (
            item if isinstance(item, Mapping) else {TEXT: item}
            for item in islice(self._items(), piece.start, piece.stop)
            if _is_text(item.get(field) if isinstance(item, Mapping) else item)
        )
        while some := list(islice(good, PEEK)):
            yield table_of(self.name, some, columns)

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of all texts, with their lengths."""
        digest = hashlib.blake2b(digest_size=16)
        for record in self._records(Piece("", 0, sys.maxsize)):
            content = record.encode() if isinstance(record, str) else repr(record).encode()
            kind = b"text" if isinstance(record, str) else b"none"
            digest.update(kind + len(content).to_bytes(8, "little") + content)
        return {"memory": f"blake2b:{digest.hexdigest()}"}

    def field(self) -> str:
        """The text field, if items are dicts; else an empty string."""
        columns: dict[str, bool] = {}
        for item in islice(self._items(), PEEK):
            if isinstance(item, Mapping):
                for key, value in item.items():
                    columns[key] = columns.get(key, False) or isinstance(value, str)
        return text_column(self.name, columns, self.text) if columns else ""

    def _items(self) -> Iterator[Any]:
        return iter(self.items if isinstance(self.items, tuple) else self.items())

    def _records(self, piece: Piece) -> Iterator[str | Reject]:
        field = self.field()
        for i, item in enumerate(islice(self._items(), piece.start, piece.stop), piece.start):
            text = item.get(field) if isinstance(item, Mapping) else item
            if isinstance(text, str) and encodes(text):
                yield str(text)
                continue
            reason = f"{'null' if text is None else type(text).__name__} instead of text"
            if isinstance(text, str):
                reason = "holds half a surrogate pair"
            yield Reject(f"{self.name}:{i + 1}", reason, sample(item))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and encodes(value)


def once(name: str) -> CuveeError:
    """Error for an iterator that is used up by one reading."""
    return CuveeError(
        f"{name}: expected something that can be read again, got an iterator that can be read "
        "only once; pass a list, or a function that returns a new iterator."
    )
