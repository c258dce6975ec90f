"""How a small network is trained: learning rate, batch, and their course over a run."""

from dataclasses import dataclass
from math import cos, pi
from typing import Literal

from cuvee.core import CuveeError

Course = Literal["wsd", "cosine", "constant"]

HIGHEST = 0.012
"""Learning rate beyond which the smallest networks became worse, whatever the length."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of AdamW for one run.

    Args:
        lr: Highest learning rate.
        rows: Windows of a batch.
        planned: Windows of the whole run.
        course: Of the learning rate: a plateau with a linear fall to 0 at the end, a cosine down
            to a tenth, or the plateau alone. Each begins with a linear rise.
        warmup: Part of the run in which it rises.
        decay: Part of the run in which it falls, for `wsd`.
        weight_decay: Of matrices, per unit of learning rate.
        clip: Longest gradient.
    """

    lr: float
    rows: int
    planned: int
    course: Course
    warmup: float
    decay: float
    weight_decay: float
    clip: float = 1.0

    def rate(self, done: int) -> float:
        """The learning rate after so many windows."""
        at = min(done / max(self.planned, 1), 1.0)
        rise = min((at + 1 / max(self.planned / self.rows, 1)) / max(self.warmup, 1e-9), 1.0)
        if self.course == "constant":
            return self.lr * rise
        if self.course == "cosine":
            return self.lr * rise * (0.55 + 0.45 * cos(pi * at))
        return self.lr * rise * min((1 - at) / max(self.decay, 1e-9), 1.0)


def law(params: float, tokens: float) -> tuple[float, float]:
    """Learning rate, and tokens of a batch, for a size and a length.

    The batch is that of Step Law. Its learning rate, fitted to networks of 60M parameters and more,
    is several times too high for ours, so the rate here has a law of its own, fitted to a sweep
    (`evidence/proxies/transformer_sweep.csv`) and checked elsewhere (`transformer_settings`).

    Args:
        params: Parameters outside the embedding.
        tokens: That the run trains on.

    References: Li et al., "Predictable scale: part I, Step Law", arXiv 2503.04715, 2025.
    """
    if not (params > 0 and tokens > 0):
        raise CuveeError(f"expected parameters and tokens above 0, got {params} and {tokens}.")
    rate = 0.008 * (params / 1e5) ** -0.45 * (tokens / 2.5e5) ** 0.15
    return min(rate, HIGHEST), 0.58 * tokens**0.571
