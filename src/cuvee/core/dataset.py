"""A mixed dataset, as trainers' writers see it: what it is made of, and its documents in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cuvee.core.errors import CuveeError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Part:
    """One source of a mixed dataset.

    Args:
        name: What the user calls it.
        paths: Its files, globs as the user wrote them; none for data in memory.
        share: Asked share of the tokens; all parts' shares sum to 1, some may be 0.
        tokens: Drawn.
        documents: Drawn, repeats counted.
        available: Tokens that the source holds.
        available_documents: Documents that the source holds.
    """

    name: str
    paths: tuple[str, ...]
    share: float
    tokens: int
    documents: int
    available: int
    available_documents: int

    @property
    def epochs(self) -> float:
        """Passages through the source."""
        return self.tokens / self.available if self.available else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A mixed dataset: written out, or only its index.

    Args:
        parts: Its sources, in the order in which the user named them.
        unit: What a token is, e.g. "words".
        seed: Of the draw.
        files: Its shards, in order; none if it is only an index.
        read: Starts to read its documents: tables with the columns id, text, source, tokens, tens
            of megabytes each, always in the same order; `read(start, step)`: some of them.
        sizes: Documents and tokens of each table, where they are known beforehand.
    """

    parts: tuple[Part, ...]
    unit: str
    seed: int
    files: tuple[str, ...]
    read: "Callable[..., Iterator[pa.Table]]"
    sizes: tuple[tuple[int, int], ...] = ()

    def __repr__(self) -> str:
        names = ", ".join(part.name for part in self.parts)
        return f"<Dataset of {self.tokens} {self.unit} in {self.documents} documents: {names}>"

    @property
    def tokens(self) -> int:
        """Of all parts."""
        return sum(part.tokens for part in self.parts)

    @property
    def documents(self) -> int:
        """Of all parts, repeats counted."""
        return sum(part.documents for part in self.parts)

    def tables(self, start: int = 0, step: int = 1) -> "Iterator[pa.Table]":
        """The documents, in order; each table has the asked shares.

        Args:
            start: First table: what comes before it is not read.
            step: Every so many tables, as where several processes share the reading.

        Raises:
            CuveeError: No such table to begin with.
        """
        if step < 1 or not 0 <= start <= max(len(self.sizes), step - 1):
            raise CuveeError(
                f"tables: expected a start from 0 to {len(self.sizes)} and a step from 1, got "
                f"{start} and {step}."
            )
        return self.read() if (start, step) == (0, 1) else self.read(start, step)

    def stream(self, start: int = 0, *, tokens: int = 0) -> Iterator[dict[str, Any]]:
        """One document at a time: id, text, source, tokens.

        To go on after a stop, say how much was taken before. Whole tables are passed over unread.

        Args:
            start: Documents to pass over.
            tokens: Pass over documents until they hold so many tokens.

        Raises:
            CuveeError: There is not so much.
        """
        if not 0 <= start <= self.documents or not 0 <= tokens <= self.tokens:
            raise CuveeError(
                f"stream: expected a start from 0 to {self.documents} documents or {self.tokens} "
                f"tokens, got {start} and {tokens}."
            )
        first, passed, held = self._before(start, tokens)
        for table in self.tables(first):
            for batch in table.to_batches(max_chunksize=1000):
                for document in batch.to_pylist():
                    if passed >= start and held >= tokens:
                        yield document
                    passed, held = passed + 1, held + document["tokens"]

    def _before(self, start: int, tokens: int) -> tuple[int, int, int]:
        """Tables that can be passed over, and the documents and tokens in them."""
        passed = held = 0
        for i, (documents, size) in enumerate(self.sizes):
            if passed + documents > start and held + size >= tokens:
                return i, passed, held
            passed, held = passed + documents, held + size
        return len(self.sizes), passed, held
