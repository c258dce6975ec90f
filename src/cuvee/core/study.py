"""Trials, what came of them, and the study that keeps both."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.files import write_whole
from cuvee.core.mixture import Shares
from cuvee.core.problem import Problem


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One training run asked for.

    Args:
        shares: Of the tokens of this run.
        tokens: To train on.
        seed: Of the training.
        after: The run that this one continues; a schedule is a chain of trials.
        gradient: Whether the gradient is wanted, too, of a trainer that knows it: of the mean
            losses, or of every draw as well.
    """

    shares: Shares
    tokens: float
    seed: int = 0
    after: "Trial | None" = None
    gradient: Literal["none", "mean", "draws"] = "none"

    def __post_init__(self) -> None:
        if self.gradient not in ("none", "mean", "draws"):
            raise CuveeError(f"gradient must be none, mean or draws, got {self.gradient!r}.")

    def seen(self) -> Float[np.ndarray, "sources"]:
        """Tokens seen of each source when this run ends, earlier runs of its chain included."""
        here = np.asarray(self.shares) * self.tokens
        return here if self.after is None else here + self.after.seen()

    def key(self) -> tuple[object, ...]:
        """Equal for trials that ask for the same run."""
        shares = np.asarray(self.shares, dtype=float)
        return shares.tobytes(), self.tokens, self.seed, self.gradient, id(self.after)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a trial.

    Args:
        losses: One per target; draws are paired across trials of one trainer.
        cost: Tokens that were trained or, for a proxy, would have been.
        gradient: Of each target's loss with respect to the trial's shares, where the trainer
            knows it; the extra first axis of `gradient_draws` matches the draws of `losses`.
        gradient_draws: The same for each draw.
    """

    losses: Estimate
    cost: float
    gradient: Float[np.ndarray, "targets sources"] | None = None
    gradient_draws: Float[np.ndarray, "draws targets sources"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A problem, and every trial so far with its outcome. Immutable: `record` returns a new one."""

    problem: Problem
    trials: tuple[Trial, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    def record(self, trials: tuple[Trial, ...], outcomes: tuple[Outcome, ...]) -> "Study":
        """The study with more trials."""
        if len(trials) != len(outcomes):
            raise CuveeError(f"{len(trials)} trials but {len(outcomes)} outcomes.")
        return replace(
            self, trials=self.trials + tuple(trials), outcomes=self.outcomes + tuple(outcomes)
        )

    @property
    def shares(self) -> Float[np.ndarray, "trials sources"]:
        """Shares of each trial."""
        k = len(self.problem.sources)
        return np.array([t.shares for t in self.trials]).reshape(-1, k)

    @property
    def losses(self) -> Float[np.ndarray, "trials targets"]:
        """Loss of each trial on each target."""
        k = len(self.problem.targets)
        return np.array([o.losses.mean for o in self.outcomes]).reshape(-1, k)

    @property
    def scores(self) -> Float[np.ndarray, "trials"]:
        """The objective of each trial: smaller is better."""
        return self.problem.objective.score(self.losses)

    def find(self, trial: Trial) -> Outcome | None:
        """The outcome of a trial that was run before."""
        return self.known().get(trial.key())

    def known(self) -> dict[tuple[object, ...], Outcome]:
        """Outcomes by the key of their trial."""
        return {trial.key(): outcome for trial, outcome in zip(self.trials, self.outcomes)}

    def best(self) -> int:
        """Index of the trial with the smallest objective.

        Raises:
            CuveeError: No trial has been run.
        """
        if not self.trials:
            raise CuveeError("no trial has been run yet: propose and run some first.")
        return int(np.argmin(self.scores))

    def save(self, path: str | Path) -> None:
        """Write the run table: run, tokens, seed, after, share/<source>, loss/<target>, sd/..."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        place = {id(trial): i for i, trial in enumerate(self.trials)}
        columns: dict[str, object] = {
            "run": pa.array(range(len(self.trials)), pa.int64()),
            "tokens": pa.array([t.tokens for t in self.trials], pa.float64()),
            "seed": pa.array([t.seed for t in self.trials], pa.int64()),
            "after": pa.array([place.get(id(t.after)) for t in self.trials], pa.int64()),
        }
        for i, name in enumerate(self.problem.sources):
            columns[f"share/{name}"] = self.shares[:, i]
        spread = np.array([o.losses.sd for o in self.outcomes]).reshape(self.losses.shape)
        for i, name in enumerate(self.problem.targets):
            columns[f"loss/{name}"] = self.losses[:, i]
            columns[f"sd/{name}"] = spread[:, i]
        table = pa.table(columns)
        write_whole(Path(path), lambda temporary: pq.write_table(table, temporary))
