"""Answers from real training: counts first, then the runs that a mixer asks for."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from cuvee import mix, proxies
from cuvee.answer import Blend
from cuvee.contracts import Learner, Mixer, Proxy, Trainer
from cuvee.core import Ask, CuveeError, Estimate, Outcome, Problem, Shares, Study, Trial, stream
from cuvee.core.data import Engine, Survey
from cuvee.core.threads import one_thread
from cuvee.engine import Kept, Progress, silenced, silent
from cuvee.fidelity import Disagreement, Lesson, Trained, apart, compared, lessons
from cuvee.from_runs import BASELINES, JUDGE, choose, tried
from cuvee.mix.surrogate_inputs import remembered
from cuvee.question import Opened, Question
from cuvee.summary import Rival, gain
from cuvee.trials import as_prior, checked, explore, facts, prepare, rounded, run

RUNS = 16
"""Real runs, unless a number is asked for."""
FREE = "descent"
"""Finds what the free forecast alone would choose."""
COUNTS = ("runs", "trials", "mixtures")
"""What mixers call the number of their trials."""
FIRST = "first"
"""What those that choose each run by the runs before call the number of their spread-out ones."""
ALIKE = 2e-3
"""Part of the tokens below which mixtures are the same."""
LUCK = (
    "Losses are those of one run each: what a run with another seed would give differs by luck, "
    "which is not in the spread."
)


def is_real(proxy: str) -> bool:
    """Whether trials of a proxy are real training."""
    return bool(getattr(proxies.load(proxy), "real", False))


def keeps_runs(proxy: str) -> bool:
    """Whether a proxy keeps what it trained in a cache, so that a stopped command can go on."""
    return is_real(proxy) and hasattr(proxies.load(proxy), "cache")


def method_for(proxy: str, runs: object = None) -> str:
    """The mixer for those who name none."""
    return JUDGE if runs or is_real(proxy) else FREE


def check(question: Question) -> None:
    """Refuse what proxy, method and runs cannot do together, before anything is read.

    Raises:
        CuveeError: It says what to ask for instead.
    """
    if not is_real(question.proxy):
        if question.count is not None:
            raise CuveeError(
                f"{question.count} real runs were asked for, and proxy {question.proxy!r} trains "
                f"nothing: add --proxy transformer, or give tables of runs instead of a number."
            )
        return
    if question.tables:
        if absent := [str(t) for t in question.tables if not Path(t).exists()]:
            raise CuveeError(f"runs: {absent[0]!r} is neither a whole number nor a file.")
        raise CuveeError(
            f"tables of runs and proxy {question.proxy!r}, which makes its own: their losses have "
            f"different levels; give a number of runs, or the tables with proxy counts."
        )
    check_gradient(question.method, question.proxy)
    asked = with_runs(question.method, question.count)
    try:
        mix.load(asked)
    except CuveeError as error:
        if asked == question.method:
            raise
        few = f"{question.method} cannot do with {question.count} runs: ask for more"
        raise CuveeError(f"{few} ({str(error).rstrip('.')}).") from error


def check_gradient(method: str, proxy: str) -> None:
    """Refuse a mixer that lives on gradients, before it has asked for dozens of runs."""
    if "gradient" in getattr(mix.load(method), "needs", ()):
        raise CuveeError(
            f"{method} needs gradients, which proxy {proxy!r} does not know: take --method "
            f"{JUDGE}, or --proxy counts."
        )


def with_runs(method: str, runs: int | None) -> str:
    """The mixer with so many trials, if it has such a setting and nothing else was asked for."""
    mixer, written = mix.load(method), {part.partition("=")[0] for part in method.split(":")}
    known = _settings(mixer)
    name = next((n for n in COUNTS if known.get(n)), None)
    if runs is None or name is None or name in written:
        return method
    asked = {name: runs}
    if FIRST in known and FIRST not in written:  # at most half of them
        asked[FIRST] = min(known[FIRST], max(3, runs // 2))
    return ":".join([method, *(f"{setting}={value}" for setting, value in asked.items())])


def _settings(mixer: Mixer) -> dict[str, int]:
    """Settings of a mixer that are whole numbers, with their defaults."""
    every = fields(mixer) if is_dataclass(mixer) else ()
    return {f.name: f.default for f in every if isinstance(f.default, int)}


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """Where real runs are made.

    Args:
        problem: What is to be decided; `spend` is what the search may train on.
        trainer: That trains.
        prior: The free forecast, if any.
        seed: Of everything random.
        engine: Where runs are made.
    """

    problem: Problem
    trainer: Trainer
    prior: Ask | None
    seed: int
    engine: Engine

    @staticmethod
    def of(opened: Opened, spend: float) -> "tuple[Bench, Survey]":
        """The free proxy first: it is ready in seconds, and finds what is wrong with the data."""
        question, prior = opened.question, prior_for(opened)
        trainer, survey = prepare(opened)
        problem = Problem.of(
            trainer.sources, trainer.targets, trainer.available, question.tokens,
            opened.objective(), question.limits, spend=spend,
        )  # fmt: skip
        needs = getattr(mix.load(question.method), "needs", ())
        problem = replace(problem, facts=facts(opened, needs))
        return Bench(problem, trainer, prior, question.seed, opened.data.engine), survey

    @property
    def progress(self) -> Progress:
        """Told after each run, with the best objective so far."""
        return getattr(self.engine, "progress", silent)

    def search(self, mixer: Mixer, free: Estimate | None, planned: int = 0) -> Study:
        """Run the trials that a mixer proposes, until it proposes none.

        Args:
            mixer: That asks for runs.
            free: What the free forecast would choose: the first run of a mixer that goes on from
                runs made before, so that its answer cannot miss that mixture.
            planned: Runs in all, as far as that is known.
        """
        study = Study(self.problem, prior=self.prior)
        if free is not None and FIRST in _settings(mixer):
            study = self.record(study, (Trial(free.mean, float(self.problem.tokens)),), planned)
        while True:
            with one_thread():
                rng = stream(self.seed, "propose", len(study.trials))
                trials = mixer.propose(study, rng=rng)
            if not trials:
                return study
            study = self.record(study, trials, max(planned, len(study.trials) + len(trials)))

    def record(self, study: Study, trials: Sequence[Trial], total: int) -> Study:
        """The study with some more runs; one that is asked for again gets another seed."""
        self.progress(_so_far(study), len(study.trials), total)
        trials = _repeats(study, trials)

        ask = partial(run, self.trainer, self.seed)  # and nothing else: it may travel
        engine = silenced(self.engine)  # its own progress counts the runs of one round only
        # A single run has all cores for itself, unless other processes wait for what comes of it.
        many = len(trials) > 1 or isinstance(engine, Kept)
        outcomes = engine(ask, trials, label="runs trained") if many else map(ask, trials)
        for trial, outcome in zip(trials, outcomes):
            study = study.record((trial,), (outcome,))
            self.progress(_so_far(study), len(study.trials), total)
        return study

    def free_choice(self) -> Estimate | None:
        """What the free forecast alone would choose; None without one that knows its gradient."""
        if self.prior is None:
            return None
        problem, even = self.problem, np.ones(len(self.problem.sources))
        first = Trial(problem.fit(even), float(problem.tokens), gradient="mean")
        if self.prior(first).gradient is None:
            return None
        problem = replace(problem, spend=float("inf"))
        with one_thread():
            mixer, asked = mix.load(FREE), Asked(self.problem, self.prior)
            study = explore(problem, asked, mixer, self.seed, self.engine)
            found = mixer.recommend(study, rng=stream(self.seed, "recommend"))
        return rounded(Estimate(found.mean[None], "share", "none"), self.problem)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Whatever answers a trial, as a trainer."""

    problem: Problem
    ask: Ask

    @property
    def sources(self) -> tuple[str, ...]:
        """Names."""
        return self.problem.sources

    @property
    def targets(self) -> tuple[str, ...]:
        """Names."""
        return self.problem.targets

    @property
    def available(self) -> np.ndarray:
        """Tokens that each source holds."""
        return self.problem.available

    def run(self, trial: Trial, *, rng: np.random.Generator) -> Outcome:
        """The answer."""
        return self.ask(trial)


