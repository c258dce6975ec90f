"""Pairs of groups of columns whose mutual information is known: laws that estimators are judged on.

None of them is among the 40 tasks of "Beyond normal" (NeurIPS 2023), and none was used to set a
constant of an estimator.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator, default_rng
from scipy.special import digamma, gammaln, logsumexp, ndtr, ndtri

Pair = tuple[np.ndarray, np.ndarray, float]
Law = Callable[[Generator, int], Pair]
MANY = 60_000
"""Rows behind a truth that is a mean of exact log ratios: its error is below .01 nats."""


def covariance(rng: Generator, dx: int, dy: int, truth: float) -> np.ndarray:
    """Of a Gaussian with this mutual information; columns mixed at random in each group."""
    k = min(dx, dy)
    rho = np.sqrt(1 - np.exp(-2 * truth * rng.dirichlet(np.ones(k))))
    cross = np.zeros((dx, dy))
    cross[range(k), range(k)] = rho
    a, b = rng.standard_normal((dx, dx)), rng.standard_normal((dy, dy))
    found = np.block([[a @ a.T, a @ cross @ b.T], [b @ cross.T @ a.T, b @ b.T]])
    scale = np.sqrt(np.diag(found))
    return found / np.outer(scale, scale)


def drawn(rng: Generator, cov: np.ndarray, n: int) -> np.ndarray:
    return rng.standard_normal((n, len(cov))) @ np.linalg.cholesky(cov).T


def gaussian(dx: int, dy: int, truth: float, bend=lambda z: z) -> Law:
    """A Gaussian, every column bent by an increasing function."""

    def law(rng: Generator, n: int) -> Pair:
        z = bend(drawn(rng, covariance(rng, dx, dy, truth), n))
        return z[:, :dx], z[:, dx:], truth

    return law


def student(dx: int, dy: int, freedom: float, truth: float, bend=lambda z: z) -> Law:
    """Student's law: what correlations say, and what the common size of all columns says."""

    def entropy(d: int) -> float:
        half = (freedom + d) / 2
        level = gammaln(freedom / 2) - gammaln(half) + d / 2 * np.log(freedom * np.pi)
        return float(level + half * (digamma(half) - digamma(freedom / 2)))

    def law(rng: Generator, n: int) -> Pair:
        cov = covariance(rng, dx, dy, truth) if truth else np.eye(dx + dy)
        z = bend(drawn(rng, cov, n) / np.sqrt(rng.chisquare(freedom, (n, 1)) / freedom))
        return z[:, :dx], z[:, dx:], truth + entropy(dx) + entropy(dy) - entropy(dx + dy)

    return law


def rolled(rho: float) -> Law:
    """One column against another that is rolled up in a plane."""

    def law(rng: Generator, n: int) -> Pair:
        x, e = rng.standard_normal((2, n))
        turn = 1.5 * np.pi * (1 + 2 * ndtr(x))
        y = rho * x + np.sqrt(1 - rho**2) * e
        return np.column_stack([turn * np.cos(turn), turn * np.sin(turn)]), y[:, None], float(
            -0.5 * np.log(1 - rho**2)
        )  # fmt: skip

    return law


def added(noise: float) -> Law:
    """A uniform number and the same with uniform noise of less than half its width."""

    def law(rng: Generator, n: int) -> Pair:
        x = rng.random((n, 1))
        return x, x + rng.uniform(-noise, noise, (n, 1)), noise - np.log(2 * noise)

    return law


def turned(dims: int, speed: float, truth: float) -> Law:
    """Two pairs of correlated columns among noise; a plane of each group turns with the radius."""

    def spiral(x: np.ndarray, i: int) -> np.ndarray:
        angle, x = speed * (x**2).sum(axis=1), x.copy()
        c, s = np.cos(angle), np.sin(angle)
        x[:, i], x[:, i + 1] = c * x[:, i] - s * x[:, i + 1], s * x[:, i] + c * x[:, i + 1]
        return x

    def law(rng: Generator, n: int) -> Pair:
        x, y = rng.standard_normal((2, n, dims))
        rho = np.sqrt(1 - np.exp(-truth))
        y[:, :2] = rho * x[:, :2] + np.sqrt(1 - rho**2) * y[:, :2]
        return spiral(x, 0), spiral(y, dims - 2), truth

    return law


def curve(bend: Callable[[np.ndarray], np.ndarray], noise: float, dims: int) -> Law:
    """Columns y = bend(x) + noise, each of its own x, both groups turned at random."""

    def law(rng: Generator, n: int) -> Pair:
        middle = bend(ndtri((np.arange(4000) + 0.5) / 4000))
        grid = np.linspace(middle.min() - 6 * noise, middle.max() + 6 * noise, 3000)
        bells = np.exp(-0.5 * ((grid[:, None] - middle) / noise) ** 2).mean(axis=1)
        bells = np.maximum(bells / noise / np.sqrt(2 * np.pi), 1e-300)
        entropy = -(bells * np.log(bells)).sum() * (grid[1] - grid[0])
        truth = dims * (entropy - 0.5 * np.log(2 * np.pi * np.e * noise**2))
        x = rng.standard_normal((n, dims))
        y = bend(x) + noise * rng.standard_normal((n, dims))
        turns = [np.linalg.qr(rng.standard_normal((dims, dims)))[0] for _ in range(2)]
        return x @ turns[0], y @ turns[1], float(truth)

    return law


