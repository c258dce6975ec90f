"""The main job: sources, a target and a budget in; the best blend out. Here the rooms meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Unpack

import numpy as np

from cuvee import engine as engines
from cuvee import mix, real_runs
from cuvee.answer import CURVE, Blend
from cuvee.contracts import Trainer
from cuvee.core import (
    CuveeError,
    Estimate,
    Problem,
    Trial,
    check_shares,
    stack,
    stream,
    unknown,
)
from cuvee.core.data import Engine, Survey
from cuvee.core.run_files import read_runs
from cuvee.core.threads import one_thread
from cuvee.engine import Progress, silent
from cuvee.from_runs import BASELINES, choose
from cuvee.landscape import Landscape
from cuvee.question import Opened, Question, Settings, open_question
from cuvee.summary import Rival
from cuvee.trials import as_prior, checked, explore, facts, forecast, prepare, rounded, run

SAME = 1e-5
"""Shares that differ by less are the same mixture."""


def blend(
    sources: Mapping[str, Any],
    *,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
    **settings: Unpack[Settings],
) -> Blend:
    """Find the best blend of several sources for a target and a budget.

    Args:
        sources: By name: a path, a glob, a folder, several of them, a list of texts, or a
            function that returns an iterator of texts.
        engine: Where the work runs: `"local"`, `"ray"`, or an engine that is made already.
        workers: At a time; all cores by default. The answer does not depend on it.
        progress: Called after each finished part of the work.
        settings: `target`, `budget`, `method`, `objective`, `max_epochs`, `min_share`, `fixed`,
            `proxy`, `runs`, `tokenizer`, `text`, `seed`, `strict`, `target_tokens`: see
            `Question`.

    Returns:
        The blend: print it, `write` it, look at its `report`.

    Raises:
        CuveeError: Something is wrong with the input; the message says what to do.

    Example:
        >>> import cuvee
        >>> code = [f"def f{i}(x): return x + {i}" for i in range(200)]
        >>> prose = [f"The {i}th guest came late and left early." for i in range(200)]
        >>> answer = cuvee.blend({"code": code, "prose": prose}, target="code", budget="2k")
        >>> bool(answer.shares.mean[0] > 0.9)
        True
    """
    question = ask(sources, **settings)
    return decide(opened_for(question, engines.load(engine, workers, progress)))


def opened_for(question: Question, engine: Engine) -> Opened:
    """The question with its data, and with what its method needs to look at."""
    real_runs.check(question)
    needs = getattr(mix.load(question.method), "needs", ())
    return open_question(question, engine, own="own" in needs)


def ask(sources: Mapping[str, Any], **settings: Any) -> Question:
    """A checked question; a misspelt setting is named."""
    known = set(Question.__dataclass_fields__) - {"sources"}
    for name in settings:
        if name not in known:
            raise unknown("setting", name, known)
    proxy = settings.get("proxy", Question.proxy)
    if isinstance(proxy, str):  # else the question says what is wrong with it
        settings = {"method": real_runs.method_for(proxy, settings.get("runs"))} | settings
    return Question(sources, **settings)


def decide(opened: Opened) -> Blend:
    """Ask the mixer until it knows enough, and forecast what its answer gives."""
    question, mixer = opened.question, mix.load(opened.question.method)
    if real_runs.is_real(question.proxy):
        return real_runs.decide(opened)
    trainer, survey = prepare(opened)
    problem = Problem.of(
        trainer.sources, trainer.targets, trainer.available, question.tokens,
        opened.objective(), question.limits,
    )  # fmt: skip
    problem = replace(problem, facts=facts(opened, getattr(mixer, "needs", ())))
    if question.tables:
        return _with_runs(opened, problem, trainer, survey)
    with one_thread():
        study = explore(problem, trainer, mixer, question.seed, opened.data.engine)
        shares = mixer.recommend(study, rng=stream(question.seed, "recommend"))
    shares = rounded(checked(shares, problem, question.method), problem)
    losses_of = partial(forecast, trainer, problem, question.seed)
    rivals = {}
    for name in BASELINES:
        other = mix.load(name)
        known = explore(problem, trainer, other, question.seed, opened.data.engine)
        # Rounded like the answer, or two equal mixtures would differ by the rounding.
        found = other.recommend(known, rng=stream(question.seed, "recommend", name))
        found = rounded(found, problem)
        rivals[name] = Rival(found, losses_of(found.mean))
    flattery = optimism(trainer, problem, question.seed, shares, opened.data.engine)
    losses = [losses_of(shares.mean, scale).shifted(flattery) for scale in (1.0, *CURVE)]
    for name, rival in rivals.items():
        if np.abs(rival.shares.mean - shares.mean).max() < SAME:  # one mixture has one loss
            rivals[name] = Rival(rival.shares, losses[0])
    curve = [loss.map(problem.objective.score, loss.unit) for loss in losses[1:]]
    around = Landscape(
        trainer, problem, shares.mean, question.method, len(study.trials), question.seed,
        opened.data.engine,
    )  # fmt: skip
    return Blend(
        question.method, problem, shares, losses[0], flattery, rivals, stack(curve),
        survey, study, opened.data, opened.recipe, landscape=around,
    )  # fmt: skip


def _with_runs(opened: Opened, problem: Problem, trainer: Trainer, survey: Survey) -> Blend:
    """The answer from real runs on these sources, with the proxy as their forecast's start."""
    question = opened.question
    runs = read_runs(*question.tables).split(question.split or {})
    runs, many = runs.only(problem.targets).over(problem.sources), len(runs)
    runs = runs.complete(question.incomplete == "refuse")
    lacking = many - len(runs)
    notes = (f"{lacking} of {many} runs lack a loss and were left out.",) if lacking else ()
    problem = replace(problem, params=runs.problem().params)
    prior = as_prior(trainer, problem.sources, problem.targets, question.seed)
    study = replace(runs.study(problem), prior=prior)
    chosen = choose(study, runs.names, question.method, seed=question.seed)
    shares = rounded(checked(chosen.shares, problem, question.method), problem)
    return Blend(
        question.method, problem, shares, chosen.losses, chosen.optimism, chosen.rivals, None,
        survey, study, opened.data, opened.recipe, notes,
    )  # fmt: skip


