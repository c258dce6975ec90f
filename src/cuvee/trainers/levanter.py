"""Levanter: sources and training weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cuvee.core.dataset import Dataset
from cuvee.trainers.weights import drawn, paths_of, put, weights, yaml


@dataclass(frozen=True, slots=True)
class Levanter:
    """Levanter: `data.configs` and `data.train_weights` in YAML, weights of tokens.

    Args:
        cache: Folder of the tokenized caches that Levanter builds.

    Fails when: the sources are in a form that Levanter does not read; it reads jsonl (.gz, .zst)
        and parquet with a column `text`.

    References: Levanter, src/levanter/data/text.py, `LMMixtureDatasetConfig`.
    """

    needs: ClassVar[tuple[str, ...]] = ("paths",)
    cache: str = "cache"

    def write(self, dataset: Dataset, out: Path) -> str:
        """`data.yaml`."""
        parts = drawn(dataset)
        content = {
            "data": {
                "cache_dir": self.cache,
                "configs": {part.name: {"train_urls": list(paths_of(part))} for part in parts},
                "train_weights": {
                    part.name: float(weight) for part, weight in zip(parts, weights(parts))
                },
            }
        }
        put(out, "data.yaml", yaml(content) + "\n")
        return f"python -m levanter.main.train_lm --config_path {out / 'data.yaml'} ..."
