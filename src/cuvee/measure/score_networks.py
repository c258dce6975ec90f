"""One network that guesses the noise in some columns, given some others or none. Needs torch.

Numbers of dependence are differences of two such guesses, summed up over all levels of noise. A
level is the log of the signal-to-noise ratio of a variance-preserving diffusion: over it the
integral of MINDE and of SΩI has the weight 1/2, whatever the schedule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.random import Generator
from torch import Tensor

from cuvee.measure.crossfit import Run
from cuvee.measure.stacked import Batches, Shape, generator_of, trained

LEVELS = (-6.0, 9.0)
"""Of the log of the signal-to-noise ratio. What lies outside is less than a hundredth of a nat for
a column, unless it is known to one part in a hundred."""
FEATURES = 6
BLOCK = 4096
NOISED, GIVEN, ABSENT = 1, 0, -1
Contrast = Callable[[Sequence[Tensor], Tensor], tuple[Tensor, Tensor]]
"""Guesses of each task and the noise, (networks, rows, columns) -> two integrands of each row: from
the distance of guesses, and from the losses; with perfect guesses they agree in the mean."""


@dataclass(frozen=True, slots=True)
class Diffusion:
    """How the network is trained and used.

    Args:
        hidden: Width of its hidden layers, of which there are three.
        batch: Rows in a step.
        steps: Of training.
        rate: Of Adam, at the start.
        passes: Levels of noise at which each row that judges is looked at.
        baseline: Whether the network learns only what a Gaussian of the same covariance does not
            say, or all.
    """

    hidden: int
    batch: int
    steps: int
    rate: float
    passes: int
    baseline: bool


@dataclass(frozen=True, slots=True, eq=False)
class Integrals:
    """For each run, the number by distances of guesses and by losses.

    Args:
        distances: As MINDE and SΩI have it.
        losses: From how well the noise was guessed.
        errors: Standard error of the mean of both.
    """

    distances: np.ndarray
    losses: np.ndarray
    errors: np.ndarray


class Baseline:
    """The best guess of the noise, had the columns been Gaussian.

    Args:
        spreads: Covariance of the columns for each network.
        codes: For each task, whether each column is noised, given or absent.
    """

    def __init__(self, spreads: np.ndarray, codes: np.ndarray) -> None:
        shape = (len(spreads), len(codes), spreads.shape[1], spreads.shape[1])
        turn, given, size = np.zeros(shape), np.zeros(shape), np.ones(shape[:3])
        for i, spread in enumerate(spreads):
            for j, code in enumerate(codes):
                here, known = np.flatnonzero(code == NOISED), np.flatnonzero(code == GIVEN)
                inner = spread[np.ix_(here, here)]
                if len(known):
                    across = spread[np.ix_(known, here)]
                    weight = np.linalg.solve(spread[np.ix_(known, known)], across)
                    given[i, j][np.ix_(known, here)] = weight
                    inner = inner - across.T @ weight
                size[i, j, here], turn[i, j][np.ix_(here, here)] = np.linalg.eigh(inner)
        self.turn, self.given, self.size = (
            torch.from_numpy(part.astype(np.float32)) for part in (turn, given, size)
        )

    def __call__(self, seen: Tensor, signal: Tensor, spoiled: Tensor, which: slice) -> Tensor:
        """Guesses (networks, rows, columns), of rows that take turns at the tasks."""
        turn, count = self.turn[:, which], len(self.turn[0, which])
        rows = seen.view(len(seen), -1, count, seen.shape[2])
        signal, spoiled = (part.view(-1, count, 1) for part in (signal, spoiled))
        mean = torch.einsum("nktd,ntde->nkte", rows, self.given[:, which])
        away = torch.einsum("nktd,ntde->nkte", rows - signal * mean, turn)
        away = away / (signal**2 * self.size[:, None, which] + spoiled**2)
        found = torch.einsum("nkte,ntde->nktd", away, turn)
        return (spoiled * found).reshape(seen.shape)


class Guesser:
    """The network's shape, and how its output becomes a guess of the noise.

    Args:
        groups: Of each column, the variable that it belongs to.
        tasks: For each, what each variable is.
        hidden: Width of the hidden layers.
        baseline: What is guessed before the network says anything.
    """

    def __init__(
        self, groups: np.ndarray, tasks: Sequence[Sequence[int]], hidden: int, baseline: Baseline
    ) -> None:
        self.tasks = torch.tensor(tasks, dtype=torch.float32)
        self.columns = self.tasks[:, torch.from_numpy(groups)]
        wide = len(groups) + self.tasks.shape[1] + FEATURES
        self.shape = Shape((wide, hidden, hidden, hidden, len(groups)), smooth=True)
        self.baseline = baseline

    def guess(
        self, weights: Tensor, rows: Tensor, noise: Tensor, level: Tensor, which: slice
    ) -> Tensor:
        """Of the noise (networks, rows, columns); rows take turns at some of the tasks.

        What the network adds counts less where there is hardly any noise or signal: it need not
        learn what is known.
        """
        count = len(self.tasks[which])
        turn = torch.arange(rows.shape[1]) % count
        code = self.columns[which][turn]
        signal, spoiled = torch.sigmoid(level).sqrt(), torch.sigmoid(-level).sqrt()
        seen = torch.where(code == NOISED, signal * rows + spoiled * noise, rows)
        seen = torch.where(code == ABSENT, 0.0, seen)
        place = level / 6
        extra = [place, signal, spoiled, place**2 - 1, torch.sin(2 * level), torch.cos(level)]
        both = torch.cat([self.tasks[which][turn], *extra], dim=1)
        wide = torch.cat([seen, both.expand(len(rows), -1, -1)], dim=2)
        known = self.baseline(seen, signal, spoiled, which)
        return known + spoiled * signal * self.shape(weights, wide)


def integrals(
    columns: np.ndarray, groups: np.ndarray, runs: Sequence[Run], tasks: Sequence[Sequence[int]],
    contrast: Contrast, diffusion: Diffusion, rng: Generator,
) -> Integrals:  # fmt: skip
    """Train a network for each run on all tasks, and compare its guesses on the rows that judge.

    Args:
        columns: All variables side by side.
        groups: Of each column, the variable that it belongs to.
        runs: As planned.
        tasks: For each, whether a variable is noised, given or absent.
        contrast: What is summed up.
        diffusion: The settings.
        rng: Of weights, batches and noise.
    """
    generator, data = generator_of(rng), _Data(columns, groups, runs)
    spreads = [data.spread(i, run, diffusion.baseline) for i, run in enumerate(runs)]
    baseline = Baseline(np.stack(spreads), np.array(tasks)[:, groups])
    net = Guesser(groups, tasks, diffusion.hidden, baseline)
    weights = _taught(net, data, runs, diffusion, generator)
    judges = torch.from_numpy(np.stack([run.judge for run in runs]))
    with torch.no_grad():
        near, less = _compared(net, weights, data, judges, contrast, diffusion, generator)
    error = ((near + less) / 2).std(1) / judges.shape[1] ** 0.5
    return Integrals(*(t.double().numpy() for t in (near.mean(1), less.mean(1), error)))


def _taught(
    net: Guesser, data: "_Data", runs: Sequence[Run], diffusion: Diffusion,
    generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """Weights after training; rows take turns at the tasks."""
    tasks, wanted = len(net.tasks), net.columns == NOISED
    batches = Batches([run.learn for run in runs], diffusion.batch, generator)
    stop = torch.from_numpy(np.stack([run.stop for run in runs])).repeat(1, 16)

    def lost(weights: Tensor, rows: Tensor, stream: torch.Generator) -> Tensor:
        values = data.rows(_whole(rows, tasks))
        noise = torch.randn(values.shape, generator=stream)
        level = _levels(values.shape[1], stream)
        found = net.guess(weights, values, noise, level, slice(0, tasks))
        turn = torch.arange(values.shape[1]) % tasks
        return ((found - noise) ** 2 * wanted[turn]).sum(2).mean(1)

    def judge(weights: Tensor) -> Tensor:  # by the same noise each time
        return lost(weights, stop, torch.Generator().manual_seed(1))

    start = net.shape.start(len(runs), generator)
    # The last layer starts at nothing: whoever learns nothing stays with the baseline.
    start[:, -net.shape.lengths[-2] - net.shape.lengths[-1] :] *= 0.01
    return trained(
        start, lambda weights: lost(weights, batches.next(), generator),
        steps=diffusion.steps, rate=diffusion.rate, judge=judge, average=True,
    )  # fmt: skip


def _whole(rows: Tensor, tasks: int) -> Tensor:
    """So many rows that each task has as many."""
    if rows.shape[1] < tasks:
        rows = rows.repeat(1, -(-tasks // rows.shape[1]))
    return rows[:, : rows.shape[1] // tasks * tasks]


def _compared(
    net: Guesser, weights: Tensor, data: "_Data", judges: Tensor, contrast: Contrast,
    diffusion: Diffusion, generator: torch.Generator,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Both integrals for each run and row."""
    made = []
    for rows in judges.split(BLOCK, dim=1):
        values, sums = data.rows(rows), [torch.zeros(rows.shape) for _ in range(2)]
        for _ in range(diffusion.passes):
            noise = torch.randn(values.shape, generator=generator)
            level = _levels(values.shape[1], generator)
            guesses = [
                net.guess(weights, values, noise, level, slice(i, i + 1))
                for i in range(len(net.tasks))
            ]
            for total, part in zip(sums, contrast(guesses, noise)):
                total += part
        made.append(torch.stack(sums))
    scale = (LEVELS[1] - LEVELS[0]) / 2 / diffusion.passes
    near, lost = scale * torch.cat(made, dim=2)
    return near, lost


