"""Every method on the user's own data, side by side, on text that no method chose with."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from scipy.special import ndtri

from cuvee import driver, mix, real_runs, report
from cuvee import engine as engines
from cuvee.contracts import Mixer, Trainer
from cuvee.core import CuveeError, Estimate, Objective, Problem, parse_tokens, stream
from cuvee.core.data import Engine
from cuvee.core.errors import Broken
from cuvee.core.files import place, write_whole
from cuvee.core.recipe import to_json, versions
from cuvee.core.runs import UNIT
from cuvee.core.threads import one_thread
from cuvee.early import check_methods
from cuvee.engine import Progress, silent
from cuvee.fidelity import one
from cuvee.question import Opened, Question, Settings, open_question
from cuvee.sources.part import halves
from cuvee.summary import numbers, pooled
from cuvee.trials import run

BASELINE = "uniform"
SPEND, SEEDS = 128, 5
"""Proxy tokens that each method may train on, in budgets, and seeds, unless asked otherwise.

With a proxy that really trains: `real_runs.RUNS` budgets and one seed.
"""
NOISE = 0.05
"""Chance, over all methods together, to call a gain more than noise where there is none."""
MATTERS = 1e-3
"""Nats per token below which a difference is none, however sure."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What one method reached.

    Args:
        method: Name.
        shares: One row per seed.
        losses: Of its shares, by target, on documents kept for judging; draws of all seeds.
        gains: Equal shares' losses minus these, on paired draws: above 0 is better.
        spent: Proxy tokens that its trials trained on, in the mean over seeds.
        seconds: In the mean over seeds.
        score: The objective, in the mean over seeds; smaller is better.
        trouble: Why it could not be run; the other fields then are empty.
    """

    method: str
    shares: np.ndarray
    losses: Estimate | None
    gains: Estimate | None
    spent: float = 0.0
    seconds: float = 0.0
    score: float = float("nan")
    trouble: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All methods on one question.

    Args:
        problem: What was to be decided; targets are those that count.
        results: One per method.
        seeds: How often each was run.
        question: What was asked.
    """

    problem: Problem
    results: tuple[Result, ...]
    seeds: int
    question: Question

    def __str__(self) -> str:
        return report.comparison_text(self.to_dict())

    def _repr_html_(self) -> str:
        return report.fragment(report.print_comparison, self.to_dict())

    def objective(self, result: Result) -> Estimate | None:
        """The objective that a method reached, on the draws of its losses."""
        if result.losses is None:
            return None
        draws = self.problem.objective.score(result.losses.draws)
        return Estimate(draws, result.losses.unit, result.losses.spread, np.array(result.score))

    def objective_gain(self, result: Result) -> Estimate | None:
        """How much lower the objective is than that of equal shares."""
        if result.losses is None or result.gains is None:
            return None
        score, base = self.problem.objective.score, result.losses.draws + result.gains.draws
        return Estimate(
            score(base) - score(result.losses.draws), result.losses.unit, result.losses.spread,
            np.array(self.results[0].score - result.score),
        )  # fmt: skip

    def winners(self) -> list[str]:
        """Methods that beat equal shares by more than noise, best first.

        The noise is that of a single run of the method, seeds and documents together: averaging
        over seeds makes the bar no lower, as a user runs a method once. A one-sided normal test of
        the mean gain; the bar is raised for the number of methods (Bonferroni), so that it is
        passed by luck in one of twenty comparisons at most. A gain of less than a thousandth of a
        nat does not count, however sure it is.
        """
        ran = [(r, self.objective_gain(r)) for r in self.results if r.method != BASELINE]
        tested = [(r.method, float(g.mean), float(g.sd)) for r, g in ran if g is not None]
        bar = ndtri(1 - NOISE / max(1, len(tested)))
        found = [(mean, name) for name, mean, sd in tested if mean > max(bar * sd, MATTERS)]
        return [name for _, name in sorted(found, reverse=True)]

    @property
    def unit(self) -> str:
        """Of the losses."""
        return next((r.losses.unit for r in self.results if r.losses is not None), UNIT)

    def verdict(self) -> str:
        """Who wins, in a sentence."""
        found = self.winners()
        if not found:
            return f"No method beats {BASELINE} by more than noise."
        by_name = {r.method: r for r in self.results}
        best = by_name[found[0]]
        ties = [n for n in found[1:] if not self._behind(by_name[n], best)]
        gain = self.objective_gain(best)
        below = 0.0 if gain is None else float(gain.mean)
        words = f"{best.method} is best: {below:.3f} {self.unit} below {BASELINE}"
        if ties:
            shown = ", ".join(ties[:6]) + (f" and {len(ties) - 6} more" if len(ties) > 6 else "")
            words += f"; not behind it by more than noise: {shown}"
        ran = sum(r.losses is not None for r in self.results) - 1
        return f"{words}. {len(found)} of {ran} methods beat {BASELINE}."

    def _behind(self, result: Result, best: Result) -> bool:
        """Whether a method's objective is above the best one's by more than noise."""
        if result.losses is None or best.losses is None:
            return True
        score = self.problem.objective.score
        gap = score(result.losses.draws) - score(best.losses.draws)
        sd = float(gap.std(ddof=1)) if len(gap) > 1 else float("nan")
        return bool(gap.mean() > max(ndtri(1 - NOISE) * sd, MATTERS))

    def to_dict(self) -> dict[str, Any]:
        """Plain names, numbers, lists: what `cuvee compare --json` prints."""
        return {
            "verdict": self.verdict(),
            "winners": self.winners(),
            "unit": self.unit,
            "tokens": self.problem.tokens,
            "spend": self.problem.spend,
            "seeds": self.seeds,
            "sources": list(self.problem.sources),
            "targets": list(self.problem.targets),
            "trained": real_runs.is_real(self.question.proxy),
            "methods": [self._row(r) for r in self.results],
            "settings": self.question.settings(),
            "versions": versions(),
        }

    def _row(self, result: Result) -> dict[str, Any]:
        if result.losses is None or result.gains is None:
            return {"method": result.method, "trouble": result.trouble}
        gain = self.objective_gain(result)
        names = self.problem.targets
        return {
            "method": result.method,
            "shares": dict(zip(self.problem.sources, map(float, result.shares.mean(axis=0)))),
            "losses": numbers(result.losses, names),
            "gains": numbers(result.gains, names),
            "objective": _one(self.objective(result)),
            "objective_gain": _one(gain),
            "worse": _worse(result.gains, names),
            "spent": result.spent,
            "seconds": round(result.seconds, 3),
        }

    def save(self, folder: str | Path) -> None:
        """Write comparison.json and comparison.html."""
        said = self.to_dict()
        for name, content in {
            "comparison.json": to_json(said),
            "comparison.html": report.comparison_page(said).encode(),
        }.items():
            write_whole(place(folder) / name, lambda p, c=content: p.write_bytes(c))


