"""A mixer's proposals, one after another, as legs of one training run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

import numpy as np
from jaxtyping import Float

from cuvee import mix
from cuvee.contracts import Mixer
from cuvee.core import (
    CuveeError,
    Estimate,
    Limits,
    Objective,
    Outcome,
    Problem,
    Shares,
    Study,
    Trial,
    parse_objective,
    stream,
)

REHEARSED = 100
"""Legs that are gone through on made-up losses before the training begins."""
BEYOND = {
    "entropy": "a look at the text of the sources", "points": "a look at the text of the sources",
    "gradient": "the gradient of the losses with respect to the shares",
}  # fmt: skip
"""What mixers say in `needs` that one training run cannot give."""
PLAIN = ("shares", "tokens", "seed", "gradient", "horizon")
"""Of a trial, beside the one that it continues; what else there is, one run cannot give."""


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """Where a mixer has got to in one training run. Immutable.

    A leg is a trial of the mixer's: some batches on its shares. What comes of it must be known
    `lag` batches before it ends, as the next shares are planned from then on.

    Args:
        name: Of the mixer, for messages.
        mixer: That proposes.
        study: Legs that are closed; tokens are samples.
        seed: Of the mixer.
        batch: Samples of a batch.
        lag: Batches.
        shares: Of the samples from batch `start` on.
        trial: The leg that is under way; None: the mixer has decided.
        start: Its first batch.
        end: One past its last batch.
        measured: Losses when the last leg was closed.
    """

    name: str
    mixer: Mixer
    study: Study
    seed: int
    batch: int
    lag: int
    shares: Shares | None = None
    trial: Trial | None = None
    start: int = 0
    end: int = 0
    measured: Float[np.ndarray, "targets"] | None = None

    @staticmethod
    def of(mixer: str | Mixer, problem: Problem, seed: int, batch: int, lag: int) -> "Drive":
        """Before the first leg, after a rehearsal on made-up losses.

        Raises:
            CuveeError: The mixer asks for what one training run cannot give.
        """
        if isinstance(mixer, str):
            name = ":".join(part for part in mixer.split(":") if "=" not in part)
            found = mix.load(mixer)
        else:
            name, found = type(mixer).__name__.lower(), mixer
        first = Drive(name, found, Study(problem), seed, batch, lag)
        for need in getattr(found, "needs", ()):
            if need != "own":
                raise first._cannot(BEYOND.get(need, f"the {need}"))
        drive = first = first._next()
        for leg in range(REHEARSED):
            if drive.trial is None:
                break
            falling = 3 + 1 / (1 + leg) + 0.01 * np.arange(len(problem.targets))
            drive = drive.closed(falling)
        return first

    @property
    def closes(self) -> int | None:
        """After how many batches the leg is closed; None: no leg is under way."""
        return None if self.trial is None else self.end - self.lag

    def closed(self, losses: Float[np.ndarray, "targets"]) -> "Drive":
        """The leg under way is done: what came of it is recorded, and the next one is asked for.

        A trial that continues an earlier one than that before it cannot start from there: a
        training run is not wound back. It follows in line, and the fall of the losses in it is
        credited to the place where it branches off.
        """
        trial, trials = self.trial, self.study.trials
        if trial is None:
            return self
        level = losses
        if trial.after is not None and self.measured is not None:
            before = next(o for t, o in zip(trials, self.study.outcomes) if t is trial.after)
            if before is not self.study.outcomes[-1]:
                level = before.losses.mean - (self.measured - losses)
        outcome = Outcome(Estimate(level[None], "nats", "none"), trial.tokens)
        study = self.study.record((trial,), (outcome,))
        return replace(self, study=study, measured=losses, start=self.end)._next()

    def _next(self) -> "Drive":
        rng = stream(self.seed, "propose", len(self.study.trials))
        trials = self.mixer.propose(self.study, rng=rng)
        if not trials:
            rng = stream(self.seed, "recommend")
            shares = np.asarray(self.mixer.recommend(self.study, rng=rng).mean)
            return replace(self, trial=None, shares=shares)
        for trial in trials:
            self._check(trial)
        whole = sum(t.after is None for t in trials)
        if whole > 1 or (whole and self.study.trials):
            raise self._cannot("several runs from scratch")
        trial = self._own(trials[0])
        end = round((self.study.spent + trial.tokens) / self.batch)
        if end - self.start <= self.lag:
            raise CuveeError(
                f"{self.name} asks for a leg of {end - self.start} batches, and other shares take "
                f"{self.lag} to arrive: raise the budget, ask {self.name} for fewer steps, or "
                "lower the lag."
            )
        return replace(self, trial=trial, shares=np.asarray(trial.shares), end=end)

    def _own(self, trial: Trial) -> Trial:
        """The trial as one that continues the study's own, not one that equals it."""
        if trial.after is None:
            return trial
        for known in self.study.trials:
            if _same(known, trial.after):
                return replace(trial, after=known)
        raise self._cannot("a run that continues one that was not made")

    def _check(self, trial: Trial) -> None:
        """Refuse what one training run cannot give."""
        if trial.merge:
            raise self._cannot("the mean of several models")
        if trial.per_token:
            raise self._cannot("a reference model and the losses of single tokens")
        if not isnan(trial.params):
            raise self._cannot("models of other sizes")

    def _cannot(self, what: str) -> CuveeError:
        return CuveeError(
            f"{self.name} asks for {what}, which one training run cannot give: decide with "
            f"cuvee.blend(..., method={self.name!r}) first, and pass what it returns as shares."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, from which `restored` makes the same to the bit."""
        trials = [*self.study.trials, *([] if self.trial is None else [self.trial])]
        place = {id(trial): i for i, trial in enumerate(trials)}
        return {
            "trials": [
                {name: _plain(getattr(trial, name)) for name in PLAIN}
                | {"after": place.get(id(trial.after))}
                for trial in trials
            ],
            "losses": [_plain(o.losses.mean) for o in self.study.outcomes],
            "shares": _plain(self.shares), "measured": _plain(self.measured),
            "start": self.start, "end": self.end,
        }  # fmt: skip

    def restored(self, plain: Mapping[str, Any]) -> "Drive":
        """The same mixer, where `to_dict` says."""
        trials: list[Trial] = []
        for row in plain["trials"]:
            after = None if row["after"] is None else trials[row["after"]]
            shares = np.array(row["shares"], float)
            trials.append(Trial(**{**{k: row[k] for k in PLAIN}, "shares": shares}, after=after))
        done = trials[: len(plain["losses"])]
        outcomes = tuple(
            Outcome(Estimate(np.array([losses], float), "nats", "none"), trial.tokens)
            for trial, losses in zip(done, plain["losses"])
        )
        return replace(
            self, study=Study(self.study.problem).record(tuple(done), outcomes),
            trial=trials[-1] if len(trials) > len(done) else None,
            shares=_array(plain["shares"]), measured=_array(plain["measured"]),
            start=int(plain["start"]), end=int(plain["end"]),
        )  # fmt: skip


def problem_of(
    sizes: Mapping[str, int],
    budget: int,
    targets: Sequence[str],
    objective: str | Mapping[str, float],
    limits: Limits,
) -> Problem:
    """What is to be decided, counted in samples: the sources are targets that only look on.

    Without targets of their own, the sources are what is wanted.
    """
    every = (*sizes, *(name for name in targets if name not in sizes))
    asked = parse_objective(objective, tuple(targets) or tuple(sizes))
    weight = dict(zip(tuple(targets) or tuple(sizes), asked.weights))
    weights = np.array([weight.get(name, 0.0) for name in every])
    return Problem.of(
        tuple(sizes), every, list(sizes.values()), budget, Objective(weights, asked.worst), limits,
        spend=budget,
    )  # fmt: skip


def _same(one: Trial, other: Trial) -> bool:
    """Keys of long chains are long, so they are looked at last."""
    if one is other:
        return True
    alike = one.tokens == other.tokens and np.array_equal(one.shares, other.shares)
    return alike and one.key() == other.key()


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _array(value: Any) -> np.ndarray | None:
    return None if value is None else np.array(value, float)