def _repeats(study: Study, trials: Sequence[Trial]) -> list[Trial]:
    """The trials, each with a seed that no like one had: the same run again would say nothing.

    Mixtures that differ by a thousandth train on the very same samples, so they count as alike.
    """
    found: list[Trial] = []
    for trial in trials:
        seeds = [t.seed for t in (*study.trials, *found) if _alike(t, trial)]
        while trial.seed in seeds:
            trial = replace(trial, seed=trial.seed + 1)
        found.append(trial)
    return found


def _alike(a: Trial, b: Trial) -> bool:
    plain = a.after is b.after and a.tokens == b.tokens and not (a.merge or b.merge)
    return a.key() == b.key() or (plain and apart(a.shares, b.shares) < ALIKE)


def prior_of(proxy: Proxy) -> str:
    """Name of the free proxy that forecasts the runs of this one, "" for none."""
    return str(getattr(proxy, "prior", "") or "")


def prior_for(opened: Opened) -> Ask | None:
    """The free forecast of a question's runs, never asked twice; None if its proxy has none."""
    name = prior_of(proxies.load(opened.question.proxy))
    if not name:
        return None
    free, _ = prepare(opened, name)
    return remembered(as_prior(free, free.sources, free.targets, opened.question.seed))


def decide(opened: Opened) -> Blend:
    """Train what the mixer asks for, and say what it gives and how far counts were right."""
    question = opened.question
    method = with_runs(question.method, question.count)
    mixer = mix.load(method)
    planned = _planned(mixer, method)
    bench, survey = Bench.of(opened, float(planned or question.count or RUNS) * question.tokens)
    free = bench.free_choice()
    told = max(int(getattr(mixer, name, 0)) for name in COUNTS)
    if (bench.problem.high - bench.problem.low).max() < ALIKE or len(bench.problem.sources) == 1:
        mixer = mix.load("uniform")  # only one mixture is allowed: nothing is to be searched
    study = bench.search(mixer, free, told + isinstance(mixer, Learner) if told else 0)
    if isinstance(mixer, Learner) and study.trials:
        return _by_law(opened, bench, survey, study, method, mixer, free)
    return _by_training(opened, bench, survey, study, mixer, free)


