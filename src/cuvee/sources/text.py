"""Plain text files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cuvee.core.data import Batch, Piece
from cuvee.sources.files import fingerprint
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

    def pieces(self) -> tuple[Piece, ...]:
        """Ranges of about 32 MB of large files; runs of small files."""
        return plain_pieces(self.paths)

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The documents of the piece."""
        return read_plain(self.paths, piece)

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each file."""
        return fingerprint(self.paths)
