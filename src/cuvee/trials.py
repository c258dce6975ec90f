"""Trials: asking a trainer for them, and holding a mixer's answer to what it may be."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from cuvee import proxies
from cuvee.contracts import Trainer
from cuvee.core import (
    CuveeError,
    Estimate,
    Outcome,
    Problem,
    Study,
    Trial,
    stream,
    unknown,
)
from cuvee.core.data import Engine, Survey
from cuvee.core.methods import load
from cuvee.core.rows import ROWS
from cuvee.question import Opened

FACTS = {"entropy": "cuvee.sources.entropy:entropy", "points": "cuvee.sources.embed:embed"}
"""What a look at the content of the sources can tell a mixer that says it needs it."""


def prepare(opened: Opened, proxy: str | None = None) -> tuple[Trainer, Survey]:
    """The question's proxy, or another, after its pass over the sources."""
    made = proxies.load(opened.question.proxy if proxy is None else proxy)
    proxies.check_reads(made, opened.data)
    trainer, survey = made.prepare(opened.data, rng=stream(opened.question.seed, "proxy"))
    for name, tokens, left_out in zip(trainer.sources, trainer.available, survey.left_out):
        if not tokens and not left_out:
            raise CuveeError(f"source {name!r} holds no tokens: remove it or check its files.")
        if not tokens:
            raise CuveeError(
                f"all documents of source {name!r} stand in a target, too: give a target of other "
                f"text, or --target {name} to hold out a part of it."
            )
    return trainer, survey


def facts(opened: Opened, needs: Sequence[str]) -> dict[str, Any]:
    """What a look at the sources' content tells, without a trial."""
    looks = {need: load(FACTS, need, "look at sources") for need in needs if need in FACTS}
    if looks and opened.data.units.name == ROWS:
        raise CuveeError(
            f"{opened.question.method} looks at the words of the sources, and these hold rows of "
            "numbers: take another --method, such as surrogate."
        )
    return {need: look(opened.data) for need, look in looks.items()}


def run(trainer: Trainer, seed: int, trial: Trial) -> Outcome:
    """What comes of a trial; the same whenever it is asked for."""
    return trainer.run(trial, rng=stream(seed, "trial"))


def explore(problem: Problem, trainer: Trainer, mixer: Any, seed: int, engine: Engine) -> Study:
    """Run the trials that a mixer proposes, until it proposes none."""
    study = Study(problem)
    while trials := mixer.propose(study, rng=stream(seed, "propose", len(study.trials))):
        ask = partial(run, trainer, seed)
        # One trial after another, as an optimiser asks for them, is no work for many.
        run_all = partial(engine, label="mixtures tried", light=True) if len(trials) > 1 else map
        outcomes = run_all(ask, trials)
        study = study.record(trials, tuple(outcomes))
    return study


def forecast(
    trainer: Trainer, problem: Problem, seed: int, shares: np.ndarray, scale: float = 1.0,
    luck: int = 0,
) -> Estimate:  # fmt: skip
    """Losses of shares at a multiple of the budget; `luck` is the seed of the training."""
    return run(trainer, seed, Trial(np.asarray(shares), problem.tokens * scale, luck)).losses


def checked(answer: Any, problem: Problem, method: str) -> Estimate:
    """What a mixer recommended, if it is what a mixer may recommend."""
    hint = "see cuvee.testing.mix.check_mixer"
    if not isinstance(answer, Estimate):
        kind = type(answer).__name__
        raise CuveeError(f"mixer {method!r} recommended a {kind}, expected an Estimate; {hint}.")
    shares = np.asarray(answer.mean, dtype=float)
    k = len(problem.sources)
    if shares.shape != (k,) or answer.draws.shape[1:] != (k,):
        raise CuveeError(f"mixer {method!r} recommended {shares.size} shares, not {k}; {hint}.")
    if not np.isfinite(shares).all() or shares.min() < -1e-9 or abs(shares.sum() - 1) > 1e-6:
        raise CuveeError(
            f"mixer {method!r} recommended {np.round(shares, 4).tolist()}: expected shares from 0 "
            f"on that sum to 1; {hint}."
        )
    return answer


def rounded(shares: Estimate, problem: Problem, digits: int = 6) -> Estimate:
    """Shares as they are printed and written, so that what is stated is what is done."""
    center = np.clip(np.round(np.asarray(shares.mean), digits), problem.low, problem.high)
    for i in np.argsort(-center):  # what rounding left over goes where the limits leave room
        rest = 1 - center.sum()
        center[i] += np.clip(rest, problem.low[i] - center[i], problem.high[i] - center[i])
    return Estimate(np.round(shares.draws, 9), shares.unit, shares.spread, center)


def as_prior(
    trainer: Trainer, sources: Sequence[str], targets: Sequence[str], seed: int
) -> Callable[[Trial], Outcome]:
    """A trainer as a free forecast for runs that name sources and targets in another order.

    Raises:
        CuveeError: A source or target of the runs is none of the trainer's.
    """
    for name in sources:
        if name not in trainer.sources:
            raise unknown("source of the runs, without text here", name, trainer.sources)
    for name in targets:
        if name not in trainer.targets:
            raise unknown("target of the runs, without text here", name, trainer.targets)
    place = [trainer.sources.index(name) for name in sources]
    columns = [trainer.targets.index(name) for name in targets]

    def ask(trial: Trial) -> Outcome:
        shares = np.zeros(len(trainer.sources))
        shares[place] = trial.shares
        if trial.after is not None:
            raise CuveeError("a forecast is asked for whole runs, not for continued ones.")
        whole = Trial(shares, trial.tokens, trial.seed, gradient=trial.gradient)
        found = run(trainer, seed, whole)
        losses = found.losses
        slope, slopes = found.gradient, found.gradient_draws
        return Outcome(
            Estimate(losses.draws[:, columns], losses.unit, losses.spread, losses.mean[columns]),
            found.cost,
            None if slope is None else slope[np.ix_(columns, place)],
            None if slopes is None else slopes[:, columns][:, :, place],
        )

    return ask
