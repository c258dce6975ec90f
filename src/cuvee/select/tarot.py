"""Nearest rows in whitened features, as many as optimal transport to held-out targets wants."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float32
from numpy.random import Generator
from scipy.linalg import solve_triangular

from cuvee.core import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.nearest import BLOCK, Turns, View, unit


@dataclass(frozen=True, slots=True)
class Tarot:
    """Takes the rows nearest to every target row in whitened features, a round at a time.

    Features are whitened by the covariance of pool and target together and scaled to length 1, so
    that no direction in which all rows differ anyway drowns the others. Round r adds each target
    row's r-th nearest. How many rounds are good is asked of held-out target rows: those of a fold
    choose, and rounds go on until the optimal transport distance of the chosen rows to the other
    folds no longer falls. The union over the folds is the size that is proposed; it stands in the
    notes, as the user says how many are taken. The paper's features are gradients of a trained
    model, projected at random; here they are the points of the pool. Rows x target rows x features
    multiplications, and a transport problem for each round of each fold.

    Args:
        folds: Of the target rows; fewer if there are fewer rows.
        blur: Of the transport, as a length: the entropy's weight is its square.
        ridge: Added to the covariance's diagonal, in units of the mean variance.
        most: Target rows that are looked at; of more, a random choice.
        rounds: Rounds of each fold at most.

    Fails when: all features but a few are noise, which whitening makes as large as the rest; the
    target has so few rows that held-out ones say little.

    References: Feng, Nie, Liu and Alahi, "TAROT: Targeted Data Selection via Optimal Transport",
    ICML 2025, https://arxiv.org/abs/2412.00420
    """

    folds: int = 5
    blur: float = 0.01
    ridge: float = 1e-5
    most: int = 1000
    rounds: int = 100

    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = True
    seeks: ClassVar[str] = "target"

    def __post_init__(self) -> None:
        if self.folds < 2 or self.most < 2 or self.rounds < 1:
            raise CuveeError(
                "tarot: expected folds >= 2, most >= 2 and rounds >= 1, got "
                f"{self.folds}, {self.most} and {self.rounds}."
            )
        if not (self.blur > 0 and self.ridge > 0):
            raise CuveeError(
                f"tarot: blur and ridge must be above 0, got {self.blur} and {self.ridge}."
            )

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows in the order of the rounds; the notes say how many it would have taken."""
        if target is None:
            raise CuveeError("tarot: there is no target: give --target.")
        wanted = target.need("points")
        some = np.sort(rng.permutation(len(wanted))[: self.most])
        points = pool.need("points")
        view = whitening(points, wanted[some], self.ridge)
        wanted = view(wanted[some])
        found = Turns.of(points, wanted, pool.sizes, k, self.rounds, view)
        notes = [self._proposal(view, wanted, found.lists, pool, rng)]
        if len(some) < len(target):
            notes.append(f"{len(some)} of {len(target)} target rows were looked at.")
        meaning = "whitened cosine to the target row whose turn it was"
        return found.choice(pool, k, meaning, tuple(notes))

    def _proposal(
        self, view: View, wanted: np.ndarray, lists: np.ndarray, pool: Pool, rng: Generator
    ) -> str:
        folds = min(self.folds, len(wanted))
        if folds < 2:
            return "One target row: none can be held out, so no size is proposed."
        fold = rng.permutation(len(wanted)) % folds
        union: np.ndarray = np.zeros(0, np.int64)
        ran_out = False
        for f in range(folds):
            rows, fell = self._rounds(view, pool, wanted[fold != f], lists[fold == f])
            union = np.union1d(union, rows)
            ran_out |= fell
        tokens = int(pool.sizes[union].sum())
        said = (
            f"By itself it would take {len(union)} rows ({tokens} tokens): with more, the "
            "transport distance to held-out target rows no longer falls"
        )
        return said + (" (or the rounds were over)." if ran_out else ".")

    def _rounds(
        self, view: View, pool: Pool, held: np.ndarray, lists: np.ndarray
    ) -> tuple[np.ndarray, bool]:
        """Rows of the last round that brought the choice nearer; whether all rounds did."""
        points = pool.need("points")
        best, kept = np.inf, np.unique(lists[:, :1])
        for r in range(1, min(self.rounds, lists.shape[1]) + 1):
            rows = np.unique(lists[:, :r])
            far = transport(view(points[rows]), held, self.blur)
            if far >= best:
                return kept, False
            best, kept = far, rows
        return kept, True


def whitening(
    pool: Float32[np.ndarray, "rows dims"], target: Float32[np.ndarray, "targets dims"],
    ridge: float,
) -> View:  # fmt: skip
    """What makes points uncorrelated over pool and target together, and of length 1."""
    n, dims = len(pool) + len(target), pool.shape[1]
    blocks = [slice(i, i + BLOCK) for i in range(0, len(pool), BLOCK)]
    total = target.sum(axis=0, dtype=np.float64)
    for block in blocks:
        total += pool[block].sum(axis=0, dtype=np.float64)
    middle = total / n
    spread = (target - middle).T @ (target - middle) / n
    for block in blocks:
        apart = pool[block] - middle
        spread += apart.T @ apart / n
    spread += ridge * (np.trace(spread) / dims or 1.0) * np.eye(dims)
    root = np.linalg.cholesky(spread)
    turn = solve_triangular(root, np.eye(dims), lower=True).T.astype(np.float32)
    middle = middle.astype(np.float32)
    return lambda points: unit((points - middle) @ turn)


def transport(
    a: Float32[np.ndarray, "n dims"], b: Float32[np.ndarray, "m dims"], blur: float
) -> float:
    """Optimal transport distance between points of length 1, each side of equal masses.

    The cost is the length of the difference. Sinkhorn with the entropy's weight falling from the
    largest cost to the blur, halved as a length each time; the value is that of the dual.
    """
    cost = np.sqrt(np.maximum(2 - 2 * (a @ b.T), 0))
    f, g = np.zeros(len(a), np.float32), np.zeros(len(b), np.float32)
    length = 2.0
    while True:
        weight = np.float32(length**2)
        f = _softmin(cost, g, weight)
        g = _softmin(cost.T, f, weight)
        if length <= blur:
            return float(np.mean(_softmin(cost, g, weight), dtype=np.float64) + g.mean())
        length = max(length / 2, blur)


def _softmin(
    cost: Float[np.ndarray, "n m"], g: Float[np.ndarray, "m"], weight: np.float32
) -> Float[np.ndarray, "n"]:
    """Of each row, a smooth minimum of cost less potential, masses being 1/m."""
    gap = (g - cost) / weight
    top = gap.max(axis=1, keepdims=True)
    return -weight * (top[:, 0] + np.log(np.exp(gap - top).mean(axis=1)))
