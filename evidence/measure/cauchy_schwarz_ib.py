"""Is the Cauchy-Schwarz divergence exact for mixtures, and does its bottleneck help regression?

The closed form against sums over a grid. Then the diabetes data: a network trained by squared
error, and one trained by the divergence of the conditional laws of answer and target plus the
dependence of layer and input; the weight of the latter is chosen on validation rows, as are the
epochs of both. Inputs of test rows have noise; seven splits. The widths of the kernels were chosen
on three other splits: twice as wide, the divergence hardly sees the inputs and errs more.
"""

import numpy as np
import torch
from numpy.random import default_rng
from sklearn.datasets import load_diabetes
from torch import Tensor

from cuvee.measure.cauchy_schwarz import of_mixtures
from cuvee.testing.evidence import Finding

SPLITS, EPOCHS, BATCH, HIDDEN, NOISE = 7, 60, 64, 32, 0.5
WEIGHTS = (0.0, 0.01, 0.1)


def run() -> Finding:
    off = max(away_from_the_grid(seed) for seed in range(3))
    squared, bottleneck, chosen = [], [], []
    for seed in range(SPLITS):
        parts = split(seed)
        squared.append(trained(parts, None, seed)[1])
        tried = [(*trained(parts, weight, seed), weight) for weight in WEIGHTS]
        _, error, weight = min(tried)
        bottleneck.append(error)
        chosen.append(weight)
    one, two = np.array(squared), np.array(bottleneck)
    gap = two - one
    return Finding(
        claim="The closed form agrees with sums over a grid to 1e-8; under noise in the inputs the "
        "root mean square error with the bottleneck is not above that of squared error (mean over "
        "splits).",
        measured=f"Off by {off:.1e} at most; error {two.mean():.3f} with the bottleneck, "
        f"{one.mean():.3f} by squared error, in standard deviations of the target (difference "
        f"{gap.mean():+.3f} ± {gap.std(ddof=1) / np.sqrt(SPLITS):.3f}); weights chosen: "
        f"{', '.join(f'{w:g}' for w in chosen)}.",
        holds=bool(off < 1e-8 and gap.mean() <= 0),
        numbers={"off": off, "squared": squared, "bottleneck": bottleneck, "weights": chosen},
    )


def away_from_the_grid(seed: int) -> float:
    """Two mixtures on a line, relative difference."""
    rng, line = default_rng(seed), np.linspace(-30, 30, 200_001)
    mixtures = []
    for parts in (2, 3):
        weight = rng.dirichlet(np.ones(parts))
        mixtures.append((weight, rng.normal(0, 2, (parts, 1)), rng.uniform(0.3, 2, (parts, 1, 1))))
    one, two = (
        sum(w * np.exp(-0.5 * (line - m[0]) ** 2 / c[0, 0]) / np.sqrt(2 * np.pi * c[0, 0])
            for w, m, c in zip(*mixture))
        for mixture in mixtures
    )  # fmt: skip
    step = line[1] - line[0]
    sums = [(a * b).sum() * step for a, b in ((one, one), (two, two), (one, two))]
    grid = np.log(sums[0]) + np.log(sums[1]) - 2 * np.log(sums[2])
    return float(abs(of_mixtures(*mixtures) / grid - 1))


def split(seed: int) -> list[tuple[Tensor, Tensor]]:
    """Rows to learn from, to choose by and to judge by; the latter two with noise."""
    x, y = load_diabetes(return_X_y=True)
    x, y = ((z - z.mean(axis=0)) / z.std(axis=0) for z in (x, y))
    rng = default_rng([seed, 47])
    made = []
    for rows in np.split(rng.permutation(len(x)), [220, 300]):
        inputs = x[rows] + NOISE * bool(made) * rng.standard_normal(x[rows].shape)
        made.append((torch.from_numpy(inputs).float(), torch.from_numpy(y[rows]).float()[:, None]))
    return made


def trained(
    parts: list[tuple[Tensor, Tensor]], weight: float | None, seed: int
) -> tuple[float, float]:
    """Errors on validation and test rows at the best epoch; without a weight, by squared error."""
    torch.manual_seed(seed)
    (x, y), *others = parts
    body = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], HIDDEN), torch.nn.ReLU(),
        torch.nn.Linear(HIDDEN, HIDDEN), torch.nn.ReLU(),
    )  # fmt: skip
    head = torch.nn.Linear(HIDDEN, 1)
    best = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=0.003)
    found = []
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            layer = body(x[rows])
            answer = head(layer)
            if weight is None:
                loss = ((answer - y[rows]) ** 2).mean()
            else:
                loss = conditional_divergence(x[rows], y[rows], answer)
                loss = loss + weight * dependence(x[rows], layer)
            best.zero_grad()
            loss.backward()
            best.step()
        with torch.no_grad():
            found.append([float(((head(body(a)) - b) ** 2).mean().sqrt()) for a, b in others])
    return tuple(min(found))


def kernel(a: Tensor, b: Tensor, width: float) -> Tensor:
    return torch.exp(-0.5 * torch.cdist(a, b) ** 2 / width**2)


def conditional_divergence(x: Tensor, y: Tensor, answer: Tensor) -> Tensor:
    """Of the laws of target and answer given the input (Yu et al. 2024, proposition 2)."""
    near = kernel(x, x, x.shape[1] ** 0.5 / 2)
    norm = near.sum(1) ** 2
    own, other, across = (
        ((near * kernel(a, b, 1.0)).sum(1) / norm).sum().log()
        for a, b in ((y, y), (answer, answer), (answer, y))
    )
    return own + other - 2 * across


def dependence(x: Tensor, layer: Tensor) -> Tensor:
    """Cauchy-Schwarz quadratic mutual information of input and layer (proposition 3)."""
    one = kernel(x, x, x.shape[1] ** 0.5 / 2)
    two = kernel(layer, layer, float(torch.cdist(layer, layer).detach().median()) + 1e-6)
    joint, apart = (one * two).mean().log(), one.mean().log() + two.mean().log()
    return joint + apart - 2 * (one.mean(1) * two.mean(1)).mean().log()
