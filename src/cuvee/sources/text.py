"""Plain text files."""

from dataclasses import dataclass
from typing import ClassVar

from cuvee.core.errors import CuveeError
from cuvee.sources.files import BLOCK, blocks, reading
from cuvee.sources.plain import plain_fingerprint, plain_pieces, read_plain


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text files, each a document; one above 16 KiB is cut into documents of at most that.

    It is cut at blank lines, or at line ends where the second half of the 16 KiB has none, else
    at spaces, else between characters: a book is many documents, so that a part of it can be
    held out.

    Args:
        name: What the user calls it.
        paths: Files.
        text: Not used: plain text has no columns.
    """

    longest: ClassVar[int] = 16 << 10
    name: str
    paths: tuple[str, ...]
    text: str | None = None

    def opened(self) -> "Text":
        """Itself, once a file that stands alone is found to be text; others are rejected later."""
        if len(self.paths) == 1:
            _check_is_text(self.paths[0])
        return self

    pieces = plain_pieces
    read = read_plain
    fingerprint = plain_fingerprint


def _check_is_text(path: str) -> None:
    with reading(path, "a text file"):
        start = next(blocks(path), b"")
    try:
        start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3 or len(start) < BLOCK:
            raise CuveeError(
                f"{path}: not UTF-8 text, and its suffix is not known. Read are parquet, jsonl, "
                "arrow, csv, tsv and text, with .gz or .zst where they are lines."
            ) from error