def _planned(mixer: Mixer, method: str) -> int:
    """Trials that the mixer was told to make; 0 if it was told nothing."""
    written = {part.partition("=")[0] for part in method.split(":") if "=" in part}
    return next((int(getattr(mixer, name)) for name in COUNTS if name in written), 0)


def _by_law(
    opened: Opened, bench: Bench, survey: Survey, study: Study, method: str, mixer: Learner,
    free: Estimate | None,
) -> Blend:  # fmt: skip
    """Losses of the answer and of its rivals come from the law, once the answer was trained."""
    question, problem = opened.question, bench.problem
    names = tuple(str(i) for i in range(1, len(study.trials) + 2))
    others = {} if free is None else {FREE: free}
    if bench.prior is not None:
        others |= {name: _baseline(name, bench, study)[1] for name in BASELINES}
    chosen = choose(study, names[:-1], method, seed=question.seed, others=others)
    shares = rounded(checked(chosen.shares, problem, question.method), problem)
    known = bench.record(study, (_another(study, shares.mean),), len(names))
    chosen = tried(replace(chosen, shares=shares), known, names)
    rivals = {name: chosen.rivals[name] for name in BASELINES}
    excess = None
    if free is not None:
        # One law forecasts both, and what flatters the one flatters its neighbour.
        excess = gain(problem, chosen.rivals[FREE].losses, chosen.losses.shifted(-chosen.optimism))
    start = None if free is None else free.mean
    good = [shares.mean, *(r.shares.mean for r in rivals.values())]
    good += [] if start is None else [start]
    trained = Trained(
        question.proxy, prior_of(proxies.load(question.proxy)),
        (*["search"] * len(study.trials), "answer"),
        lessons(known, mixer, start, good, question.seed, bench.progress),
        _disagreement(bench, known, shares, free, excess), by_law=True,
    )  # fmt: skip
    return Blend(
        question.method, problem, shares, chosen.losses, chosen.optimism, rivals, None,
        survey, known, opened.data, opened.recipe, tuple(chosen.doubts()), trained,
    )  # fmt: skip


