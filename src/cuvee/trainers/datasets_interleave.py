"""Hugging Face datasets: arguments of `interleave_datasets`."""

import os
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any, ClassVar

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset, Part
from cuvee.trainers.weights import drawn, paths_of, put_json, weights

BUILDERS = {
    ".parquet": "parquet", ".jsonl": "json", ".ndjson": "json", ".json": "json", ".arrow": "arrow",
    ".feather": "arrow", ".csv": "csv", ".tsv": "csv",
}  # fmt: skip
"""Ending of a file -> the builder of `datasets` that reads it."""
COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
STRATEGIES = ("first_exhausted", "all_exhausted", "all_exhausted_without_replacement")


@dataclass(frozen=True, slots=True)
class DatasetsInterleave:
    """Hugging Face datasets: arguments of `interleave_datasets`, probabilities of documents.

    Args:
        stopping: When it ends: `first_exhausted`, `all_exhausted` or
            `all_exhausted_without_replacement`, which keeps no shares once a source is used up.

    Fails when: rows are not documents as cuvee read them, e.g. chunks of a tokenized dataset; an
        exact budget needs the written dataset, as rows are drawn at random here.

    References: Hugging Face datasets, `interleave_datasets`,
        https://huggingface.co/docs/datasets
    """

    needs: ClassVar[tuple[str, ...]] = ("paths",)
    stopping: str = "all_exhausted"

    def __post_init__(self) -> None:
        if self.stopping not in STRATEGIES:
            raise CuveeError(
                f"datasets_interleave: stopping must be one of {', '.join(STRATEGIES)}, "
                f"got {self.stopping!r}."
            )

    def write(self, dataset: Dataset, out: Path) -> str:
        """`interleave.json`."""
        parts = drawn(dataset)
        content = {
            "names": [part.name for part in parts],
            "load_dataset": [loading(part) for part in parts],
            "interleave_datasets": {
                "probabilities": weights(parts, "documents").tolist(),
                "seed": dataset.seed,
                "stopping_strategy": self.stopping,
            },
        }
        put_json(out, "interleave.json", content)
        return (
            f'm = json.load(open("{out / "interleave.json"}"))\n'
            f'parts = [load_dataset(split="train", **a) for a in m["load_dataset"]]\n'
            f'mixed = interleave_datasets(parts, **m["interleave_datasets"])'
        )


def loading(part: Part) -> dict[str, Any]:
    """Arguments of `load_dataset` for a source's files.

    Raises:
        CuveeError: It has none, or of several kinds, or of a kind that has no builder.
    """
    paths = paths_of(part)
    for path in paths:
        check_rows("datasets", part.name, path)
    kinds = {builder(path) for path in paths}
    if kinds == {""} and len(paths) == 1 and not has_magic(paths[0]) and "://" not in paths[0]:
        return {"path": paths[0].rstrip("/")}  # a folder: the library looks what it holds
    if len(kinds) > 1 or "" in kinds:
        raise CuveeError(
            f"source {part.name!r}: expected one folder, or files of one of the kinds "
            f"{', '.join(BUILDERS)}, got {', '.join(paths[:3])}."
        )
    found: dict[str, Any] = {"path": kinds.pop(), "data_files": list(paths)}
    if any(name.lower().endswith(".tsv") for name in paths):
        found["sep"] = "\t"
    return found


def check_rows(reader: str, name: str, path: str) -> None:
    """Refuse plain text, of which a row would be a line, where weights are those of documents.

    Raises:
        CuveeError: The source's path is a text, or a folder or glob of which most are texts.
    """
    files = [path]
    if Path(path).is_dir():
        files = [str(p) for p in Path(path).rglob("*") if p.is_file() and p.name[0] != "."]
    elif has_magic(path) and not os.path.lexists(path) and "://" not in path:
        files = glob(path, recursive=True) or [path]  # noqa: PTH207 - as the reader does
    texts = [file for file in files if not builder(file)]
    lines = [file for file in texts if Path(file).suffix == ".txt"]
    if len(lines) > len(files) - len(texts) or 2 * _bytes(texts) > _bytes(files):
        raise CuveeError(
            f"source {name!r}: {reader} reads a line of text as a document, so that {path} would "
            "get another weight: export the mixed documents instead, e.g. --to datasets."
        )


def _bytes(files: list[str]) -> int:
    return sum(p.stat().st_size for p in map(Path, files) if p.is_file())


def builder(path: str) -> str:
    """Kind of a file by its ending, compression left out; "" for none that is known."""
    name = path.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return next((kind for ending, kind in BUILDERS.items() if name.endswith(ending)), "")
