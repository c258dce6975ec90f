"""What real runs taught, and how far the free forecast and training disagree."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from cuvee.contracts import Forecast, Learner
from cuvee.core import (
    CuveeError,
    Estimate,
    Outcome,
    Problem,
    Shares,
    Study,
    Trial,
    stack,
    stream,
)
from cuvee.core.threads import one_thread
from cuvee.engine.local import Progress, silent
from cuvee.mix.surrogate_choice import nearby
from cuvee.summary import json_number, numbers

FEWEST = 4
"""Runs below which nothing is said: any order of three is likely by chance, any line fits."""
FEW = 8
"""Runs below which resampling them says nothing."""
RESAMPLES = 200
LOOKS = 32
"""Most runs after each of which the law is fitted again, to see what they changed."""
CLOSER, NEAR = (0.2, 0.05), 12
"""Steps from the best mixtures known when looking for better ones, and how many are tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What one real run changed; NaN and None where nothing could be said yet.

    Args:
        before: Objective forecast for the best mixture, from the runs before.
        after: The same with this run.
        moved: Part of the tokens that the best mixture then has elsewhere.
    """

    before: Estimate | None = None
    after: Estimate | None = None
    moved: float = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Disagreement:
    """The free forecast against what was trained, on runs of one length.

    Args:
        runs: How many were compared.
        targets: That count in the objective.
        objective: Rank correlation of the objective's forecast and its trained value.
        ranks: The same of each target's loss.
        error: Root mean square of the trained losses around one line in the forecasts, the same
            line for all targets, as levels have another unit.
        shares: That the free forecast alone would choose, if it can tell.
        moved: Part of the tokens that the answer has elsewhere.
        excess: Objective forecast by the runs for those shares, above that for the answer; neither
            is corrected for having been chosen.
    """

    runs: int
    targets: tuple[str, ...]
    objective: Estimate | None
    ranks: Estimate | None
    error: Estimate | None
    shares: Shares | None
    moved: float
    excess: Estimate | None

    def to_dict(self, sources: tuple[str, ...]) -> dict[str, Any]:
        """Plain names, numbers, lists; `null` where too few runs were made."""
        said: dict[str, Any] = {"runs": self.runs, "fewest": FEWEST}
        if self.objective is not None and self.ranks is not None and self.error is not None:
            said["spearman"] = {
                "objective": one(self.objective),
                "mean": one(self.ranks.map(np.mean, "")),
                "per_target": numbers(self.ranks, self.targets),
            }
            said["rmse"] = one(self.error)
        else:
            said |= {"spearman": None, "rmse": None}
        said["free_choice"] = None if self.shares is None else {
            "shares": dict(zip(sources, map(float, self.shares))),
            "moved": self.moved,
            "excess": None if self.excess is None else one(self.excess),
        }  # fmt: skip
        return said


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The real runs behind an answer.

    Args:
        proxy: That trained them.
        prior: The free forecast beside it, "" for none.
        roles: What each run of the study was for: "search", or the mixture whose loss it gives.
        lessons: What each changed, as many as there are runs.
        disagreement: Between the free forecast and the runs, if there is one.
        by_law: Whether the losses of the answer come from a law fitted to the runs; else they are
            those of one run each.
    """

    proxy: str
    prior: str
    roles: tuple[str, ...]
    lessons: tuple[Lesson, ...]
    disagreement: Disagreement | None
    by_law: bool

    def to_dict(self, study: Study) -> dict[str, Any]:
        """The part of an answer that is about real runs."""
        costs = np.array([trial.cost() for trial in study.trials])
        search = np.array([role == "search" for role in self.roles], bool)
        rows = zip(study.trials, study.outcomes, self.roles, self.lessons)
        differ = self.disagreement
        return {
            "trained": {
                "proxy": self.proxy,
                "prior": self.prior,
                "runs": int(search.sum()),
                "tokens": float(costs[search].sum()),
                "judging_runs": int((~search).sum()),
                "judging_tokens": float(costs[~search].sum()),
                "losses_from": "law" if self.by_law else "runs",
            },
            "real_runs": [_row(i, study.problem, *row) for i, row in enumerate(rows, start=1)],
            "disagreement": None if differ is None else differ.to_dict(study.problem.sources),
        }


def one(estimate: Estimate) -> dict[str, float | None]:
    """Mean, standard deviation and 90% interval of a single number."""
    return numbers(stack([estimate]), ("all",))["all"]


def apart(a: Shares, b: Shares) -> float:
    """Part of the tokens that two mixtures do not have in common (total variation)."""
    return 0.5 * float(np.abs(np.asarray(a) - np.asarray(b)).sum())


def equally_long(study: Study) -> bool:
    """Whether all runs are as long as the last one, that of the answer.

    One lone run of its length says nothing of how mixtures differ there, and a law that holds for
    one length alone would know that run only.
    """
    tokens = study.points.tokens
    return bool(np.allclose(tokens, tokens[-1]))