def _another(study: Study, shares: Shares) -> Trial:
    """One more run of a mixture, with a seed that no run of it had: its luck chose nothing."""
    seeds = [t.seed for t in study.trials if apart(t.shares, shares) < ALIKE]
    return Trial(shares, float(study.problem.tokens), max(seeds, default=-1) + 1)


def _by_training(
    opened: Opened, bench: Bench, survey: Survey, study: Study, mixer: Mixer, free: Estimate | None
) -> Blend:
    """Losses of the answer and of its rivals are those of one run each."""
    question, problem = opened.question, bench.problem
    with one_thread():
        found = mixer.recommend(study, rng=stream(question.seed, "recommend"))
    shares = rounded(checked(found, problem, question.method), problem)
    known = study
    mixtures = {"answer": shares}
    for name in BASELINES:
        known, rival = _baseline(name, bench, known)
        mixtures[name] = rival
    searched = len(known.trials)
    roles = ["search"] * searched
    trials = {name: Trial(w.mean, float(problem.tokens)) for name, w in mixtures.items()}
    for name, trial in trials.items():
        same = next((t for n, t in trials.items() if apart(t.shares, trial.shares) < ALIKE), trial)
        trials[name] = same
        if known.find(same) is None:
            total = searched + len({t.key() for t in trials.values()})
            known, roles = bench.record(known, (same,), total), [*roles, name]
            trials[name] = known.trials[-1]
    losses = {name: _found(known, trial).losses for name, trial in trials.items()}
    rivals = {name: Rival(mixtures[name], losses[name]) for name in BASELINES}
    trained = Trained(
        question.proxy, prior_of(proxies.load(question.proxy)), tuple(roles),
        (Lesson(),) * len(roles), _disagreement(bench, known, shares, free, None), by_law=False,
    )  # fmt: skip
    return Blend(
        question.method, problem, shares, losses["answer"], np.zeros(len(problem.targets)), rivals,
        None, survey, known, opened.data, opened.recipe, (LUCK,), trained,
    )  # fmt: skip


def _baseline(name: str, bench: Bench, study: Study) -> tuple[Study, Estimate]:
    """A baseline's shares, and the study with the runs that it had to ask for.

    What it asks for is forecast where that is free.
    """
    mixer, problem = mix.load(name), bench.problem
    rng = stream(bench.seed, "recommend", name)
    if bench.prior is not None:
        whole, asked = replace(problem, spend=float("inf")), Asked(problem, bench.prior)
        known = explore(whole, asked, mixer, bench.seed, bench.engine)
    else:
        if trials := mixer.propose(study, rng=rng):
            study = bench.record(study, trials, len(study.trials) + len(trials))
        known = study
    return study, rounded(mixer.recommend(known, rng=rng), problem)


def _found(study: Study, trial: Trial) -> Outcome:
    return study.known()[trial.key()]


def _disagreement(
    bench: Bench, study: Study, shares: Estimate, free: Estimate | None, excess: Estimate | None
) -> Disagreement | None:
    if bench.prior is None:
        return None
    runs, objective, ranks, error = compared(study, bench.prior, bench.seed)
    counted = zip(bench.problem.targets, bench.problem.objective.weights)
    moved = float("nan") if free is None else apart(shares.mean, free.mean)
    return Disagreement(
        runs, tuple(name for name, weight in counted if weight > 0), objective, ranks, error,
        None if free is None else free.mean, moved, excess,
    )  # fmt: skip


def _so_far(study: Study) -> str:
    """Label of the progress: what stands before the comma stays the same."""
    if not study.trials:
        return "runs trained"
    return f"runs trained, best {study.scores[study.best()]:.3f}"
