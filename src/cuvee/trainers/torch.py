"""PyTorch: a weight for each document, for a random sampler."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset
from cuvee.core.files import write_whole
from cuvee.trainers.weights import drawn, put_json, weights

MOST = 2**24
"""Categories that `torch.multinomial` draws among, and so a sampler of weights."""


@dataclass(frozen=True, slots=True)
class Torch:
    """PyTorch: weights of documents for `WeightedRandomSampler` over all sources in order.

    Fails when: the user's dataset leaves out rows that cuvee counted, or has rows that cuvee did
        not: its order must be all documents of the first source, then of the second, and so on.
        Documents are drawn with replacement: some are never seen.

    References: PyTorch, `torch.utils.data.WeightedRandomSampler`,
        https://docs.pytorch.org/docs/stable/data.html
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def write(self, dataset: Dataset, out: Path) -> str:
        """`weights.npy`, and `sampler.json` that says which rows are whose."""
        kept = drawn(dataset)
        rows = [part.available_documents for part in dataset.parts]
        if sum(rows) > MOST:
            raise CuveeError(
                f"torch.multinomial draws among at most {MOST} documents, the sources hold "
                f"{sum(rows)}: export datasets_interleave, or the mixed documents as datasets."
            )
        chosen = dict(zip((part.name for part in kept), weights(kept, "documents")))
        shares = [float(chosen.get(part.name, 0.0)) for part in dataset.parts]
        each = np.repeat([s / max(n, 1) for s, n in zip(shares, rows)], rows)
        write_whole(out / "weights.npy", lambda path: _save(path, each))
        first = np.cumsum([0, *rows])
        sources = [
            {"name": part.name, "paths": list(part.paths), "first": int(start), "documents": n,
             "probability": share}
            for part, start, n, share in zip(dataset.parts, first, rows, shares)
        ]  # fmt: skip
        content = {"num_samples": dataset.documents, "seed": dataset.seed, "sources": sources}
        put_json(out, "sampler.json", content)
        return (
            f'WeightedRandomSampler(np.load("{out / "weights.npy"}"), '
            f"num_samples={dataset.documents}, "
            f"generator=torch.Generator().manual_seed({dataset.seed}))"
        )


def _save(path: Path, each: np.ndarray) -> None:
    with path.open("wb") as file:  # np.save would add an ending to a path
        np.save(file, each)