def compared(
    study: Study, prior: Callable[[Trial], Outcome], seed: int
) -> tuple[int, Estimate | None, Estimate | None, Estimate | None]:
    """Runs compared, rank correlations of the objective and of each target, and error.

    Args:
        study: Real runs.
        prior: The free forecast of a whole run.
        seed: Of the resampling of runs, which is where the spread comes from.
    """
    rows, problem = _of_one_length(study), study.problem
    if len(rows) < FEWEST:
        return len(rows), None, None, None
    counted, points = problem.objective.weights > 0, study.points[rows]
    asked = [prior(Trial(w, float(n))).losses.mean for w, n in zip(points.shares, points.tokens)]
    guess, truth, score = np.array(asked), study.losses[rows], problem.objective.score

    def figures(at: Int[np.ndarray, "runs"]) -> np.ndarray:
        x, y = guess[at], truth[at]
        ranks = _spearman(x[:, counted], y[:, counted])
        whole = _spearman(score(x)[:, None], score(y)[:, None])
        return np.r_[whole, _around_line(x[:, counted], y[:, counted]), ranks]

    center = figures(np.arange(len(rows)))
    draws, spread = center[None], "none"
    if len(rows) >= FEW:
        rng = stream(seed, "disagreement")
        picks = rng.integers(len(rows), size=(RESAMPLES, len(rows)))
        draws, spread = np.array([figures(pick) for pick in picks]), "bootstrap"
    unit = study.outcomes[0].losses.unit
    return (
        len(rows),
        Estimate(draws[:, 0], "rank correlation", spread, center[0]),
        Estimate(draws[:, 2:], "rank correlation", spread, center[2:]),
        Estimate(draws[:, 1], unit, spread, center[1]),
    )


def _of_one_length(study: Study) -> Int[np.ndarray, "runs"]:
    """Runs of the commonest length, the longest of these: others are not to be ranked with them."""
    whole = np.array([not trial.merge for trial in study.trials], bool)
    if not whole.any():
        return np.zeros(0, int)
    groups = study.points.scales()
    counts = np.bincount(groups[whole], minlength=int(groups.max()) + 1)
    longest = max(
        range(len(counts)), key=lambda g: (counts[g], study.points.tokens[groups == g][0])
    )
    return np.flatnonzero(whole & (groups == longest))


def _spearman(
    a: Float[np.ndarray, "runs columns"], b: Float[np.ndarray, "runs columns"]
) -> Float[np.ndarray, "columns"]:
    """Of each pair of columns; 0 where a column does not vary: it ranks nothing."""
    from scipy.stats import rankdata  # half a second to import

    x, y = rankdata(a, axis=0), rankdata(b, axis=0)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return np.divide((x * y).sum(axis=0), scale, out=np.zeros(len(scale)), where=scale > 0)


def _around_line(guess: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square error of all losses around one line, for its two parameters corrected."""
    x, y = guess.ravel(), truth.ravel()
    design = np.stack([np.ones_like(x), x], axis=1)
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(np.sqrt((rest**2).sum() / max(len(y) - 2, 1)))


def _row(
    number: int, problem: Problem, trial: Trial, outcome: Outcome, role: str, lesson: Lesson
) -> dict[str, Any]:
    score = problem.objective.score
    before, after = lesson.before, lesson.after
    losses: Mapping[str, Any] = numbers(outcome.losses, problem.targets)
    return {
        "run": number,
        "role": role,
        "shares": dict(zip(problem.sources, map(float, trial.shares))),
        "tokens": trial.cost(),
        "tokens_seen": float(trial.seen().sum()),
        "losses": losses,
        "objective": one(outcome.losses.map(score, outcome.losses.unit)),
        "forecast_before": None if before is None else one(before),
        "forecast_after": None if after is None else one(after),
        "moved": json_number(lesson.moved),
    }


def lessons(
    study: Study, mixer: Learner, start: np.ndarray | None, known: Sequence[np.ndarray], seed: int,
    progress: Progress = silent,
) -> tuple[Lesson, ...]:  # fmt: skip
    """What each run changed: the law is fitted to the runs up to it, and its best mixture found.

    Args:
        study: Runs in the order in which they were made.
        mixer: Whose law it is.
        start: The best mixture before any run, if the free forecast can tell.
        known: Good mixtures to look at first.
        seed: Of the fits.
        progress: Told after each fit.
    """
    n, problem, pool = len(study.trials), study.problem, np.vstack([*known, study.points.shares])
    most = n if equally_long(study) else n - 1
    pool = problem.fit(np.asarray(pool))
    looks = set(np.linspace(min(FEWEST, most), most, min(most, LOOKS)).round().astype(int).tolist())
    looks -= set(range(FEWEST))
    found, before = list[Lesson](), None
    for count in range(1, n + 1):
        part = replace(study, trials=study.trials[:count], outcomes=study.outcomes[:count])
        law = _law(part, mixer, seed) if count in looks else None
        progress("runs looked back at", count, n)
        if law is None:
            found.append(Lesson())
            continue
        pool, best = _best(law, problem, pool, stream(seed, "look back", count))
        every = getattr(law, "average", law.predict)(problem.points(best[None]))
        losses = Estimate(every.draws[:, 0], every.unit, every.spread, every.mean[0])
        after = losses.map(problem.objective.score, losses.unit)
        moved = float("nan") if start is None else apart(start, best)
        found.append(Lesson(before, after, moved))
        before, start = after, best
    return tuple(found)


def _law(study: Study, mixer: Learner, seed: int) -> Forecast | None:
    """The law of some runs; None if they are too few."""
    try:
        with one_thread():
            return mixer.fit(study, rng=stream(seed, "fit"))
    except CuveeError:
        return None


def _best(
    law: Forecast, problem: Problem, pool: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The pool with some mixtures near its best ones, and the best of all by the law.

    One pool serves all fits: a free forecast takes tens of milliseconds for each new mixture.
    """

    def ranked() -> np.ndarray:
        return np.argsort(problem.objective.score(law.mean(problem.points(pool))), kind="stable")

    with one_thread():
        for size in CLOSER:
            pool = np.vstack([pool, nearby(problem, pool[ranked()[:2]], NEAR, size, rng)])
        return pool, pool[ranked()[0]]