def mixture(dx: int, dy: int, kinds: int, apart: float) -> Law:
    """Gaussians in several places; within each, both groups are independent."""

    def law(rng: Generator, n: int) -> Pair:
        places = apart * rng.standard_normal((kinds, dx + dy))

        def draw(rows: int) -> np.ndarray:
            noise = rng.standard_normal((rows, dx + dy))
            return places[rng.integers(kinds, size=rows)] + noise

        def level(z: np.ndarray, columns: slice) -> np.ndarray:
            far = ((z[:, None, columns] - places[:, columns]) ** 2).sum(axis=2)
            return logsumexp(-0.5 * far, axis=1) - np.log(kinds)

        z = draw(MANY)
        parts = [level(z, c) for c in (slice(None), slice(dx), slice(dx, None))]
        z = draw(n)
        return z[:, :dx], z[:, dx:], float((parts[0] - parts[1] - parts[2]).mean())

    return law


def classes(dims: int, kinds: int, apart: float) -> Law:
    """Points around the place of their class, and the class."""

    def law(rng: Generator, n: int) -> Pair:
        places = apart * rng.standard_normal((kinds, dims))

        def draw(rows: int) -> tuple[np.ndarray, np.ndarray]:
            kind = rng.integers(kinds, size=rows)
            return places[kind] + rng.standard_normal((rows, dims)), kind

        x, kind = draw(MANY)
        far = -0.5 * ((x[:, None] - places) ** 2).sum(axis=2)
        truth = (far[np.arange(MANY), kind] - logsumexp(far, axis=1)).mean() + np.log(kinds)
        x, kind = draw(n)
        return x, kind[:, None].astype(float), float(truth)

    return law


LAWS: dict[str, Law] = {
    "gaussian 1+1, cubed": gaussian(1, 1, 0.6, lambda z: z**3),
    "gaussian 2+2": gaussian(2, 2, 1.0),
    "gaussian 3+7": gaussian(3, 7, 0.9),
    "gaussian 12+12": gaussian(12, 12, 0.4),
    "gaussian 20+20": gaussian(20, 20, 1.8),
    "gaussian 35+20": gaussian(35, 20, 1.2, ndtr),
    "student(2) 1+1": student(1, 1, 2, 0.0),
    "student(1.5) 2+2, correlated": student(2, 2, 1.5, 0.3, np.arcsinh),
    "student(2.5) 4+4": student(4, 4, 2.5, 0.0),
    "student(5) 7+7, correlated": student(7, 7, 5, 0.7),
    "uniform noise .15": added(0.15),
    "rolled .8": rolled(0.8),
    "turned 2+2": turned(2, 0.4, 0.7),
    "turned 6+6": turned(6, 0.25, 1.0),
    "cosine 1+1": curve(lambda z: np.cos(2 * z), 0.5, 1),
    "absolute value 3+3": curve(np.abs, 0.5, 3),
    "tanh 5+5": curve(lambda z: np.tanh(2 * z), 0.6, 5),
    "mixture 2+1": mixture(2, 1, 5, 2.0),
    "mixture 3+3": mixture(3, 3, 5, 1.5),
    "mixture 8+8": mixture(8, 8, 5, 0.7),
    "classes 2": classes(2, 5, 1.5),
    "classes 10": classes(10, 3, 0.5),
}


def independent(kind: str, dims: int, rng: Generator, n: int) -> np.ndarray:
    """One group of a pair that does not depend on each other."""
    if kind == "gaussian":
        return drawn(rng, covariance(rng, dims, 1, 0.1)[:dims, :dims], n)
    if kind == "cauchy":
        return rng.standard_normal((n, dims)) / np.abs(rng.standard_normal((n, 1)))
    if kind == "clusters":
        return rng.standard_normal((n, dims)) + 6 * rng.integers(3, size=(n, 1))
    return rng.poisson(2, (n, dims)).astype(float)


NOTHING = [
    ("gaussian", 1, 500), ("gaussian", 5, 1000), ("gaussian", 25, 5000), ("gaussian", 25, 1000),
    ("cauchy", 1, 2000), ("cauchy", 5, 5000), ("clusters", 1, 1000), ("clusters", 3, 5000),
    ("counts", 1, 500), ("counts", 3, 2000),
]  # fmt: skip
"""Kind, columns and rows of pairs that do not depend on each other."""


def pair(law: Law, name: str, n: int, turn: int = 0) -> Pair:
    """A sample of a law, the same each time."""
    return law(default_rng([2026, turn, *name.encode()]), n)