class _Data:
    """Columns, as each run sees them."""

    def __init__(self, columns: np.ndarray, groups: np.ndarray, runs: Sequence[Run]) -> None:
        self.columns, self.groups = torch.from_numpy(columns), torch.from_numpy(groups)
        same = np.repeat(np.arange(len(columns))[:, None], int(groups.max()) + 1, axis=1)
        order = [same if run.shuffle is None else run.shuffle for run in runs]
        self.partner = torch.from_numpy(np.stack(order))
        self.network = torch.arange(len(runs))[:, None]

    def rows(self, rows: Tensor) -> Tensor:
        """(networks, rows, columns)."""
        own = self.partner[self.network, rows][:, :, self.groups]
        return self.columns[own, torch.arange(self.columns.shape[1])]

    def spread(
        self, network: int, run: Run, measured: bool
    ) -> Float[np.ndarray, "columns columns"]:
        """Covariance of the rows that a network learns from, drawn towards the identity as far as
        their number demands (Chen et al. 2010); or the identity.
        """
        count = self.columns.shape[1]
        if not measured:
            return np.eye(count)
        there = torch.from_numpy(run.learn).expand(len(self.network), -1)
        rows = self.rows(there)[network].double().numpy()
        found, size = rows.T @ rows / len(rows), len(rows)
        square, trace = float((found**2).sum()), float(np.trace(found))
        above = (1 - 2 / count) * square + trace**2
        below = (size + 1 - 2 / count) * (square - trace**2 / count)
        share = min(above / below, 1.0) if below > 0 else 1.0
        return (1 - share) * found + max(share, 1e-4) * np.eye(count)


def _levels(rows: int, generator: torch.Generator) -> Tensor:
    """Levels of noise (rows, 1), spread evenly in a random order."""
    place = torch.randperm(rows, generator=generator) + torch.rand(rows, generator=generator)
    return (LEVELS[0] + (LEVELS[1] - LEVELS[0]) * place / rows)[:, None]
