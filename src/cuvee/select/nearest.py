"""Each target row's nearest rows of the pool, and the pool in the order in which they come up."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt64

from cuvee.core.pool import TARGET_ROW, Choice, Pool, Quota

PRODUCTS = 1 << 22
"""Similarities computed at a time."""
BLOCK = 1 << 16
"""Rows looked at together, at most."""
MOST = 1 << 26
"""Entries of all lists together: half a gigabyte."""
View = Callable[[np.ndarray], np.ndarray]
"""Makes features of points."""
_HALF = np.uint64(32)
_SIGN = np.uint32(1 << 31)


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """Rows in the order in which targets, in turn, ask for their next nearest.

    Args:
        rows: None twice.
        target: Whose turn each was.
        turn: Which of its turns.
        near: Similarity of each to that target.
        best: Of every row of the pool, its similarity to the target nearest to it.
        lists: Of each target, its nearest rows, the nearest first.
        rest: Of `rows`, the last ones that came in the order of `best`: no list was so long.
    """

    rows: Int64[np.ndarray, "some"]
    target: Int64[np.ndarray, "some"]
    turn: Int64[np.ndarray, "some"]
    near: Float32[np.ndarray, "some"]
    best: Float32[np.ndarray, "rows"]
    lists: Int64[np.ndarray, "targets depth"]
    rest: int = 0

    @staticmethod
    def of(
        points: Float32[np.ndarray, "rows dims"],
        targets: Float32[np.ndarray, "targets dims"],
        sizes: Int64[np.ndarray, "rows"],
        k: Quota,
        depth: int = 8,
        view: "View | None" = None,
    ) -> "Turns":
        """As many rows as the quota takes, or more.

        Rows x targets x dims multiplications, some rows at a time. Lists are made twice as long
        until all together hold enough different rows; they take 8 bytes an entry, and about as
        many entries as rows are asked for, as long as targets do not all want the same.

        Args:
            points: Of the pool, as they are.
            targets: Of length 1, so that products are cosines.
            sizes: Tokens of each row.
            k: How much.
            depth: Nearest rows of each target that are listed at least.
            view: Makes points of the pool what targets are; None: of length 1.
        """
        n, each = len(points), -(-k.about(sizes) // len(targets))
        depth = min(n, max(depth, 2 * each))
        while True:
            keys, best = _lists(points, targets, depth, view or unit)
            found = _turns(keys, best)
            rows = k.fill(found.rows, sizes)
            if depth == n or k.full(len(rows), int(sizes[rows].sum())):
                return found
            if 2 * depth * len(targets) > MOST:
                return _with_rest(found)
            depth = min(n, 2 * depth)

    def choice(self, pool: Pool, k: Quota, meaning: str, notes: tuple[str, ...] = ()) -> Choice:
        """The first rows that fit."""
        rows = k.fill(self.rows, pool.sizes)
        place = np.zeros(len(pool), np.int64)
        place[self.rows] = np.arange(len(self.rows))
        at = place[rows]
        if self.rest and at.max() >= len(self.rows) - self.rest:
            notes = (
                *notes,
                "Lists of nearest rows ran out: the last come by best similarity.",
            )
        return Choice(
            rows, self.near[at], meaning, self.target[at], TARGET_ROW, scores=self.best,
            notes=notes,
        )  # fmt: skip


def unit(points: Float[np.ndarray, "rows dims"]) -> Float32[np.ndarray, "rows dims"]:
    """Points scaled to length 1; zeros stay."""
    points = np.asarray(points, np.float32)
    length = np.sqrt(np.einsum("nd,nd->n", points, points))[:, None]
    return points / np.maximum(length, np.float32(1e-12))


def _lists(
    points: np.ndarray, targets: np.ndarray, depth: int, view: View
) -> tuple[UInt64[np.ndarray, "targets depth"], Float32[np.ndarray, "rows"]]:
    """Keys of each target's nearest rows, sorted; and each row's best similarity.

    A key is a similarity, upside down, and a row in the lower half, so that equals are in order.
    """
    step = min(max(PRODUCTS // len(targets), 1), BLOCK)
    parts, width = [np.zeros((len(targets), 0), np.uint64)], 0
    best = np.zeros(len(points), np.float32)
    for start in range(0, len(points), step):
        near = targets @ view(points[start : start + step]).T
        best[start : start + step] = near.max(axis=0)
        rows = np.arange(start, start + near.shape[1], dtype=np.uint64)
        bits = (near + np.float32(0)).view(np.uint32)  # -0 becomes 0
        up = np.where(bits & _SIGN, ~bits, bits | _SIGN)
        parts.append(((~up).astype(np.uint64) << _HALF) | rows)
        width += len(rows)
        if width >= 2 * depth or start + step >= len(points):
            kept = np.concatenate(parts, axis=1)
            if width > depth:
                kept = np.partition(kept, depth - 1, axis=1)[:, :depth].copy()
            parts, width = [kept], kept.shape[1]
    return np.sort(parts[0], axis=1), best


def _turns(keys: UInt64[np.ndarray, "targets depth"], best: np.ndarray) -> Turns:
    lists = (keys & np.uint64(2**32 - 1)).astype(np.int64)
    asked = lists.T.ravel()
    first = np.sort(np.unique(asked, return_index=True)[1])
    up = ~(keys.T.ravel()[first] >> _HALF).astype(np.uint32)
    near = np.where(up & _SIGN, up ^ _SIGN, ~up).view(np.float32)
    turn, target = np.divmod(first, len(keys))
    return Turns(asked[first], target, turn, near, best, lists)


def _with_rest(found: Turns) -> Turns:
    """All rows: those on no list by their similarity to the target nearest to them."""
    left = np.ones(len(found.best), bool)
    left[found.rows] = False
    rest = np.flatnonzero(left)
    rest = rest[np.argsort(-found.best[rest], kind="stable")]
    none = np.full(len(rest), -1)
    return Turns(
        np.r_[found.rows, rest], np.r_[found.target, none], np.r_[found.turn, none],
        np.r_[found.near, found.best[rest]], found.best, found.lists, len(rest),
    )  # fmt: skip
