"""The main job: sources, a target and a budget in; the best blend out. Here the rooms meet."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cuvee import mix, proxies
from cuvee.answer import CURVE, Blend, Rival
from cuvee.contracts import Trainer
from cuvee.core import (
    CuveeError,
    Estimate,
    Problem,
    Study,
    Trial,
    check_shares,
    stack,
    stream,
    unknown,
)
from cuvee.core.data import Engine, Survey
from cuvee.engine.local import Local, Progress, silent
from cuvee.question import Opened, Question, open_question

BASELINES = ("uniform", "natural", "own_share")


def blend(
    sources: Mapping[str, Any],
    *,
    workers: int = 0,
    progress: Progress = silent,
    **settings: Any,
) -> Blend:
    """Find the best blend of several sources for a target and a budget.

    Args:
        sources: By name: a path, a glob, a folder, several of them, a list of texts, or a
            function that returns an iterator of texts.
        workers: Threads; all cores by default. The answer does not depend on it.
        progress: Called after each finished part of the work.
        settings: `target`, `budget`, `method`, `objective`, `max_epochs`, `min_share`, `fixed`,
            `proxy`, `tokenizer`, `text`, `seed`, `strict`, `target_tokens`: see `Question`.

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
    return decide(open_question(question, Local(workers, progress)))


def ask(sources: Mapping[str, Any], **settings: Any) -> Question:
    """A checked question; a misspelt setting is named."""
    known = set(Question.__dataclass_fields__) - {"sources"}
    for name in settings:
        if name not in known:
            raise unknown("setting", name, known)
    return Question(sources, **settings)


def prepare(opened: Opened) -> tuple[Trainer, Survey]:
    """The proxy, after its one pass over the sources."""
    proxy = proxies.load(opened.question.proxy)
    trainer, survey = proxy.prepare(opened.data, rng=stream(opened.question.seed, "proxy"))
    for name, tokens, left_out in zip(trainer.sources, trainer.available, survey.left_out):
        if not tokens and not left_out:
            raise CuveeError(f"source {name!r} holds no tokens: remove it or check its files.")
        if not tokens:
            raise CuveeError(
                f"all documents of source {name!r} stand in a target, too: give a target of other "
                f"text, or --target {name} to hold out a part of it."
            )
    return trainer, survey


def decide(opened: Opened) -> Blend:
    """Ask the mixer until it knows enough, and forecast what its answer gives."""
    question, mixer = opened.question, mix.load(opened.question.method)
    trainer, survey = prepare(opened)
    problem = Problem.of(
        trainer.sources, trainer.targets, trainer.available, question.tokens,
        question.objective, question.limits,
    )  # fmt: skip
    study = explore(problem, trainer, mixer, question.seed, opened.data.engine)
    shares = rounded(mixer.recommend(study, rng=stream(question.seed, "recommend")))
    forecast = partial(_forecast, trainer, problem, question.seed)
    rivals = {}
    for name in BASELINES:
        other = mix.load(name)
        known = explore(problem, trainer, other, question.seed, opened.data.engine)
        # Rounded like the answer, or two equal mixtures would differ by the rounding.
        found = rounded(other.recommend(known, rng=stream(question.seed, "recommend", name)))
        rivals[name] = Rival(found, forecast(found.mean))
    flattery = optimism(trainer, problem, question.seed, shares, opened.data.engine)
    losses = [forecast(shares.mean, scale).shifted(flattery) for scale in (1.0, *CURVE)]
    curve = [loss.map(problem.objective.score, loss.unit) for loss in losses[1:]]
    return Blend(
        question.method, problem, shares, losses[0], flattery, rivals, stack(curve),
        survey, study, opened.data, opened.recipe,
    )  # fmt: skip


def trial(
    sources: Mapping[str, Any],
    shares: Any,
    *,
    workers: int = 0,
    progress: Progress = silent,
    **settings: Any,
) -> Estimate:
    """Predict the losses of given mixtures.

    Args:
        sources: As for `blend`.
        shares: One mixture by name, or an array or list of mixtures.
        workers: Threads; all cores by default.
        progress: Called after each finished part of the work.
        settings: As for `blend`.

    Returns:
        Losses, shape (mixtures, targets), in nats per token.

    Raises:
        CuveeError: Something is wrong with the input; the message says what to do.

    Example:
        >>> import cuvee
        >>> texts = {"a": ["red green blue"] * 50 + ["blue"], "b": ["one two three"] * 50}
        >>> losses = cuvee.trial(texts, {"a": 0.9, "b": 0.1}, target=["red blue"], budget=100)
        >>> losses.mean.shape
        (1, 1)
    """
    opened = open_question(ask(sources, **settings), Local(workers, progress))
    return try_mixtures(opened, shares).losses


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """What came of given mixtures: losses of shape (mixtures, targets), and the survey."""

    targets: tuple[str, ...]
    losses: Estimate
    survey: Survey


def try_mixtures(opened: Opened, shares: Any) -> Tried:
    """Run given mixtures through the proxy."""
    one = isinstance(shares, Mapping) or not len(shares) or np.isscalar(shares[0])
    rows = [shares] if one else list(shares)
    names = tuple(opened.question.sources)
    mixtures = [check_shares(row, names, f"mixture {i + 1}") for i, row in enumerate(rows)]
    trainer, survey = prepare(opened)
    run = partial(_run, trainer, opened.question.seed)
    trials = [Trial(row, opened.question.tokens) for row in mixtures]
    outcomes = opened.data.engine(run, trials, label="mixtures tried")
    return Tried(trainer.targets, stack([outcome.losses for outcome in outcomes]), survey)


def explore(problem: Problem, trainer: Trainer, mixer: Any, seed: int, engine: Engine) -> Study:
    """Run the trials that a mixer proposes, until it proposes none."""
    study = Study(problem)
    while trials := mixer.propose(study, rng=stream(seed, "propose", len(study.trials))):
        run = partial(_run, trainer, seed)
        # One trial after another, as an optimiser asks for them, is no work for many.
        many = len(trials) > 1
        outcomes = engine(run, trials, label="mixtures tried") if many else map(run, trials)
        study = study.record(trials, tuple(outcomes))
    return study


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
    run = partial(_run, trainer, seed)
    here = run(Trial(shares.mean, problem.tokens)).losses
    if shares.spread != "target documents" or len(shares.draws) != len(here.draws):
        return np.zeros(len(problem.targets))
    trials = [Trial(draw / draw.sum(), problem.tokens) for draw in shares.draws]
    there = [o.losses for o in engine(run, trials, label="mixtures tried")]
    looks = np.array([e.mean - e.draws[i] for i, e in enumerate(there)])
    return (looks - (here.mean - here.draws)).mean(axis=0)


def rounded(shares: Estimate, digits: int = 6) -> Estimate:
    """Shares as they are printed and written, so that what is stated is what is done."""
    center = np.round(np.asarray(shares.mean), digits)
    center[center.argmax()] += 1 - center.sum()
    return Estimate(np.round(shares.draws, 9), shares.unit, shares.spread, np.round(center, digits))


def _run(trainer: Trainer, seed: int, trial: Trial) -> Any:
    return trainer.run(trial, rng=stream(seed, "trial"))


def _forecast(
    trainer: Trainer, problem: Problem, seed: int, shares: np.ndarray, scale: float = 1.0
) -> Estimate:
    trial = Trial(np.asarray(shares), problem.tokens * scale)
    return _run(trainer, seed, trial).losses
