"""Realised against asked shares in a written dataset: within 0.1% from 1M tokens on.

The tokens of the written documents are counted again from the files, not taken from the manifest.
"""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.shared import Figure, Options, corpora, data_of, targets
from cuvee import export
from cuvee.core.units import Words

BUDGETS = (1_000_000, 5_000_000)
MIXTURES = 5


def run(options: Options) -> list[Figure]:
    """Largest deviation over random mixtures and sources, as a percentage of the budget."""
    texts = corpora()[0]
    data = data_of(texts, targets(10_000), workers=0)
    survey = data.survey()[0]
    rng = np.random.default_rng(0)
    figures = []
    for budget in BUDGETS:
        deviations, relative = [], []
        for seed in range(MIXTURES):
            asked = rng.dirichlet(np.ones(len(texts)))
            with tempfile.TemporaryDirectory() as folder:
                export.write_dataset(Path(folder), data, survey, asked, budget,
                                     format=export.load("parquet"), seed=seed)  # fmt: skip
                found = realised(Path(folder), tuple(texts))
            off = np.abs(found / found.sum() - asked)
            deviations.append(100 * float(off.max()))
            relative.append(100 * float((off / asked).max()))
        figures += [
            Figure(f"{budget / 1e6:g}M tokens, largest deviation", [max(deviations)], "%",
                   "<= 0.1", f"limit {50 / budget:.1e}: half a token",
                   f"{MIXTURES} random mixtures of {len(texts)} sources, tokens counted again"),
            Figure(f"{budget / 1e6:g}M tokens, relative to the share", [max(relative)], "%",
                   note="the smallest shares decide"),
        ]  # fmt: skip
    return figures


def realised(folder: Path, names: tuple[str, ...]) -> np.ndarray:
    """Tokens of each source in the files of a dataset."""
    found = dict.fromkeys(names, 0)
    for path in sorted(folder.glob("data/*.parquet")):
        table = pq.read_table(path)
        for name in names:
            mine = table.filter(np.array(table["source"].to_pylist()) == name)["text"]
            for chunk in mine.chunks:
                found[name] += sum(len(cut.ids) for cut in Words().cut(chunk))
    return np.array([found[name] for name in names], float)
