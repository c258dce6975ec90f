"""The best blend from runs that were already made: no text is needed, none is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cuvee import mix, report
from cuvee.contracts import Forecast, Learner, Mixer
from cuvee.core import (
    CuveeError,
    Estimate,
    Limits,
    Problem,
    Study,
    Trial,
    parse_objective,
    parse_tokens,
    stream,
)
from cuvee.core.recipe import versions
from cuvee.core.run_files import as_runs
from cuvee.core.runs import Runs, unit_of
from cuvee.core.threads import one_thread
from cuvee.fidelity import equally_long
from cuvee.scoring import check_distinct, needs_more
from cuvee.summary import Rival, describe, probability_better

BASELINES = ("uniform", "natural", "own_share")
JUDGE = "surrogate"
"""Forecasts the losses where the method itself has no law of them."""
LEAST = 8
"""Spread-out runs with which the proposing of further ones begins."""
SAME = 1e-4
"""Shares that differ by less are the same mixture."""
ROOM = 0.02
"""Nats by which the best run may be below the forecast before that is said."""


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """An answer from runs.

    Args:
        method: Mixer that found it.
        problem: What was to be decided.
        shares: Of the tokens, by source.
        losses: Forecast by target, for one more run; corrected for `optimism`.
        optimism: What was added because the shares were chosen by the same forecast.
        rivals: The baselines, by name, with their forecasts.
        study: The runs.
        names: Of the runs.
        next_trials: The runs that would teach most, if any were asked for.
        seed: Of everything random.
        left_out: Runs that lacked a loss.
    """

    method: str
    problem: Problem
    shares: Estimate
    losses: Estimate
    optimism: np.ndarray
    rivals: Mapping[str, Rival]
    study: Study
    names: tuple[str, ...]
    next_trials: tuple[Trial, ...]
    seed: int
    left_out: int = 0

    def __str__(self) -> str:
        return report.as_text(self.to_dict())

    def _repr_html_(self) -> str:
        return report.fragment(report.print_answer, self.to_dict())

    def probability_better(self, rival: str = "uniform") -> float:
        """Share of draws in which the objective is below a rival's; NaN if unknown."""
        return probability_better(self, rival)

    def to_dict(self) -> dict[str, Any]:
        """Plain names, numbers, lists: what `cuvee blend --runs --json` prints."""
        best = self.study.best()
        run = self.study.trials[best]
        sources = self.problem.sources
        known = np.isfinite(self.problem.limits.check(sources)[0])
        epochs = self.problem.epochs(self.shares.mean)
        return {
            **describe(self),
            "tokens": self.problem.tokens if self.problem.tokens > 1 else None,
            "params": None if np.isnan(self.problem.params) else self.problem.params,
            "epochs": {n: float(e) for n, e, k in zip(sources, epochs, known) if k},
            "best_run": {
                "run": self.names[best],
                "objective": float(self.study.scores[best]),
                "shares": dict(zip(sources, map(float, run.shares))),
            },
            "next_runs": [dict(zip(sources, map(float, t.shares))) for t in self.next_trials],
            "warnings": self.warnings(),
            "seed": self.seed,
            "versions": versions(),
        }

    def warnings(self) -> list[str]:
        """What a user should know before trusting the answer."""
        lines, p = [], self.probability_better("uniform")
        if p < 0.05:
            lines.append("Equal shares are forecast to be better than this blend.")
        elif self.method != "uniform" and p <= 0.95:
            lines.append("The blend does not beat equal shares by more than noise.")
        return [*lines, *self.doubts()]

    def doubts(self) -> list[str]:
        """What the runs themselves say against the forecast."""
        lines: list[str] = []
        best, score = self.study.best(), self.problem.objective.score
        gap = float(score(self.losses.mean)) - float(self.study.scores[best])
        if gap > ROOM and not np.allclose(self.study.shares[best], self.shares.mean, atol=1e-3):
            lines.append(
                f"Run {self.names[best]} reached {gap:.3f} less than is forecast for the blend: by "
                f"luck, at another scale, or because the forecast is off. Train that mixture again."
            )
        if self.left_out:
            lacking = f"{self.left_out} of {len(self.names) + self.left_out} runs"
            lines.append(f"{lacking} lack a loss on a target and were left out.")
        reach = float(np.ptp(self.study.scores))
        if -gap > max(reach, ROOM):
            lines.append(
                f"The forecast is {-gap:.3f} below the best run, further than the runs differ: the "
                f"law reaches far beyond them. Train that mixture before you believe it."
            )
        never = [n for n, s in zip(self.problem.sources, self.study.shares.max(axis=0)) if s == 0]
        if never:
            lines.append(f"No run had any of {', '.join(never)}: nothing is known, share 0.")
        return lines