def compare(
    sources: Mapping[str, Any],
    *,
    methods: Sequence[str] | str = "all",
    seeds: int | None = None,
    spend: str | float | None = None,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
    **settings: Unpack[Settings],
) -> Comparison:
    """Run every method on the same question, and judge each on documents that none has seen.

    Half of each target's documents are for choosing, the other half for judging.

    With a proxy that really trains, every method makes its runs and one more for its answer, so
    methods must be named.

    Args:
        sources: As for `blend`.
        methods: Names, or `"all"`; `uniform` is always there.
        seeds: How often each is run, each time with another seed; 5, or 1 where runs are real.
        spend: Proxy tokens that each may train on; 128 budgets by default, 16 where runs are real.
        engine: Where the work runs, as for `blend`.
        workers: At a time; all cores by default.
        progress: Called after each finished part of the work.
        settings: As for `blend`, `method` aside.

    Returns:
        The comparison: print it, `save` it.

    Raises:
        CuveeError: Something is wrong with the input; the message says what to do.

    Example:
        >>> import cuvee
        >>> texts = {"a": ["red green blue"] * 90 + ["blue"], "b": ["one two three"] * 90}
        >>> found = cuvee.compare(texts, target=["red blue", "green red"] * 5, budget=100,
        ...                       methods="natural,own_share", seeds=1)
        >>> [result.method for result in found.results]
        ['uniform', 'natural', 'own_share']
    """
    for name in ("runs", "method"):
        if name in settings:
            raise CuveeError(f"compare has no setting {name!r}: give methods, without runs.")
    question = driver.ask(sources, **settings)
    names, real = chosen(methods), real_runs.is_real(question.proxy)
    check_methods(question.proxy, names, seeds)
    seeds = seeds or (1 if real else SEEDS)
    opened = open_question(question, engines.load(engine, workers, progress), own=True)
    budgets = real_runs.RUNS if real else SPEND
    arena = _Arena.of(opened, budgets * question.tokens if spend is None else parse_tokens(spend))
    arena = replace(arena, facts=driver.facts(arena.opened, sorted(_needs(names))))
    results, base = [], None
    for done, name in enumerate(names):
        progress("methods", done, len(names))
        result = arena.judge(name, seeds, base)
        base = result.losses if name == BASELINE else base
        results.append(result)
    progress("methods", len(names), len(names))
    return Comparison(arena.shown(), tuple(results), seeds, question)


def chosen(methods: Sequence[str] | str) -> list[str]:
    """Names to run: `uniform` first; all that can be loaded for `"all"`.

    Raises:
        CuveeError: An unknown name, or a library is missing for one that was asked for.
    """
    asked = methods.split(",") if isinstance(methods, str) else list(methods)
    for name in asked:
        if name != "all":
            mix.load(name)
    names = [n for name in asked for n in (mix.METHODS if name == "all" else [name])]
    return list(dict.fromkeys([BASELINE, *names]))