def trial(
    sources: Mapping[str, Any],
    shares: Any,
    *,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
    **settings: Unpack[Settings],
) -> Estimate:
    """Predict the losses of given mixtures.

    Args:
        sources: As for `blend`.
        shares: One mixture by name, or an array or list of mixtures.
        engine: Where the work runs, as for `blend`.
        workers: At a time; all cores by default.
        progress: Called after each finished part of the work.
        settings: As for `blend`.

    Returns:
        Losses, shape (mixtures, targets), in nats per token (rows: per row).

    Raises:
        CuveeError: Something is wrong with the input; the message says what to do.

    Example:
        >>> import cuvee
        >>> texts = {"a": ["red green blue"] * 50 + ["blue"], "b": ["one two three"] * 50}
        >>> losses = cuvee.trial(texts, {"a": 0.9, "b": 0.1}, target=["red blue"], budget=100)
        >>> losses.mean.shape
        (1, 1)
    """
    opened = open_question(ask(sources, **settings), engines.load(engine, workers, progress))
    return try_mixtures(opened, shares).losses


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """What came of given mixtures: losses of shape (mixtures, targets), and the survey."""

    targets: tuple[str, ...]
    losses: Estimate
    survey: Survey


def try_mixtures(opened: Opened, shares: Any) -> Tried:
    """Run given mixtures through the proxy."""
    if not isinstance(shares, Mapping | Sequence | np.ndarray) or not len(shares):
        raise CuveeError(f"expected a mixture or a list of mixtures, got {shares!r}.")
    one = isinstance(shares, Mapping) or np.isscalar(shares[0])
    rows = [shares] if one else list(shares)
    names = tuple(opened.question.sources)
    mixtures = [check_shares(row, names, f"mixture {i + 1}") for i, row in enumerate(rows)]
    trainer, survey = prepare(opened)
    job = partial(run, trainer, opened.question.seed)
    trials = [Trial(row, opened.question.tokens) for row in mixtures]
    light = not real_runs.is_real(opened.question.proxy)
    outcomes = opened.data.engine(job, trials, label="mixtures tried", light=light)
    return Tried(trainer.targets, stack([outcome.losses for outcome in outcomes]), survey)


def optimism(
    trainer: Trainer, problem: Problem, seed: int, shares: Estimate, engine: Engine
) -> np.ndarray:
    """How much lower each target's loss looks because the shares were chosen on its documents.

    Every draw of the shares is what a resample of the target documents prefers. How much better
    it does on that resample than on all documents, beyond what the resample does for the chosen
    shares, is what choosing adds to the looks.

    References: Efron, "Estimating the error rate of a prediction rule", J. Am. Stat. Assoc. 78,
    1983.
    """
    job = partial(run, trainer, seed)
    here = job(Trial(shares.mean, problem.tokens)).losses
    if shares.spread != "target documents" or len(shares.draws) != len(here.draws):
        return np.zeros(len(problem.targets))
    trials = [Trial(draw / draw.sum(), problem.tokens) for draw in shares.draws]
    there = [o.losses for o in engine(job, trials, label="mixtures tried", light=True)]
    looks = np.array([e.mean - e.draws[i] for i, e in enumerate(there)])
    return (looks - (here.mean - here.draws)).mean(axis=0)