def blend_runs(
    runs: Runs | str | Path | Sequence[str | Path],
    *,
    target: str | Sequence[str] | None = None,
    objective: str | Mapping[str, float] = "mean",
    budget: str | float | None = None,
    params: float | None = None,
    available: Mapping[str, str | float] | None = None,
    method: str = JUDGE,
    max_epochs: float | Mapping[str, float] | None = None,
    min_share: float | Mapping[str, float] = 0.0,
    fixed: Mapping[str, float] | None = None,
    propose: int = 0,
    seed: int = 0,
    refuse: bool = False,
) -> Chosen:
    """Find the best blend from a table of training runs.

    Args:
        runs: Table, or files of tables: see `cuvee.core.run_files`.
        target: Names of the targets that count; all by default.
        objective: One number from their losses: `"mean"`, `"worst"`, a name, or weights.
        budget: Tokens that the answer is for; the most of any run by default.
        params: Size of the model that it is for; the largest of any run by default.
        available: Tokens of each source. Needed for a limit of epochs; without it the mean shares
            of the runs stand for natural shares.
        method: Mixer.
        max_epochs: How often a source may be repeated, if `available` is given.
        min_share: Floor of every share; one number, or by name.
        fixed: Shares that are decided already, by name.
        propose: How many further runs to propose.
        seed: Of everything random.
        refuse: Complain about runs that lack a loss, instead of leaving them out.

    Returns:
        The answer: print it.

    Raises:
        CuveeError: Something is wrong with the table or a setting.

    Example:
        >>> import numpy as np
        >>> from cuvee.core import Points
        >>> from cuvee.core.runs import Runs
        >>> rng = np.random.default_rng(0)
        >>> shares = rng.dirichlet(np.ones(2), 12)
        >>> loss = 3 + np.exp(-2 * shares[:, :1]) + rng.normal(0, 0.01, (12, 1))
        >>> runs = Runs(("a", "b"), ("t",), tuple("abcdefghijkl"),
        ...             Points.at(shares, 1e6), loss, np.zeros(12, int))
        >>> bool(blend_runs(runs).shares.mean[0] > 0.8)
        True
    """
    _check(propose, seed)
    runs = as_runs(runs)
    if target is not None:
        runs = runs.only([target] if isinstance(target, str) else list(target))
    many, runs = len(runs), runs.complete(refuse)
    if max_epochs is not None and available is None:
        raise CuveeError("max_epochs needs the tokens of each source: give available, too.")
    limits = {} if max_epochs is None else {"max_epochs": max_epochs}
    problem = runs.problem(
        parse_objective(objective, runs.targets), available=available,
        tokens=None if budget is None else parse_tokens(budget), params=params,
        limits=Limits(min_share=min_share, fixed=fixed, **limits),
    )  # fmt: skip
    chosen = choose(runs.study(problem), runs.names, method, seed=seed, propose=propose)
    return replace(chosen, left_out=many - len(runs))


