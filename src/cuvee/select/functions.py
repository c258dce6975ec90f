"""Submodular functions of sets of rows, each with what it keeps while rows are added."""

import numpy as np
from jaxtyping import Float32, Float64, Int

from cuvee.select.kernels import Kernel, unit

STEP = 2.0**-19
"""Of the grid on which similarities lie."""


class Similar:
    """The similarities behind a sum over sites; kept, if there is memory, or made when asked.

    Args:
        kernel: Of the rows.
        memory: Bytes that a table of all similarities may have.
    """

    slack = 0.0

    def __init__(self, kernel: Kernel, memory: float) -> None:
        self.kernel = kernel
        whole = kernel.sites is None and 4.0 * len(kernel) ** 2 <= memory
        self.table = kernel.table() if whole else None

    def rows(self, rows: Int[np.ndarray, "some"]) -> Float32[np.ndarray, "some sites"]:
        """A copy of some rows' similarities to all sites."""
        return self.kernel.rows(rows) if self.table is None else self.table[rows]

    def row(self, row: int) -> Float32[np.ndarray, "sites"]:
        """One row's similarities."""
        return self.rows(np.array([row]))[0]


class Facility(Similar):
    """Facility location: the sum over all rows of the similarity to the most similar in the set."""

    def __init__(self, kernel: Kernel, memory: float = 0.0) -> None:
        super().__init__(kernel, memory)
        self.best = np.zeros(kernel.width, np.float32)

    def gains(self, rows: Int[np.ndarray, "some"]) -> Float64[np.ndarray, "some"]:
        """By how much all rows would come nearer."""
        block = self.rows(rows)
        block -= self.best
        return np.maximum(block, 0, out=block).sum(axis=1, dtype=np.float64)

    def add(self, row: int) -> None:
        """Rows that are nearer to this one than to all before are its own now."""
        np.maximum(self.best, self.row(row), out=self.best)


class Saturated(Similar):
    """Saturated coverage: the sum over all rows of their similarity to the set, up to a limit.

    Args:
        kernel: Of the rows.
        part: The limit: this part of a row's similarity to all rows.
        memory: Bytes that a table of all similarities may have.

    References: Lin and Bilmes, "A class of submodular functions for document summarization", ACL
    2011, https://aclanthology.org/P11-1052
    """

    def __init__(self, kernel: Kernel, part: float, memory: float = 0.0) -> None:
        super().__init__(kernel, memory)
        total = sum(block.sum(axis=0, dtype=np.float64) for _, block in kernel.blocks())
        self.room = np.round(part * total / STEP) * STEP

    def gains(self, rows: Int[np.ndarray, "some"]) -> Float64[np.ndarray, "some"]:
        """What of the similarity of each row still counts."""
        return np.minimum(self.rows(rows), self.room).sum(axis=1)

    def add(self, row: int) -> None:
        """Each row has that much less room."""
        self.room = np.maximum(self.room - self.row(row), 0)


class Covered(Similar):
    """Maximum coverage: how many rows are at least so similar to one of the set.

    Args:
        kernel: Of the rows.
        threshold: How similar.
        memory: Bytes that a table of all similarities may have.

    References: Nemhauser, Wolsey and Fisher, "An analysis of approximations for maximizing
    submodular set functions", 1978, https://doi.org/10.1007/BF01588971; Yehuda et al., "Active
    learning through a covering lens", 2022, https://arxiv.org/abs/2205.11320
    """

    def __init__(self, kernel: Kernel, threshold: float, memory: float = 0.0) -> None:
        super().__init__(kernel, memory)
        self.threshold = np.float32(threshold)
        self.open = np.ones(kernel.width, np.float32)

    def gains(self, rows: Int[np.ndarray, "some"]) -> Float64[np.ndarray, "some"]:
        """How many rows that are not covered yet each would cover."""
        near = (self.rows(rows) >= self.threshold).astype(np.float32)
        return (near @ self.open).astype(np.float64)

    def add(self, row: int) -> None:
        """What is similar to it is covered."""
        self.open[self.row(row) >= self.threshold] = 0


class Features:
    """Feature-based: the sum over features of a concave function of how much of it the set has.

    Args:
        amounts: Of each feature in each row, from 0 on.
        concave: "sqrt" or "log", of 1 + amount.

    References: Wei, Iyer and Bilmes, "Fast multi-stage submodular maximization", ICML 2014,
    https://proceedings.mlr.press/v32/wei14.html
    """

    def __init__(self, amounts: Float32[np.ndarray, "rows features"], concave: str) -> None:
        self.amounts, self.concave = amounts, concave
        self.total = np.zeros(amounts.shape[1])
        most = float(amounts.sum(axis=1, dtype=np.float64).max(initial=0))
        self.slack = 1e-12 * max(most, np.sqrt(most * amounts.shape[1]))

    def gains(self, rows: Int[np.ndarray, "some"]) -> Float64[np.ndarray, "some"]:
        """As a difference would be, without its loss of digits."""
        some = self.amounts[rows].astype(np.float64)
        if self.concave == "log":
            return np.log1p(some / (1 + self.total)).sum(axis=1)
        both = np.sqrt(self.total + some) + np.sqrt(self.total)
        return (some / np.where(both > 0, both, 1)).sum(axis=1)

    def add(self, row: int) -> None:
        """The set has that much more of each feature."""
        self.total = self.total + self.amounts[row]


class Cut:
    """Graph cut: similarity of the set to all rows, less a part of that within the set.

    Args:
        kernel: Of the rows.
        trade: What similarity to all rows counts; from 2 on, no row ever takes away from the value.

    References: Iyer et al., "Submodular combinatorial information measures", ALT 2021,
    https://arxiv.org/abs/2006.15412
    """

    def __init__(self, kernel: Kernel, trade: float) -> None:
        self.kernel = Kernel(kernel.points, kernel.norms)
        own = np.ones(len(kernel)) if kernel.norms is not None else np.any(kernel.points, axis=1)
        self.current = trade * len(kernel) / kernel.width * kernel.sums() - own

    def add(self, row: int) -> None:
        """Rows like this one would repeat it."""
        self.current -= 2 * self.kernel.rows(slice(row, row + 1))[0].astype(np.float64)


class LogDet:
    """Log-determinant of 1 + scale times the matrix of inner products: the volume of the set.

    Kept as the inverse of a matrix of features by features (the determinant is the same), so that a
    step costs rows times features, however large the set is.

    Args:
        points: Brought to length 1.
        scale: What an inner product counts beside the 1.

    References: Kulesza and Taskar, "Determinantal point processes for machine learning", 2012,
    https://arxiv.org/abs/1207.6083; Chen, Zhang and Zhou, "Fast greedy MAP inference for
    determinantal point process", 2018, https://arxiv.org/abs/1709.05135
    """

    def __init__(self, points: np.ndarray, scale: float) -> None:
        self.points = unit(points)
        self.scale = scale
        self.inverse = np.eye(self.points.shape[1])
        self.rest = scale * np.sum(self.points**2, axis=1, dtype=np.float64)
        self.current = np.log1p(self.rest)

    def add(self, row: int) -> None:
        """Along this row's direction there is less to gain."""
        along = self.inverse @ self.points[row].astype(np.float64)
        grown = 1 + self.scale * float(self.points[row] @ along)
        seen = (self.points @ along.astype(np.float32)).astype(np.float64)
        self.inverse -= np.outer(along, along) * (self.scale / grown)
        self.rest -= (self.scale * seen) ** 2 / grown
        np.maximum(self.rest, 0, out=self.rest)
        self.current = np.where(self.current > -np.inf, np.log1p(self.rest), -np.inf)
