"""nanotron: folders of a Nanoset and their weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cuvee.core.dataset import Dataset
from cuvee.trainers.weights import check_template, drawn, prepared, put, weights, yaml


@dataclass(frozen=True, slots=True)
class Nanotron:
    """nanotron: a data stage in YAML with folders and weights of tokens.

    Args:
        path: Each source's tokenized folder; `{name}` is the source, `{path}` its path without
            endings.

    Fails when: nanotron is older than `dataset_weights`; it then wants a dict of path and weight.

    References: nanotron, src/nanotron/config/config.py, `NanosetDatasetsArgs`.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    path: str = "{name}"

    def __post_init__(self) -> None:
        check_template("nanotron", self.path)

    def write(self, dataset: Dataset, out: Path) -> str:
        """`data_stages.yaml`."""
        parts = drawn(dataset)
        stage = {
            "name": "mixture",
            "start_training_step": 1,
            "data": {
                "dataset": {
                    "dataset_folder": list(prepared(parts, self.path)),
                    "dataset_weights": weights(parts).tolist(),
                },
                "seed": dataset.seed,
            },
        }
        put(out, "data_stages.yaml", yaml({"data_stages": [stage]}) + "\n")
        return f"the key data_stages of {out / 'data_stages.yaml'} in nanotron's config"