def _needs(names: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        try:
            found |= set(getattr(mix.load(name), "needs", ()))
        except CuveeError:  # a library is missing: said in the method's own row
            continue
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Arena:
    """The question with the half to choose by, and two trainers: to choose, and to judge.

    Where they really train, `prior` is the free forecast, and `real` is set.
    """

    opened: Opened
    problem: Problem
    choosing: Trainer
    judging: Trainer
    facts: Mapping[str, Any]
    real: bool = False
    prior: real_runs.Ask | None = None

    @staticmethod
    def of(opened: Opened, spend: float) -> "_Arena":
        question, data = opened.question, opened.data
        pairs = [halves(t, seed=question.seed) for t in data.targets]  # type: ignore[arg-type]
        parts = [
            replace(opened, data=replace(data, targets=tuple(pair[half] for pair in pairs)))
            for half in (0, 1)
        ]
        first, second = (driver.prepare(part)[0] for part in parts)
        problem = Problem.of(
            first.sources, first.targets, first.available, question.tokens, opened.objective(),
            question.limits, spend=spend,
        )  # fmt: skip
        if not real_runs.is_real(question.proxy):
            return _Arena(parts[0], problem, first, second, {})
        judge = real_runs.remembered(partial(run, second, question.seed))
        once = real_runs.Asked(problem, judge)  # equal blends are trained once
        prior = real_runs.prior_for(parts[0])
        return _Arena(parts[0], problem, first, once, {}, real=True, prior=prior)

    def shown(self) -> Problem:
        """The problem with those targets alone that count."""
        weights = self.problem.objective.weights[self._columns()]
        objective = Objective(weights, self.problem.objective.worst)
        return replace(self.problem, targets=self.opened.counted, objective=objective)

    def _columns(self) -> list[int]:
        return [self.problem.targets.index(name) for name in self.opened.counted]

    def judge(self, name: str, seeds: int, base: Estimate | None) -> Result:
        try:
            mixer = mix.load(self._affordable(name) if self.real else name)
            with one_thread():
                found = [self._once(mixer, name, seed) for seed in range(seeds)]
        except Broken:
            raise
        except (ValueError, ArithmeticError) as error:  # one method does not end the others
            return Result(name, np.zeros((0, 0)), None, None, trouble=str(error))
        shares = np.array([once.shares for once in found])
        losses = pooled([once.losses for once in found])
        base = losses if base is None else base
        gains = Estimate(
            base.draws - losses.draws, losses.unit, losses.spread, base.mean - losses.mean
        )
        spent = float(np.mean([once.spent for once in found]))
        seconds = float(np.mean([once.seconds for once in found]))
        score = self.shown().objective.score
        mean = float(np.mean([score(once.losses.mean) for once in found]))
        return Result(name, shares, losses, gains, spent, seconds, mean)

    def _affordable(self, name: str) -> str:
        """The method with as many real runs as may be spent."""
        runs = int(self.problem.spend // self.problem.tokens)
        return real_runs.with_runs(name, runs or None)

    def _once(self, mixer: Mixer, name: str, luck: int) -> "_Once":
        start = time.perf_counter()
        seed = luck + self.opened.question.seed
        problem = replace(self.problem, facts=self.facts)
        engine = self.opened.data.engine
        if self.real:
            bench = real_runs.Bench(problem, self.choosing, self.prior, seed, engine)
            study = bench.search(mixer, bench.free_choice())
        else:
            study = driver.explore(problem, self.choosing, mixer, seed, engine)
        if study.spent > problem.spend * (1 + 1e-6):
            raise CuveeError(f"spent {study.spent:.3g} proxy tokens, of {problem.spend:.3g}.")
        answer = mixer.recommend(study, rng=stream(seed, "recommend"))
        shares = driver.rounded(driver.checked(answer, problem, name), problem).mean
        seconds = time.perf_counter() - start
        at = self.opened.question.seed
        losses = driver.forecast(self.judging, problem, at, shares, luck=luck)
        columns = self._columns()
        kept = Estimate(losses.draws[:, columns], losses.unit, losses.spread, losses.mean[columns])
        return _Once(shares, kept, study.spent, seconds)


@dataclass(frozen=True, slots=True, eq=False)
class _Once:
    """One method, one seed."""

    shares: np.ndarray
    losses: Estimate
    spent: float
    seconds: float


def _one(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else one(estimate)


def _worse(gains: Estimate, names: tuple[str, ...]) -> list[str]:
    """Targets whose loss is higher than with equal shares, by more than noise; worst first."""
    _, high = gains.interval(0.9)
    order = np.argsort(gains.mean)
    return [names[i] for i in order if high[i] < 0 and gains.mean[i] < -5e-4]
