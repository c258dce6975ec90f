"""LLaMA-Factory: a list of datasets and their probabilities."""

import os
import re
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import Any, ClassVar

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset, Part
from cuvee.trainers.datasets_interleave import check_rows
from cuvee.trainers.weights import decimal, drawn, put, put_json, the_path, weights, yaml

STRATEGIES = ("interleave_over", "interleave_under", "interleave_once")
ENDINGS = (".arrow", ".csv", ".json", ".jsonl", ".parquet")
"""What LLaMA-Factory reads by rows; nothing compressed, and of .txt a row would be a line."""


@dataclass(frozen=True, slots=True)
class LlamaFactory:
    """LLaMA-Factory: `dataset_info.json` and the keys of its YAML, probabilities of documents.

    Args:
        column: Text column of the sources.
        strategy: When it ends: `interleave_over` (all sources used up), `interleave_under` (the
            first), or `interleave_once` (all, none repeated).

    Fails when: samples are packed; probabilities are then those of documents all the same.

    References: Zheng et al., "LlamaFactory", 2024, https://arxiv.org/abs/2403.13372
    """

    needs: ClassVar[tuple[str, ...]] = ("paths",)
    column: str = "text"
    strategy: str = "interleave_over"

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES or not self.column:
            raise CuveeError(
                f"llama_factory: strategy must be one of {', '.join(STRATEGIES)} and column a "
                f"name, got {self.strategy!r} and {self.column!r}."
            )

    def write(self, dataset: Dataset, out: Path) -> str:
        """`dataset_info.json` and `mixture.yaml`."""
        parts = drawn(dataset)
        keys = safe_names([part.name for part in parts])
        info = {
            key: {**_where(part), "columns": {"prompt": self.column}}
            for key, part in zip(keys, parts)
        }
        content = {
            "dataset": ",".join(keys),
            "mix_strategy": self.strategy,
            "interleave_probs": ",".join(map(decimal, weights(parts, "documents"))),
            "seed": dataset.seed,
        }
        put_json(out, "dataset_info.json", info)
        put(out, "mixture.yaml", yaml(content) + "\n")
        return f"dataset_dir: {out}\nand the lines of {out / 'mixture.yaml'} in the training YAML"


def safe_names(names: list[str]) -> list[str]:
    """Names that survive being cut at commas and stripped: as they are where they may stay."""
    found: list[str] = []
    for name in names:
        plain = base = re.sub(r"[^\w.+-]+", "_", name).strip("_") or "source"
        number = 2
        while plain in found or (plain != name and plain in names):
            plain, number = f"{base}_{number}", number + 1
        found.append(plain)
    return found


def _where(part: Part) -> dict[str, Any]:
    """A file or a folder, absolute: a relative path would be looked for below `dataset_dir`."""
    path = the_path(part)
    if "://" in path:
        if not path.startswith(("s3://", "gs://")) or not path.endswith((".json", ".jsonl")):
            raise CuveeError(
                f"source {part.name!r}: LLaMA-Factory reads remote .json and .jsonl files by "
                f"s3:// and gs:// only, got {path}: copy it to this machine."
            )
        return {"cloud_file_name": path}
    check_rows("LLaMA-Factory", part.name, path)
    if has_magic(path) and not os.path.lexists(path):
        path = _folder_of(part.name, path)
    elif not Path(path).is_dir() and not path.endswith(ENDINGS):
        raise CuveeError(
            f"source {part.name!r}: LLaMA-Factory reads {', '.join(ENDINGS)}, got {path}: "
            f"convert it, or export the mixed documents as datasets."
        )
    return {"file_name": str(Path(path).absolute())}


def _folder_of(name: str, pattern: str) -> str:
    """The folder that a glob stands for, if the glob is all of it."""
    folder = Path(pattern).parent
    found = set() if has_magic(str(folder)) else set(folder.glob(Path(pattern).name))
    if not found or found != set(folder.iterdir()):
        raise CuveeError(
            f"source {name!r}: LLaMA-Factory reads one file or one whole folder a source, "
            f"got {pattern}: put these files into a folder of their own."
        )
    return str(folder)
