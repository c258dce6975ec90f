"""The main job: sources, a target and a budget in; the best blend out. Here the rooms meet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Unpack

import numpy as np

from cuvee import mix, proxies
from cuvee.answer import CURVE, Blend
from cuvee.contracts import Trainer
from cuvee.core import (
    CuveeError,
    Estimate,
    Outcome,
    Problem,
    Study,
    Trial,
    check_shares,
    stack,
    stream,
    unknown,
)
from cuvee.core.data import Engine, Survey
from cuvee.core.methods import load
from cuvee.core.run_files import read_runs
from cuvee.core.threads import one_thread
from cuvee.engine.local import Local, Progress, silent
from cuvee.from_runs import JUDGE, choose
from cuvee.question import Opened, Question, Settings, open_question
from cuvee.summary import Rival

BASELINES = ("uniform", "natural", "own_share")
FACTS = {"entropy": "cuvee.sources.entropy:entropy", "points": "cuvee.sources.embed:embed"}
"""What a look at the content of the sources can tell a mixer that says it needs it."""
SAME = 1e-5
"""Shares that differ by less are the same mixture."""


def blend(
    sources: Mapping[str, Any],
    *,
    workers: int = 0,
    progress: Progress = silent,
    **settings: Unpack[Settings],
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
    return decide(opened_for(question, Local(workers, progress)))


def opened_for(question: Question, engine: Engine) -> Opened:
    """The question with its data, and with what its method needs to look at."""
    needs = getattr(mix.load(question.method), "needs", ())
    return open_question(question, engine, own="own" in needs)


def facts(opened: Opened, needs: Sequence[str]) -> dict[str, Any]:
    """What a look at the sources' content tells, without a trial."""
    looks = {need: load(FACTS, need, "look at sources") for need in needs if need in FACTS}
    return {need: look(opened.data) for need, look in looks.items()}


def ask(sources: Mapping[str, Any], **settings: Any) -> Question:
    """A checked question; a misspelt setting is named."""
    known = set(Question.__dataclass_fields__) - {"sources"}
    for name in settings:
        if name not in known:
            raise unknown("setting", name, known)
    if settings.get("runs") is not None:
        settings = {"method": JUDGE} | settings
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
    return Blend(
        question.method, problem, shares, losses[0], flattery, rivals, stack(curve),
        survey, study, opened.data, opened.recipe,
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
        found = trainer.run(
            Trial(shares, trial.tokens, trial.seed, gradient=trial.gradient),
            rng=stream(seed, "trial"),
        )
        losses = found.losses
        slope, slopes = found.gradient, found.gradient_draws
        return Outcome(
            Estimate(losses.draws[:, columns], losses.unit, losses.spread, losses.mean[columns]),
            found.cost,
            None if slope is None else slope[np.ix_(columns, place)],
            None if slopes is None else slopes[:, columns][:, :, place],
        )

    return ask


def trial(
    sources: Mapping[str, Any],
    shares: Any,
    *,
    workers: int = 0,
    progress: Progress = silent,
    **settings: Unpack[Settings],
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
    if not isinstance(shares, Mapping | Sequence | np.ndarray) or not len(shares):
        raise CuveeError(f"expected a mixture or a list of mixtures, got {shares!r}.")
    one = isinstance(shares, Mapping) or np.isscalar(shares[0])
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


def rounded(shares: Estimate, problem: Problem, digits: int = 6) -> Estimate:
    """Shares as they are printed and written, so that what is stated is what is done."""
    center = np.clip(np.round(np.asarray(shares.mean), digits), problem.low, problem.high)
    for i in np.argsort(-center):  # what rounding left over goes where the limits leave room
        rest = 1 - center.sum()
        center[i] += np.clip(rest, problem.low[i] - center[i], problem.high[i] - center[i])
    return Estimate(np.round(shares.draws, 9), shares.unit, shares.spread, center)


def _run(trainer: Trainer, seed: int, trial: Trial) -> Any:
    return trainer.run(trial, rng=stream(seed, "trial"))


def forecast(
    trainer: Trainer, problem: Problem, seed: int, shares: np.ndarray, scale: float = 1.0
) -> Estimate:
    """Losses of shares at a multiple of the budget."""
    trial = Trial(np.asarray(shares), problem.tokens * scale)
    return _run(trainer, seed, trial).losses
