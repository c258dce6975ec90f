"""LitGPT: a data module that combines token datasets."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cuvee.core.dataset import Dataset
from cuvee.trainers.weights import check_template, drawn, prepared, put, put_json, weights

MODULE = '''\
"""The mixture of mixture.json beside this file, as a data module of LitGPT."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from litdata import CombinedStreamingDataset, StreamingDataLoader, StreamingDataset, TokensLoader
from litgpt.data import DataModule

MIXTURE = Path(__file__).with_name("mixture.json")


@dataclass
class Mixture(DataModule):
    """Blocks of the sources by their weights; validation text lies in `val_path`."""

    data_path: str = "."
    val_path: str | None = None
    num_workers: int = 8
    batch_size: int = field(init=False, repr=False, default=1)
    seq_length: int = field(init=False, repr=False, default=2048)

    def __post_init__(self):
        super().__init__()

    def connect(self, tokenizer=None, batch_size=1, max_seq_length=None):
        self.batch_size = batch_size
        self.seq_length = (max_seq_length or 2048) + 1  # the next token, too

    def train_dataloader(self):
        mixture = json.loads(MIXTURE.read_text(encoding="utf-8"))
        datasets = [self._dataset(path, mixture["seed"]) for path in mixture["paths"]]
        combined = CombinedStreamingDataset(
            datasets, seed=mixture["seed"], weights=mixture["weights"], iterate_over_all=False
        )
        return self._loader(combined)

    def val_dataloader(self):
        if self.val_path is None:
            return self.train_dataloader()
        return self._loader(self._dataset(self.val_path, 0))

    def _dataset(self, path, seed):
        place = path if "://" in path else str(Path(self.data_path) / path)
        loader = TokensLoader(block_size=self.seq_length)
        return StreamingDataset(place, item_loader=loader, shuffle=True, drop_last=True, seed=seed)

    def _loader(self, dataset):
        return StreamingDataLoader(
            dataset, batch_size=self.batch_size, num_workers=self.num_workers, drop_last=True
        )
'''


@dataclass(frozen=True, slots=True)
class Litgpt:
    """LitGPT: a data module that combines LitData folders of tokens, weights of tokens.

    Args:
        path: Each source's LitData folder; `{name}` is the source, `{path}` its path without
            endings. The written files of `litdata` with a tokenizer are such a folder.

    Fails when: a source has fewer tokens than one block in a chunk.

    References: LitGPT, litgpt/data/tinyllama.py, version 0.5; LitData, `CombinedStreamingDataset`.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    path: str = "{name}"

    def __post_init__(self) -> None:
        check_template("litgpt", self.path)

    def write(self, dataset: Dataset, out: Path) -> str:
        """`mixture.json` and `mixture.py`."""
        parts = drawn(dataset)
        content = {
            "paths": list(prepared(parts, self.path)),
            "weights": weights(parts).tolist(),
            "seed": dataset.seed,
        }
        put_json(out, "mixture.json", content)
        put(out, "mixture.py", MODULE)
        return f"PYTHONPATH={out} litgpt pretrain ... --data mixture.Mixture --data.data_path ..."
