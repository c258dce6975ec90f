"""Plain text files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cuvee.core.data import Batch, Piece
from cuvee.core.errors import CuveeError
from cuvee.sources.files import BLOCK, blocks, fingerprint, reading
from cuvee.sources.plain import plain_pieces, read_plain


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text files, each a document; one above 1 MiB is cut at line ends into such of 1 MiB.

    Args:
        name: What the user calls it.
        paths: Files.
        text: Not used: plain text has no columns.
    """

    name: str
    paths: tuple[str, ...]
    text: str | None = None

    def opened(self) -> "Text":
        """Itself, once a file that stands alone is found to be text; others are rejected later."""
        if len(self.paths) == 1:
            _check_is_text(self.paths[0])
        return self

    def pieces(self) -> tuple[Piece, ...]:
        """Ranges of about 32 MB of large files; runs of small files."""
        return plain_pieces(self.paths)

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The documents of the piece."""
        return read_plain(self.paths, piece)

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each file."""
        return fingerprint(self.paths)


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
