"""Tables of runs for the tests."""

from pathlib import Path

import numpy as np

from cuvee.core import Points
from cuvee.core.runs import Runs

SOURCES, TARGETS = ("web", "code", "books"), ("web", "books")


def made(n=24, seed=0, noise=0.005, tokens=1e6, params=1e6, worth=None):
    """Runs whose losses follow an exponential law."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(len(SOURCES)), n)
    worth = np.array([[1.5, 0.2, 0.4], [0.4, 0.1, 1.2]]) if worth is None else worth
    losses = 2 + np.exp(1 - shares @ worth.T) + rng.normal(0, noise, (n, len(TARGETS)))
    return Runs(
        SOURCES, TARGETS, tuple(f"r{i}" for i in range(n)), Points.at(shares, tokens, params),
        losses, np.arange(n),
    )  # fmt: skip


def write(path: Path, header: str, *rows: str) -> str:
    """A CSV file."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)