def _check(propose: object, seed: object) -> None:
    for name, number in (("propose", propose), ("seed", seed)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise CuveeError(f"{name} must be a whole number from 0, got {number!r}.")


def choose(
    study: Study, names: tuple[str, ...], method: str, *, seed: int = 0, propose: int = 0,
    others: Mapping[str, Estimate] | None = None,
) -> Chosen:  # fmt: skip
    """What a mixer recommends from a study of real runs, with forecasts for it and for rivals.

    Args:
        study: The runs.
        names: Of the runs.
        method: Mixer, with its settings.
        seed: Of everything random.
        propose: How many further runs to propose.
        others: More mixtures to forecast beside the baselines, by name.
    """
    mixer, rng = mix.load(method), stream(seed, "recommend")
    law = _law(mixer)
    if law is not mixer and needs_more(mixer, study, rng):
        raise CuveeError(
            f"{method} learns from the text or from runs of its own choice, which a table cannot "
            f"answer: choose a method that learns from any runs, such as {JUDGE}."
        )
    with one_thread():
        return _chosen(study, names, method, mixer, law, seed, propose, others or {})


def tried(chosen: Chosen, study: Study, names: tuple[str, ...]) -> Chosen:
    """The same answer, its losses and its rivals' by the law of one more run, its own.

    If that run is longer than others, the law stays, and the run gives the level of all losses.
    That run was made after the choice, so luck did not choose it and it flatters nothing. Of the
    flattery as much is left as of the forecast's mean squared error, which was its variance and
    the square of the flattery: so much weight the runs have kept that the choice was made by.

    Args:
        chosen: By the runs before.
        study: With the run of the answer.
        names: Of the runs.
    """
    problem, score = study.problem, study.problem.objective.score
    if not equally_long(study):
        return _levelled(replace(chosen, study=study, names=names))
    with one_thread():
        law = _law(mix.load(chosen.method)).fit(study, rng=stream(chosen.seed, "fit"))
        found = {name: rival.shares for name, rival in chosen.rivals.items()}
        plain, _ = _beside(law, study, chosen.shares, found, np.zeros(len(problem.targets)))
        before, after = (e.map(score, "").draws.var() for e in (chosen.losses, plain))
        before += problem.objective.weights @ chosen.optimism**2
        left = chosen.optimism * min(1.0, after / max(before, 1e-300))
        losses, rivals = _beside(law, study, chosen.shares, found, left)
    return replace(chosen, losses=losses, optimism=left, rivals=rivals, study=study, names=names)


def _levelled(chosen: Chosen) -> Chosen:
    """The answer's losses are those of its run, the last one; differences stay as forecast."""
    by = chosen.study.losses[-1] - chosen.losses.mean
    rivals = {n: Rival(r.shares, r.losses.shifted(by)) for n, r in chosen.rivals.items()}
    return replace(
        chosen, losses=chosen.losses.shifted(by), optimism=np.zeros(len(by)), rivals=rivals
    )


def _law(mixer: Mixer) -> Learner:
    """What forecasts losses for a mixer: itself, if it can."""
    law = mixer if isinstance(mixer, Learner) else mix.load(JUDGE)
    if not isinstance(law, Learner):
        raise CuveeError(f"{JUDGE} has no law of the losses.")
    return law


def _chosen(
    study: Study, names: tuple[str, ...], method: str, mixer: Mixer, law: Learner, seed: int,
    propose: int, others: Mapping[str, Estimate],
) -> Chosen:  # fmt: skip
    problem, rng = study.problem, stream(seed, "recommend")
    check_distinct(study)
    forecast = law.fit(study, rng=stream(seed, "fit"))
    shares = mixer.recommend(study, rng=rng)
    missing = [name for name in BASELINES if name not in others]
    found = {name: mix.load(name).recommend(study, rng=rng) for name in missing} | dict(others)
    flattery = _optimism(mixer, forecast, study, shares.mean, seed)
    losses, rivals = _beside(forecast, study, shares, found, flattery)
    more = _proposed(study, seed, propose) if propose else ()
    return Chosen(method, problem, shares, losses, flattery, rivals, study, names, more, seed)


def _beside(
    forecast: Forecast, study: Study, shares: Estimate, others: Mapping[str, Estimate],
    flattery: np.ndarray,
) -> tuple[Estimate, dict[str, Rival]]:  # fmt: skip
    """Losses of the answer, `flattery` added, and of its rivals, on paired draws."""
    every = _losses(forecast, study, [shares.mean, *(e.mean for e in others.values())])
    losses = every[0].shifted(flattery)
    rivals = {n: Rival(e, loss) for (n, e), loss in zip(others.items(), every[1:])}
    for name, rival in rivals.items():
        if np.abs(rival.shares.mean - shares.mean).max() < SAME:  # one mixture has one loss
            rivals[name] = Rival(rival.shares, losses)
    return losses, rivals


def _losses(forecast: Forecast, study: Study, shares: Sequence[np.ndarray]) -> list[Estimate]:
    """Of several mixtures, on paired draws."""
    expect = getattr(forecast, "average", forecast.predict)
    every, unit = expect(study.problem.points(np.array(shares))), unit_of(study)
    return [
        Estimate(every.draws[:, i], unit, every.spread, every.mean[i]) for i in range(len(shares))
    ]


def _optimism(
    mixer: Mixer, forecast: Forecast, study: Study, shares: np.ndarray, seed: int
) -> np.ndarray:
    """How much too good the chosen mixture looks, if its own method can tell."""
    problem, tell = study.problem, getattr(mixer, "corrected", None)
    if tell is None:
        return np.zeros(len(problem.targets))
    expected = float(tell(study, shares, rng=stream(seed, "optimism")).mean)
    plain = problem.objective.score(forecast.mean(problem.points(shares)))[0]
    return np.full(len(problem.targets), max(0.0, expected - float(plain)))


def _proposed(study: Study, seed: int, count: int) -> tuple[Trial, ...]:
    """The next runs, by the method that asks for the most telling ones."""
    asked = mix.load(JUDGE, runs=max(LEAST, len(study.trials) + count))
    known, trials = study, []
    if not isinstance(asked, Learner):
        return ()
    forecast = asked.fit(study, rng=stream(seed, "fit"))
    while len(trials) < count:
        new = asked.propose(known, rng=stream(seed, "propose", len(trials)))[: count - len(trials)]
        if not new:
            break
        trials += new
        points = study.problem.points(np.array([t.shares for t in new]))
        # The runs are not made yet: each is taken to give what is forecast for it.
        filled = [
            replace(study.outcomes[0], losses=Estimate(row[None], unit_of(study), "none"))
            for row in forecast.mean(points)
        ]
        known = known.record(new, tuple(filled))
    return tuple(trials)
