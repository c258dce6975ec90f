"""Small sources and tables of runs on which every command takes about a second."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from cuvee.core.tables import to_csv
from cuvee.testing.proxies import language

SOURCES = ("web=web.jsonl", "code=code.parquet", "books=books")
TARGET = ("--target", "val.jsonl")


def build(folder: Path) -> None:
    """Three sources, a target, runs on the sources, and runs at several scales."""
    folder.mkdir(parents=True)
    (folder / "web.jsonl").write_bytes(_lines(language(1, 120, 0)))
    pq.write_table(pa.table({"text": language(2, 120, 0)}), folder / "code.parquet")
    (folder / "books").mkdir()
    for i, text in enumerate(language(3, 20, 0)):
        (folder / "books" / f"{i:02}.txt").write_text(text)
    (folder / "val.jsonl").write_bytes(_lines([*language(1, 20, 7), *language(2, 10, 7)]))
    (folder / "twice.jsonl").write_bytes(_lines(_twice()))
    (folder / "test.jsonl").write_bytes(_lines(language(5, 12, 0)))
    (folder / "runs.csv").write_text(to_csv(_runs()))
    (folder / "scales.csv").write_text(to_csv(_scales()))


def _lines(texts: Sequence[str]) -> bytes:
    return b"".join(orjson.dumps({"text": text}) + b"\n" for text in texts)


def _twice() -> list[str]:
    """Documents with copies of some, near copies of others, and test text in a few."""
    once, tests = language(4, 60, 0), language(5, 12, 0)
    near = [f"{text} And so on." for text in once[20:30]]
    leaks = [f"{a} {b}" for a, b in zip(once[30:40], tests)]
    return [*once, *once[:10], *near, *leaks, *language(4, 30, 1)]


def _runs() -> list[dict[str, float]]:
    """Losses of mixtures of the sources, as a smooth law with noise gives them."""
    rng = np.random.default_rng(0)
    rows = []
    for i, w in enumerate(rng.dirichlet(np.ones(3), 24)):
        loss = 3 + 2 * np.exp(-2 * w[0]) + np.exp(-3 * w[1]) + rng.normal(0, 0.01)
        shares = {f"share/{name}": float(x) for name, x in zip(("web", "code", "books"), w)}
        rows.append({"run": i, "params": 1e6, "tokens": 6000} | shares | {"loss/val": float(loss)})
    return rows


def _scales() -> list[dict[str, float]]:
    rng = np.random.default_rng(1)
    return [
        {"params": n, "tokens": d, "loss": float(1.7 + 400 / n**0.34 + 410 / d**0.28 + e)}
        for n in (1e7, 3e7, 1e8, 3e8)
        for d in (2e8, 1e9, 5e9)
        for e in rng.normal(0, 0.005, 1)
    ]
