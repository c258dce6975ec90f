"""What a token is: built-in words, or the tokens of the user's own tokenizer."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cuvee.core.cutting import MAX_BYTES, batches, cut, text_buffers
from cuvee.core.data import Cut
from cuvee.core.errors import CuveeError
from cuvee.core.methods import missing
from cuvee.core.remote import content, is_address

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Words:
    """Runs of letters, digits, blanks or other characters, each with the space before it.

    About 4 bytes of English each, much as the tokens of a small tokenizer.

    Args:
        max_bytes: Longer units are cut.
    """

    max_bytes: int = MAX_BYTES
    name: str = "words"

    def cut(self, text: "pa.LargeStringArray") -> Iterator[Cut]:
        """Units of the documents, a megabyte at a time: what caches hold."""
        data, offsets = text_buffers(text)
        for run in batches(offsets):
            yield cut(data, run, max_bytes=self.max_bytes)

    def head(self, text: str, units: int) -> str:
        """The first units of a text; half a character at the cut is left out."""
        data = text.encode()
        found = cut(np.frombuffer(data, np.uint8), [0, len(data)], max_bytes=self.max_bytes)
        if found.bounds is None or units >= len(found.ids):
            return text
        end = int(found.bounds[units])
        return data[:end].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Tokens of a `tokenizer.json`, without special tokens.

    Args:
        path: Of the file.

    Raises:
        CuveeError: It cannot be read, or the library `tokenizers` is missing.
    """

    path: str
    name: str = "tokens of the given tokenizer"
    _loaded: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            from tokenizers import Tokenizer as Loaded
        except ModuleNotFoundError as error:
            raise missing(error) from error
        if not is_address(str(self.path)) and not Path(self.path).is_file():
            raise CuveeError(f"no such tokenizer: {self.path!r}, expected a tokenizer.json.")
        try:
            loaded = Loaded.from_str(content(self.path).decode())
        except CuveeError:
            raise
        except Exception as error:  # the library raises plain Exception
            raise CuveeError(f"{self.path} is not a tokenizer.json: {error}.") from error
        loaded.no_truncation()
        loaded.no_padding()
        object.__setattr__(self, "_loaded", loaded)

    def cut(self, text: "pa.LargeStringArray") -> Iterator[Cut]:
        """Tokens of the documents, some documents at a time."""
        for start in range(0, len(text), 256):
            documents = text.slice(start, 256).to_pylist()
            found = self._loaded.encode_batch_fast(documents, add_special_tokens=False)
            ids = [np.asarray(one.ids, dtype=np.uint64) for one in found]
            offsets = np.cumsum([0, *(len(one) for one in ids)])
            yield Cut(np.concatenate([np.zeros(0, np.uint64), *ids]), offsets)

    def head(self, text: str, units: int) -> str:
        """The first tokens of a text."""
        spans = self._loaded.encode(text, add_special_tokens=False).offsets
        return text if len(spans) <= units else text[: spans[units][0]]
