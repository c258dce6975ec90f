"""Hugging Face datasets saved to disk, read without their library."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cuvee.core import remote
from cuvee.core.data import Batch, Piece
from cuvee.core.errors import CuveeError
from cuvee.core.remote import is_address
from cuvee.sources.arrays import encodes
from cuvee.sources.arrow import batch_runs, read_batches, read_records
from cuvee.sources.files import (
    BLOCK,
    fingerprint,
    is_file,
    joined,
    opened,
    pieces_of,
    reading,
)
from cuvee.sources.folder import check_inside


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
        return pieces_of(batch_runs, self._files(), self.text)

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The text of the record batches."""
        return read_batches(piece, self.text)

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Rows of the documents, with all columns or some."""
        return read_records(piece, self.text, columns)

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each Arrow file."""
        return fingerprint(self._files())

    def _files(self) -> tuple[str, ...]:
        return tuple(file for folder in self.paths for file in _arrow_files(folder))


def is_saved(folder: str) -> bool:
    """Whether a folder is a saved dataset, or one with several splits."""
    return is_file(joined(folder, "dataset_dict.json")) or (
        any(is_file(joined(folder, mark)) for mark in ("state.json", "dataset_info.json"))
        and bool(_arrows(folder))
    )


def _arrows(folder: str) -> tuple[str, ...]:
    if is_address(folder):
        return tuple(remote.matches(joined(folder, "*.arrow")))
    return tuple(str(path) for path in sorted(Path(folder).glob("*.arrow")))


def _arrow_files(folder: str) -> tuple[str, ...]:
    """Of a saved dataset, which lie in its folder: see `check_inside`."""
    files = _of_split(folder)
    if not is_address(folder):
        check_inside(folder, files)
    return files


def _of_split(folder: str) -> tuple[str, ...]:
    splits = joined(folder, "dataset_dict.json")
    if is_file(splits):
        names = _json(splits).get("splits")
        names = names if isinstance(names, list) else []
        if "train" not in names:
            raise CuveeError(
                f"{folder}: a saved dataset without a split 'train'; name one of its splits: "
                + (", ".join(joined(folder, str(name)) for name in names) or "it has none")
            )
        folder = joined(folder, "train")
    state = joined(folder, "state.json")
    if not is_file(state):
        return _arrows(folder)
    content = _json(state)
    if content.get("_indices_data_files"):
        raise CuveeError(f"{folder}: rows are picked by an index file; save the dataset again.")
    return tuple(joined(folder, name) for name in _names(state, content))


def _names(state: str, content: dict) -> list[str]:
    """Files that a state names; they lie beside it, or it is no state that the library wrote."""
    files = content.get("_data_files") or []
    files = files if isinstance(files, list) else [files]
    names: list[str] = []
    for file in files:
        name = file.get("filename") if isinstance(file, dict) else None
        if not isinstance(name, str) or Path(name).name != name or not encodes(name):
            raise CuveeError(f"{state}: expected names of Arrow files beside it, got {name!r:.80}.")
        names.append(name)
    return names


def _json(path: str) -> dict:
    with reading(path, "JSON written by the datasets library"):
        try:
            with opened(path, buffering=BLOCK) as file:
                content = json.loads(file.read())
        except CuveeError:
            raise
        except (ValueError, RecursionError) as error:
            raise OSError(f"it is no JSON ({error})") from error
        if not isinstance(content, dict):
            raise OSError("it is no JSON object")
        return content
