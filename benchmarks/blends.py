"""The proof: each method spends the same budget of real training, then its blend is trained.

Twelve kinds of text, a network of 0.37M parameters, 0.3M tokens a run, at most four epochs. A
method may train on as many tokens as twelve runs have; what counts decide is free. Then its blend
is trained with five seeds, which share nothing with the search, and judged on documents that the
search did not see. Three targets: one small domain, a mix of four, and the worst of all twelve.
The interval is Student's, over the seeds, for the paired gain over equal shares.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from evidence.pilot import pilot_data
from scipy.stats import t as student

from benchmarks.shared import ROOT, Figure, Options
from cuvee import mix, proxies
from cuvee.contracts import Trainer
from cuvee.core import Limits, Problem, Study, Trial, stream
from cuvee.core.data import Data
from cuvee.engine.local import Local
from cuvee.real_runs import Asked, remembered
from cuvee.sources.memory import Memory
from cuvee.testing.evidence import Missing
from cuvee.trials import as_prior, explore, rounded
from cuvee.trials import run as trained

TOKENS, RUNS, SEEDS = 300_000, 12, 5
TARGETS: dict[str, str | Mapping[str, float]] = {
    "handbook_en": "handbook_en",
    "mean of python, essay, fr, wordnet": dict.fromkeys(("python", "essay", "fr", "wordnet"), 0.25),
    "worst of twelve": "worst",
}
FREE = ("uniform", "natural", "own_share", "descent")
"""Decided without a run."""
PAID = (
    f"surrogate:runs={RUNS}:first=6", f"regmix:trials={RUNS}", "aioli", "odm", "doremi",
)  # fmt: skip
LEVEL = 0.9
NETWORK = "transformer:size=0.37M:context=64"


def run(options: Options) -> list[Figure]:
    """Reached losses, and gains over equal shares."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _figures(_Bench.of(folder))
    except Missing as error:
        return [Figure("reached losses", [], "nats", note=str(error))]


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """Two trainers on the same sources: one for the search, one to judge by other documents."""

    search: Trainer
    judge: Trainer
    counts: Callable[[Trial], object]

    @staticmethod
    def of(folder: str) -> "_Bench":
        data = pilot_data(ROOT, folder)
        halves = [_half(data, i) for i in (0, 1)]
        made = [
            proxies.load(f"{NETWORK}:target_tokens={tokens}")
            .prepare(half, rng=stream(0, "proxy"))[0]
            for half, tokens in zip(halves, (4000, 12_000))
        ]  # fmt: skip
        counts, _ = proxies.load("counts").prepare(halves[0], rng=stream(0, "counts"))
        prior = remembered(as_prior(counts, counts.sources, counts.targets, 0))
        return _Bench(*made, prior)

    def problem(self, objective: str | Mapping[str, float]) -> Problem:
        limits, spend = Limits(), float(RUNS * TOKENS)
        return Problem.of(
            self.search.sources, self.search.targets, self.search.available, TOKENS, objective,
            limits, spend=spend,
        )  # fmt: skip


def _half(data: Data, which: int) -> Data:
    targets = tuple(Memory(t.name, t.items[which::2]) for t in data.targets)
    return replace(data, targets=targets)


def _figures(bench: _Bench) -> list[Figure]:
    figures = []
    for name, objective in TARGETS.items():
        problem = bench.problem(objective)
        shares, cost = _decisions(bench, problem)
        losses = _reached(bench, problem, shares)
        for method, reached in losses.items():
            gain = losses["uniform"] - reached
            half = student.ppf((1 + LEVEL) / 2, SEEDS - 1) * gain.std(ddof=1) / SEEDS**0.5
            note = (
                f"gain over uniform {gain.mean():+.3f} ± {half:.3f} ({LEVEL:.0%} over seeds); the "
                f"search trained {cost[method] / TOKENS:.1f} runs; "
                f"{_largest(problem, shares[method])}"
            )
            figures.append(Figure(f"{name}: {method}", reached.tolist(), "nats", note=note))
    return figures


def _decisions(bench: _Bench, problem: Problem) -> tuple[dict, dict]:
    shares, cost = {}, {}
    for written in (*FREE, *PAID):
        method = written.partition(":")[0]
        mixer = mix.load(written)
        if written in FREE:
            asked = Asked(replace(problem, spend=np.inf), bench.counts)
            study = explore(asked.problem, asked, mixer, 0, Local())
        else:
            study = _search(bench, problem, mixer)
        found = mixer.recommend(study, rng=stream(0, "recommend"))
        shares[method] = rounded(found, problem).mean
        cost[method] = 0.0 if written in FREE else study.spent
    return shares, cost


def _search(bench: _Bench, problem: Problem, mixer) -> Study:
    study, engine = Study(problem, prior=bench.counts), Local()
    while trials := mixer.propose(study, rng=stream(0, "propose", len(study.trials))):
        outcomes = engine(partial(trained, bench.search, 0), trials, label="search")
        study = study.record(trials, tuple(outcomes))
    return study


def _reached(bench: _Bench, problem: Problem, shares: dict) -> dict[str, np.ndarray]:
    jobs = [(m, s) for m in shares for s in range(1, SEEDS + 1)]
    trials = [Trial(shares[m], TOKENS, 1000 + s) for m, s in jobs]
    outcomes = Local()(partial(trained, bench.judge, 1), trials, label="judged")
    scores = [float(problem.objective.score(o.losses.mean)) for o in outcomes]
    return {m: np.array([x for (n, _), x in zip(jobs, scores) if n == m]) for m in shares}


def _largest(problem: Problem, shares: np.ndarray) -> str:
    top = np.argsort(-shares)[:4]
    return ", ".join(f"{problem.sources[i]} {shares[i]:.0%}" for i in top if shares[i] > 0.005)
