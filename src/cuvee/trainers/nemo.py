"""NeMo: the list of weights and paths of its data module."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cuvee.core.dataset import Dataset
from cuvee.trainers.megatron import weighted_prefixes
from cuvee.trainers.weights import check_template, put_json


@dataclass(frozen=True, slots=True)
class Nemo:
    """NeMo 2: `PreTrainingDataModule(paths=...)`, weights of tokens.

    Args:
        path: Prefix of each source's .bin and .idx; `{name}` is the source, `{path}` its path
            without endings.

    Fails when: validation data of their own are wanted; then give the module a dict of lists, of
        which this is `train`.

    References: NVIDIA NeMo, nemo/collections/llm/gpt/data/pre_training.py, version 2.5.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    path: str = "{name}_text_document"

    def __post_init__(self) -> None:
        check_template("nemo", self.path)

    def write(self, dataset: Dataset, out: Path) -> str:
        """`paths.json`."""
        put_json(out, "paths.json", weighted_prefixes(dataset, self.path))
        return f'PreTrainingDataModule(paths=json.load(open("{out / "paths.json"}")), ...)'
