"""Tables of real training runs, and text for the evidence."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs of one table: shares (runs, sources), losses (runs, targets), tokens (runs,)."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    shares: np.ndarray
    losses: np.ndarray
    tokens: np.ndarray


def read_runs(path: Path) -> Runs:
    """A table with columns share/<source>, loss/<target> and tokens; shares are renormalised."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    sources = tuple(c.removeprefix("share/") for c in rows[0] if c.startswith("share/"))
    targets = tuple(c.removeprefix("loss/") for c in rows[0] if c.startswith("loss/"))
    shares = np.array([[float(r[f"share/{n}"]) for n in sources] for r in rows])
    losses = np.array([[float(r[f"loss/{n}"]) for n in targets] for r in rows])
    tokens = np.array([int(float(r["tokens"])) for r in rows])
    return Runs(sources, targets, shares / shares.sum(axis=1, keepdims=True), losses, tokens)


def split_documents(path: Path, part: float = 0.85) -> tuple[list[str], list[str]]:
    """The first documents of a corpus to train on, the rest held out."""
    documents = pq.read_table(path)["text"].to_pylist()
    cut = int(part * len(documents))
    return documents[:cut], documents[cut:]
