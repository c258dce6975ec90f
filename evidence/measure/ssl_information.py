"""Are the terms of self-supervised losses what theory says, where everything is known?

Two views of a Gaussian source, each with noise of its own, and linear encoders with noise. Terms:
what views share (InfoNCE, with the best critic there is), entropy of codes and its bound by the log
determinant (VICReg, MCR2), reconstruction of one code from the other (entropy and reconstruction,
BYOL), what a code says about its own view, and how much of that is superfluous.
"""

import numpy as np
from evidence.planted_information import number
from numpy.random import default_rng

from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.er_bound import ErBound
from cuvee.measure.gaussian_information import GaussianInformation
from cuvee.measure.knn_entropy import KnnEntropy
from cuvee.measure.ksg import Ksg
from cuvee.testing.evidence import Finding

ROWS, SOURCE, VIEW, CODE, BATCH = 8000, 2, 6, 2, 256


def run() -> Finding:
    rng = default_rng(48)
    parts, cov = system(rng)
    one, view, other, second = (parts[name] for name in ("z1", "x1", "x2", "z2"))

    def told(a: str, b: str) -> float:
        both = known(cov, a) + known(cov, b) - known(cov, a, b)
        return float(both)

    entropy = known(cov, "z2") + CODE / 2 * np.log(2 * np.pi * np.e)
    table = {
        "shared by codes, InfoNCE": (told("z1", "z2"), exact_infonce(parts, cov)),
        "shared by codes, neighbours": (told("z1", "z2"), value(Ksg(nulls=0), one, second)),
        "shared by codes, entropy and reconstruction":
            (told("z1", "z2"), value(ErBound(nulls=0), one, second)),
        "entropy of a code, neighbours":
            (entropy, float(measure(KnnEntropy(), Sample.of_points(second)).mean)),
        "entropy of a code, log determinant":
            (entropy, 0.5 * np.linalg.slogdet(2 * np.pi * np.e * np.cov(second.T))[1]),
        "a code of its view": (told("z1", "x1"), value(GaussianInformation(), one, view)),
        "superfluous part of a code":
            (told("z1", "x1") - told("z1", "x2"),
             value(GaussianInformation(), one, view) - value(GaussianInformation(), one, other)),
    }  # fmt: skip
    off = {k: abs(v / t - 1) for k, (t, v) in table.items()}
    chain = told("z1", "z2") <= told("z1", "x2") <= told("x1", "x2")
    return Finding(
        claim="Each term of the losses is within 5% of its closed form on Gaussian views, and what "
        "codes share is not more than what views share.",
        measured="; ".join(f"{k}: {t:.3f}, found {v:.3f}" for k, (t, v) in table.items())
        + f". Shared by views {told('x1', 'x2'):.3f}.",
        holds=bool(max(off.values()) <= 0.05 and chain),
        numbers={k: {"truth": float(t), "found": float(v)} for k, (t, v) in table.items()},
    )


NAMES = ("x1", "x2", "z1", "z2")
WIDTHS = (VIEW, VIEW, CODE, CODE)


def system(rng: np.random.Generator) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Views and codes, and the covariance of all of them."""
    look, squeeze = rng.standard_normal((SOURCE, VIEW)), rng.standard_normal((VIEW, CODE)) / 2
    wide = SOURCE + 2 * VIEW + 2 * CODE
    view, code = np.zeros((2, wide, VIEW)), np.zeros((2, wide, CODE))
    for i in range(2):
        view[i, :SOURCE] = look
        start = SOURCE + i * VIEW
        view[i, start : start + VIEW] = 0.7 * np.eye(VIEW)
        code[i] = view[i] @ squeeze
        start = SOURCE + 2 * VIEW + i * CODE
        code[i, start : start + CODE] = 0.5 * np.eye(CODE)
    mix = np.hstack([*view, *code])
    rows = np.split(rng.standard_normal((ROWS, wide)) @ mix, np.cumsum(WIDTHS)[:-1], axis=1)
    return dict(zip(NAMES, rows)), mix.T @ mix


def known(cov: np.ndarray, *names: str) -> float:
    """Half the log determinant of some parts."""
    some = np.repeat([name in names for name in NAMES], WIDTHS)
    return 0.5 * float(np.linalg.slogdet(cov[np.ix_(some, some)])[1])


def value(method: object, a: np.ndarray, b: np.ndarray) -> float:
    return float(number(method, a, b).mean)


def exact_infonce(parts: dict[str, np.ndarray], cov: np.ndarray) -> float:
    """The bound with the true ratio of densities as critic, in batches."""
    some = np.repeat([name in ("z1", "z2") for name in NAMES], WIDTHS)
    both = cov[np.ix_(some, some)]
    weight = np.linalg.solve(both[:CODE, :CODE], both[:CODE, CODE:])
    left = np.linalg.inv(both[CODE:, CODE:] - both[CODE:, :CODE] @ weight)
    found = []
    for start in range(0, ROWS - BATCH + 1, BATCH):
        one, two = (parts[name][start : start + BATCH] for name in ("z1", "z2"))
        gap = two[None] - (one @ weight)[:, None]
        scores = -0.5 * np.einsum("ijd,de,ije->ij", gap, left, gap)
        # What depends on the second code alone is part of the ratio, too.
        scores += 0.5 * np.einsum("jd,de,je->j", two, np.linalg.inv(both[CODE:, CODE:]), two)
        most = scores.max(axis=1, keepdims=True)
        total = np.log(np.exp(scores - most).mean(axis=1)) + most[:, 0]
        found.append(float((np.diag(scores) - total).mean()))
    return float(np.mean(found))
