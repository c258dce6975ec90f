"""Hugging Face datasets saved to disk, read without their library."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cuvee.core.data import Batch, Piece
from cuvee.core.errors import CuveeError
from cuvee.sources.arrow import batch_runs, read_batches
from cuvee.sources.files import fingerprint, reading


@dataclass(frozen=True, slots=True)
class Saved:
    """Text column of a dataset written by `Dataset.save_to_disk`; of several splits, `train`.

    Args:
        name: What the user calls it.
        paths: Folders.
        text: Text column; guessed from the usual names by default.
    """

    name: str
    paths: tuple[str, ...]
    text: str | None = None

    def pieces(self) -> tuple[Piece, ...]:
        """Runs of record batches that hold about 32 MB."""
        return tuple(piece for path in self._files() for piece in batch_runs(path, self.text))

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The text of the record batches."""
        return read_batches(piece, self.text)

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each Arrow file."""
        return fingerprint(self._files())

    def _files(self) -> tuple[str, ...]:
        return tuple(file for folder in self.paths for file in _arrow_files(Path(folder)))


def is_saved(folder: Path) -> bool:
    """Whether a folder is a saved dataset, or one with several splits."""
    return (folder / "dataset_dict.json").is_file() or (
        any((folder / mark).is_file() for mark in ("state.json", "dataset_info.json"))
        and next(folder.glob("*.arrow"), None) is not None
    )


def _arrow_files(folder: Path) -> tuple[str, ...]:
    splits = folder / "dataset_dict.json"
    if splits.is_file():
        names = _json(splits).get("splits", [])
        if "train" not in names:
            raise CuveeError(
                f"{folder}: a saved dataset without a split 'train'; name one of its splits: "
                + (", ".join(str(folder / str(name)) for name in names) or "it has none")
            )
        folder = folder / "train"
    state = folder / "state.json"
    if not state.is_file():
        return tuple(str(path) for path in sorted(folder.glob("*.arrow")))
    content = _json(state)
    if content.get("_indices_data_files"):
        raise CuveeError(f"{folder}: rows are picked by an index file; save the dataset again.")
    return tuple(str(folder / entry["filename"]) for entry in content.get("_data_files") or ())


def _json(path: Path) -> dict:
    with reading(str(path), "JSON written by the datasets library"):
        try:
            content = json.loads(path.read_bytes())
        except ValueError as error:
            raise OSError(f"it is no JSON ({error})") from error
        if not isinstance(content, dict):
            raise OSError("it is no JSON object")
        return content
