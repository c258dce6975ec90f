"""Megatron-Energon: a metadataset that blends datasets."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cuvee.core.dataset import Dataset
from cuvee.trainers.weights import (
    check_template,
    check_unit,
    drawn,
    prepared,
    put,
    weights,
    yaml,
)


@dataclass(frozen=True, slots=True)
class Energon:
    """Megatron-Energon: a metadataset in YAML that blends samples.

    Args:
        path: Each source's prepared dataset, seen from the written file; `{name}` is the source,
            `{path}` its path without endings.
        unit: What a sample is: `documents`, or `tokens` if samples are packed to one length.
        split: Part of the metadataset that is blended.

    Fails when: samples are neither documents nor of one length.

    References: NVIDIA Megatron-Energon, megatron/energon/metadataset/metadataset_v2.py, 7.4.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    path: str = "./{name}"
    unit: str = "documents"
    split: str = "train"

    def __post_init__(self) -> None:
        check_template("energon", self.path)
        check_unit("energon", self.unit)

    def write(self, dataset: Dataset, out: Path) -> str:
        """`metadataset.yaml`."""
        parts = drawn(dataset)
        blend = [
            {"weight": float(weight), "path": place}
            for weight, place in zip(weights(parts, self.unit), prepared(parts, self.path))
        ]
        content = {
            "__module__": "megatron.energon",
            "__class__": "MetadatasetV2",
            "splits": {self.split: {"blend": blend}},
        }
        put(out, "metadataset.yaml", yaml(content) + "\n")
        return f'get_train_dataset("{out / "metadataset.yaml"}", ...)'
