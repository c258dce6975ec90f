"""What does training on a choice give? The chosen documents as sources, and a proxy's loss."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int64

from cuvee import proxies
from cuvee.core import CuveeError, Estimate, Trial, stream
from cuvee.core.data import Batch, Data, Piece, Source
from cuvee.core.pool import Choice
from cuvee.documents.selecting import Opened

CLASSES = 4
"""Of documents of about the same weight, which are trained on equally often."""


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """The chosen documents of a pool, as one source.

    Args:
        opened: The pool.
        rows: Numbers of the documents, rising.
        name: As a source.
    """

    opened: Opened
    rows: np.ndarray
    name: str = "chosen"

    def pieces(self) -> tuple[Piece, ...]:
        """Numbers of the pool's pieces of which something was chosen."""
        starts = self.opened.pool.starts
        cuts = np.searchsorted(self.rows, starts)
        return tuple(Piece("", i, i + 1) for i in range(len(starts) - 1) if cuts[i] < cuts[i + 1])

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The chosen documents of it."""
        pool = self.opened.pool
        i, part = pool.jobs[piece.start]
        a, b = pool.starts[piece.start], pool.starts[piece.stop]
        here = self.rows[np.searchsorted(self.rows, a) : np.searchsorted(self.rows, b)] - a
        first = 0
        for batch in pool.sources[i].read(part):
            stays = np.zeros(len(batch.text), bool)
            stays[here[(here >= first) & (here < first + len(stays))] - first] = True
            first += len(stays)
            if stays.any():
                yield Batch(batch.text.filter(pa.array(stays)))

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of the chosen documents."""
        keys = self.opened.pool.keys[self.rows]
        return {"chosen": f"{np.bitwise_xor.reduce(keys):016x}-{len(keys)}"}


def loss_of(opened: Opened, choice: Choice, judging: Sequence[Source], proxy: str) -> Estimate:
    """Loss of a proxy that is trained on as many tokens as were chosen: each document once, or as
    often as its weight says.

    Args:
        opened: The pool.
        choice: Of it.
        judging: Text that judges; the loss is the mean over all.
        proxy: What is trained.

    Raises:
        CuveeError: There is no text to train on, or the proxy reads something else.
    """
    question = opened.selection.question
    parts, weights = weight_classes(choice, opened.pool.sizes)
    picked = tuple(Picked(opened, rows, f"chosen {i}") for i, rows in enumerate(parts))
    data = Data(picked, tuple(judging), opened.units, opened.engine)
    made = proxies.load(proxy)
    proxies.check_reads(made, data)
    trainer, _ = made.prepare(data, rng=stream(question.seed, "proxy"))
    tokens = float(trainer.available.sum())
    if not tokens:
        raise CuveeError("the chosen documents hold no text: nothing can be trained on them.")
    shares = weights * trainer.available
    trial = Trial(shares / shares.sum(), tokens)
    found = trainer.run(trial, rng=stream(question.seed, "trial")).losses
    center = None if found.center is None else np.mean(found.center, keepdims=True)
    return Estimate(found.draws.mean(axis=1, keepdims=True), found.unit, found.spread, center)


def weight_classes(
    choice: Choice, sizes: Int64[np.ndarray, "documents"]
) -> tuple[list[Int64[np.ndarray, "some"]], Float[np.ndarray, "classes"]]:
    """Chosen rows by their weight, a few classes of like tokens, and the mean weight of each.

    Args:
        choice: Rows, and maybe weights.
        sizes: Tokens of every document of the pool.
    """
    order = np.argsort(choice.rows)
    rows = choice.rows[order]
    if choice.weight is None or not np.ptp(choice.weight):
        return [rows], np.ones(1)
    weight, size = choice.weight[order], sizes[rows].astype(float)
    values, kind = np.unique(weight, return_inverse=True)
    if len(values) > CLASSES:
        rising = np.argsort(weight, kind="stable")
        ends = np.cumsum(size[rising])
        kind[rising] = np.minimum((ends - 1) * CLASSES // ends[-1], CLASSES - 1).astype(int)
    classes = [np.flatnonzero(kind == i) for i in np.unique(kind)]
    means = [np.average(weight[some], weights=size[some]) for some in classes]
    return [rows[some] for some in classes], np.array(means)
