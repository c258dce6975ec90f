"""Planted samples: none, some or much of what a measure asks for."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator, default_rng
from scipy.sparse import csr_array

from cuvee.contracts import Measure
from cuvee.core.sample import BLOCKS, Sample

KINDS = ("points", "labels", "symbols", "texts")
Pair = tuple[Sample, ...]
ROWS, DIMS, CLASSES = 300, 3, 6
AMOUNT = {"none": 0, "some": 1, "much": 2}
WORDS = 400
NAMES = ("a", "b")


def planted(method: Measure, how: str, seed: int = 0) -> Pair:
    """Samples that hold none, some or much of what the method asks for.

    Args:
        method: Whose question, and which views.
        how: "none", "some" or "much".
        seed: Of the rows.
    """
    takes = (method.takes,) * 2 if isinstance(method.takes, str) else method.takes
    made = PLANTED[method.asks](AMOUNT[how], tuple(takes), method.of, default_rng([seed, 7]))
    return made if method.of != "one" else made[:1]


def _differing(amount: int, takes: tuple[str, ...], of: str, rng: Generator) -> Pair:
    """Two laws that are so far apart."""
    return tuple(
        _law(kind, amount * i, rng, name) for i, (kind, name) in enumerate(zip(takes, NAMES))
    )


def _law(kind: str, far: int, rng: Generator, name: str) -> Sample:
    if kind == "points":
        return Sample.of_points(rng.standard_normal((ROWS, DIMS)) + 0.7 * far, name)
    odds = np.arange(1, CLASSES + 1.0) ** (0.5 * far)
    odds /= odds.sum()
    if kind == "labels":
        return Sample.of_labels(rng.choice(CLASSES, ROWS, p=odds), name, CLASSES)
    if kind == "symbols":
        table = csr_array(rng.multinomial(40, odds, BLOCKS).astype(np.float64))
        return Sample(name, symbols=table, size=40 * BLOCKS)
    texts = tuple(" ".join(map("w{}".format, rng.choice(CLASSES, 20, p=odds))) for _ in range(ROWS))
    return Sample(name, texts=texts, size=ROWS)


def _depending(amount: int, takes: tuple[str, ...], of: str, rng: Generator) -> Pair:
    """Columns of the same rows that depend so much on each other."""
    tie = (0.0, 0.6, 0.95)[amount]
    base = rng.standard_normal((ROWS, 2))
    other = tie * base + np.sqrt(1 - tie**2) * rng.standard_normal((ROWS, 2))
    if of == "one":
        if takes[0] == "points":
            # One cause of all columns: two pairs that know nothing of each other would have no
            # O-information, however much each pair shares.
            cause, own = rng.standard_normal((ROWS, 1)), rng.standard_normal((ROWS, DIMS + 1))
            return (Sample.of_points(tie * cause + np.sqrt(1 - tie**2) * own),)
        return (Sample.of_labels(_cut(base[:, 0]) * CLASSES + _cut(other[:, 0])),)
    return tuple(
        _seen(values, kind, name) for values, kind, name in zip((base, other), takes, NAMES)
    )


def _seen(values: np.ndarray, kind: str, name: str) -> Sample:
    if kind == "points":
        return Sample.of_points(values, name)
    return Sample.of_labels(_cut(values[:, 0]), name, CLASSES)


def _cut(values: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.linspace(-1.5, 1.5, CLASSES - 1), values)


def _spread(amount: int, takes: tuple[str, ...], of: str, rng: Generator) -> Pair:
    """A law of small or large entropy; with two samples, the second is a reference of all."""
    kinds = (2, 3, CLASSES)[amount]
    made = [_clustered(kinds, takes[0], rng, "a")]
    if of != "one":
        made.append(_clustered(CLASSES, takes[1], rng, "b"))
    return tuple(made)


def _clustered(kinds: int, view: str, rng: Generator, name: str) -> Sample:
    """Rows of so many kinds, each with a place and words of its own."""
    kind = rng.integers(kinds, size=ROWS)
    if view == "points":
        places = default_rng(2).standard_normal((CLASSES, DIMS)) * 4
        wide = 0.1 + 0.2 * kinds
        return Sample.of_points(places[kind] + wide * rng.standard_normal((ROWS, DIMS)), name)
    if view == "labels":
        return Sample.of_labels(kind, name, CLASSES)
    if view == "symbols":
        odds = np.where(np.arange(CLASSES) < kinds, 1 / kinds, 0.0)
        table = csr_array(rng.multinomial(40, odds, BLOCKS).astype(np.float64))
        return Sample(name, symbols=table, size=40 * BLOCKS)
    texts = tuple(
        " ".join(f"w{k * 10 + j}" for j in rng.integers(10, size=20)) for k in kind.tolist()
    )
    return Sample(name, texts=texts, size=ROWS)


def _complex(amount: int, takes: tuple[str, ...], of: str, rng: Generator) -> Pair:
    """Points on a surface of more dimensions; text, or classes, of less rule."""
    points = rng.standard_normal((ROWS, (1, 2, 5)[amount]))
    turn = np.linalg.qr(default_rng(4).standard_normal((8, 8)))[0][: points.shape[1]]
    if takes[0] == "texts":
        return (Sample("a", texts=_ruled(amount, rng), size=ROWS),)
    if takes[0] == "points" and of == "one":
        return (Sample.of_points(points @ turn),)
    x = rng.standard_normal((ROWS, DIMS))
    if takes == ("points", "points"):  # a map that turns more and more: not the shortest
        angle = amount * np.pi / 3
        ways = np.eye(DIMS)
        ways[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        return Sample.of_points(x, "a"), Sample.of_points(x @ ways, "b")
    noise = (0.0, 0.4, 50.0)[amount]
    labels = (x[:, 0] + noise * rng.standard_normal(ROWS) > 0).astype(np.int64)
    return Sample.of_points(x, "a"), Sample.of_labels(labels, "b", 2)


def _ruled(amount: int, rng: Generator) -> tuple[str, ...]:
    """Documents of words that follow one another by a rule, the less so the more amount."""
    step = rng.permutation(WORDS)
    noise = (0.0, 0.15, 1.0)[amount]
    texts, word = [], 0
    for _ in range(ROWS):
        line = []
        for free in rng.random(20) < noise:
            word = int(rng.integers(WORDS)) if free else int(step[word])
            line.append(f"w{word}")
        texts.append(" ".join(line))
    return tuple(texts)


def _lasting(amount: int, takes: tuple[str, ...], of: str, rng: Generator) -> Pair:
    """Series, or text, of which the past says much about what comes long after."""
    hurst = (0.5, 0.6, 0.9)[amount]
    if takes[0] == "points":
        return (Sample.of_points(fractional_noise(1024, hurst, rng)),)
    level = fractional_noise(40 * 512, hurst, rng).reshape(40, 512)
    words = np.searchsorted(np.linspace(-2, 2, 31), level)
    texts = tuple(" ".join(map("w{}".format, row)) for row in words)
    return (Sample("a", texts=texts, size=40),)


def fractional_noise(n: int, hurst: float, rng: Generator) -> np.ndarray:
    """Fractional Gaussian noise of variance 1 (Davies and Harte, Biometrika 74, 1987)."""
    lag = np.arange(n + 1.0)
    cov = 0.5 * ((lag + 1) ** (2 * hurst) - 2 * lag ** (2 * hurst) + abs(lag - 1) ** (2 * hurst))
    power = np.fft.rfft(np.concatenate([cov, cov[-2:0:-1]])).real.clip(min=0)
    wave = rng.standard_normal(n + 1) + 1j * rng.standard_normal(n + 1)
    wave[[0, -1]] = np.sqrt(2) * wave[[0, -1]].real
    return np.fft.irfft(wave * np.sqrt(power * n), 2 * n)[:n]


def _copying(amount: int, takes: tuple[str, ...], of: str, rng: Generator) -> Pair:
    """Rows of one law, of which some are near-copies of the other sample's."""
    trained = rng.standard_normal((ROWS, DIMS))
    made = rng.standard_normal((ROWS, DIMS))
    copied = rng.permutation(ROWS)[: ROWS * amount // 3]
    made[copied] = trained[copied] + 0.01 * rng.standard_normal((len(copied), DIMS))
    return Sample.of_points(made, "a"), Sample.of_points(trained, "b")


PLANTED: Mapping[str, Callable[[int, tuple[str, ...], str, Generator], Pair]] = {
    "difference": _differing,
    "dependence": _depending,
    "entropy": _spread,
    "diversity": _spread,
    "complexity": _complex,
    "memory": _lasting,
    "copying": _copying,
}
"""By what is asked."""
