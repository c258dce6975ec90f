"""Rows of numbers in files that numpy wrote."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cuvee.core.data import Batch, Piece
from cuvee.core.errors import CuveeError
from cuvee.core.rows import ROWS, Rows
from cuvee.sources.files import BLOCK, fingerprint, opened, reading, size
from cuvee.sources.table import features, labels, row_batches

EXPECTED = "a file that numpy.savez wrote"


@dataclass(frozen=True, slots=True)
class Npz:
    """Arrays `x`, of shape (rows, features), and `y`, a label for each row, in `.npz` files.

    Args:
        name: What the user calls it.
        paths: Files; their rows are joined.
        text: Not used: a row has no text column.

    Fails when: a file is larger than memory; each is read whole, by one worker.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".npz",)
    holds: ClassVar[str] = ROWS
    name: str
    paths: tuple[str, ...]
    text: str | None = None

    def opened(self) -> "Npz":
        """Itself, once the first file is found to hold x and y that fit."""
        _load(self.paths[0])
        return self

    def pieces(self) -> tuple[Piece, ...]:
        """A file each."""
        return tuple(Piece(path, 0, size(path)) for path in self.paths)

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The rows of the file."""
        rows = _load(piece.path)
        return row_batches(rows, 0, len(rows))

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each file."""
        return fingerprint(self.paths)


def _load(path: str) -> Rows:
    with reading(path, EXPECTED):
        try:
            with opened(path, buffering=BLOCK) as file:  # numpy leaves a damaged one open
                found = np.load(file, allow_pickle=False)
                names = list(found.files) if isinstance(found, np.lib.npyio.NpzFile) else []
                arrays = {name: found[name] for name in names if name in ("x", "y")}
        except CuveeError:
            raise
        except OSError:
            raise
        except Exception as error:  # numpy and zipfile raise whatever damaged bytes lead to
            raise OSError(_reason(error)) from error
    if "x" not in arrays:
        came = ", ".join(names) or "none"
        raise CuveeError(
            f"{path}: expected an array called x, found {came}: write it with "
            "numpy.savez(path, x=x, y=y)."
        )
    x = features(path, arrays["x"])
    return Rows(x, labels(path, arrays.get("y"), len(x)))


def _reason(error: Exception) -> str:
    """What is wrong with the file."""
    if "allow_pickle" in str(error) or "pickled" in str(error):
        return "it holds Python objects instead of numbers and text"
    return str(error) or type(error).__name__
