"""Trials, what came of them, and the study that keeps both."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from math import isnan
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.files import write_whole
from cuvee.core.mixture import Shares
from cuvee.core.points import Points
from cuvee.core.problem import Problem

SHOWN = 10
"""Trials in a notebook's table."""


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
        params: Parameters of the model; NaN: the trainer's own.
        merge: Weights and runs whose parameters are averaged, weights summing to 1; nothing is
            trained, and the shares are those of what the merged runs saw.
        per_token: Whether the log-probability of each target token is wanted, too.
        horizon: Tokens of the whole chain that this run is a part of, on which a trainer lays its
            learning rate; None: as the run before says, or the chain ends here.
    """

    shares: Shares
    tokens: float
    seed: int = 0
    after: "Trial | None" = None
    gradient: Literal["none", "mean", "draws"] = "none"
    params: float = float("nan")
    merge: tuple[tuple[float, "Trial"], ...] = ()
    per_token: bool = False
    horizon: float | None = None

    def __post_init__(self) -> None:
        if self.gradient not in ("none", "mean", "draws"):
            raise CuveeError(f"gradient must be none, mean or draws, got {self.gradient!r}.")

    def seen(self) -> Float[np.ndarray, "sources"]:
        """Tokens seen of each source when this run ends, earlier runs of its chain included.

        Of merged runs it is the weighted mean: what a model sees that is the mean of models.
        """
        if self.merge:
            return np.sum([weight * trial.seen() for weight, trial in self.merge], axis=0)
        return np.sum([np.asarray(leg.shares) * leg.tokens for leg in self.chain()], axis=0)

    def chain(self) -> tuple["Trial", ...]:
        """The runs that this one continues, first to last, and itself: its schedule."""
        legs: list[Trial] = []
        leg: Trial | None = self
        while leg is not None:
            legs.append(leg)
            leg = leg.after
        return tuple(reversed(legs))

    def planned(self) -> float:
        """Tokens of the whole chain: its horizon, or what it has when this run ends."""
        legs = self.chain()
        horizon = next((t.horizon for t in reversed(legs) if t.horizon is not None), 0.0)
        return max(float(sum(t.tokens for t in legs)), horizon)

    def cost(self) -> float:
        """Tokens trained on in this run alone; merging trains on none."""
        return 0.0 if self.merge else float(self.tokens)

    def key(self) -> tuple[object, ...]:
        """Equal for trials that ask for the same run."""
        merged = tuple((float(weight), trial.key()) for weight, trial in self.merge)
        legs = [
            (
                np.asarray(t.shares, dtype=float).tobytes(),
                float(t.tokens),
                int(t.seed),
                str(float(t.params)),
                None if t.horizon is None else float(t.horizon),
            )
            for t in self.chain()
        ]
        return *legs, self.gradient, self.per_token, merged


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a trial.

    Args:
        losses: One per target; draws are paired across trials of one trainer.
        cost: Tokens that were trained or, for a proxy, would have been.
        gradient: Of each target's loss with respect to the trial's shares, where the trainer
            knows it; the extra first axis of `gradient_draws` matches the draws of `losses`.
        gradient_draws: The same for each draw.
        log_probs: Per target, the log-probability of each of its tokens, in nats.
    """

    losses: Estimate
    cost: float
    gradient: Float[np.ndarray, "targets sources"] | None = None
    gradient_draws: Float[np.ndarray, "draws targets sources"] | None = None
    log_probs: tuple[Float[np.ndarray, "tokens"], ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A problem, and every trial so far with its outcome. Immutable: `record` returns a new one.

    Args:
        problem: What is to be decided.
        trials: That were run.
        outcomes: What came of each.
        prior: A forecast that costs nothing to ask, such as the count proxy beside real runs;
            its losses may be in another unit. It is not saved.
    """

    problem: Problem
    trials: tuple[Trial, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    prior: Callable[[Trial], Outcome] | None = None

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
    def points(self) -> Points:
        """Shares of all that each trial's model saw, tokens in all, size of the model."""
        seen = np.array([t.seen() for t in self.trials]).reshape(-1, len(self.problem.sources))
        tokens = seen.sum(axis=1)
        return Points(seen / tokens[:, None], tokens, np.array([t.params for t in self.trials]))

    @property
    def spent(self) -> float:
        """Tokens that all trials trained on."""
        return sum(trial.cost() for trial in self.trials)

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

    def _repr_html_(self) -> str:
        """For notebooks: how many trials, and the best of them with their shares."""
        problem, count = self.problem, len(self.trials)
        said = f"Study of {len(problem.sources)} sources: {count} trial{'s' * (count != 1)}"
        if not count:
            return f"<div>{said}.</div>"
        scores, shares = self.scores, self.shares
        order = np.argsort(scores, kind="stable")[:SHOWN].tolist()
        heads = "".join(f"<th>{escape(n)}</th>" for n in ("", "objective", *problem.sources))
        rows = "".join(
            f"<tr><th>{i}</th><td>{scores[i]:.4f}</td>"
            + "".join(f"<td>{share:.1%}</td>" for share in shares[i])
            + "</tr>"
            for i in order
        )
        return (
            f"<table><caption>{said}; the best {len(order)} by the objective, in "
            f"{escape(self.outcomes[0].losses.unit)}</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )

    def save(self, path: str | Path) -> None:
        """Write the run table: run, tokens, seed, params, after, share/..., loss/..., sd/..."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        place = {trial.key(): i for i, trial in enumerate(self.trials)}
        columns: dict[str, object] = {
            "run": pa.array(range(len(self.trials)), pa.int64()),
            "tokens": pa.array([t.tokens for t in self.trials], pa.float64()),
            "seed": pa.array([t.seed for t in self.trials], pa.int64()),
            "params": pa.array(
                [None if isnan(t.params) else t.params for t in self.trials], pa.float64()
            ),
            "after": pa.array(
                [t.after and place.get(t.after.key()) for t in self.trials], pa.int64()
            ),
        }
        for i, name in enumerate(self.problem.sources):
            columns[f"share/{name}"] = self.shares[:, i]
        spread = np.array([o.losses.sd for o in self.outcomes]).reshape(self.losses.shape)
        for i, name in enumerate(self.problem.targets):
            columns[f"loss/{name}"] = self.losses[:, i]
            columns[f"sd/{name}"] = spread[:, i]
        table = pa.table(columns)
        write_whole(path, lambda temporary: pq.write_table(table, temporary))
