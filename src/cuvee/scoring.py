"""How well does each method forecast runs that it has not seen? Every method, the same table."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.random import Generator

from cuvee import mix, report
from cuvee.contracts import Forecast, Learner, Mixer
from cuvee.core import CuveeError, Estimate, Outcome, Points, Study, Trial, stream
from cuvee.core.run_files import as_runs
from cuvee.core.runs import Runs
from cuvee.core.threads import one_thread

BASELINES = ("uniform", "natural", "own_share")
LEVEL = 0.9
"""Of the intervals whose coverage is counted."""
FLOOR = 1e-3
"""Added to shares before their logarithm: what is not there at all is not infinitely far."""
RESAMPLES = 200
FEW = 8
"""Test runs below which resampling them says nothing."""
LEAST = 3
"""Test runs of one scale, below which they are not ranked."""
MEAN = "mean"
"""Stands for the mean of all targets."""

Prior = Callable[[Trial], Outcome]


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """How one method did.

    Every array has one entry per target and, where there are several, one more for their mean.
    The spread of a figure, its standard deviation, comes from resampling the test runs.

    Args:
        method: Name.
        spearman: Rank correlation of forecast and loss, among test runs of one scale.
        rmse: Root mean square error, nats per token; NaN if no level was forecast.
        relative_error: Mean of |error| / loss; NaN likewise.
        regret: Loss of the test run that the method would choose above the lowest, nats.
        coverage: Share of test losses inside the method's 90% interval; NaN if it has none.
        spread: By figure, the standard deviation of its mean over targets.
        draws: Resampled means over targets of `spearman`, paired between methods.
        seconds: To fit and to forecast.
    """

    method: str
    targets: tuple[str, ...]
    spearman: Float[np.ndarray, "targets"]
    rmse: Float[np.ndarray, "targets"]
    relative_error: Float[np.ndarray, "targets"]
    regret: Float[np.ndarray, "targets"]
    coverage: Float[np.ndarray, "targets"]
    spread: Mapping[str, float]
    draws: Float[np.ndarray, "draws"]
    seconds: float

    def mean(self, figure: str) -> float:
        """Mean of a figure over the targets themselves."""
        values = getattr(self, figure)[: self._own]
        return float(np.mean(values)) if np.isfinite(values).all() else float("nan")

    @property
    def _own(self) -> int:
        return len(self.targets) - (self.targets[-1] == MEAN)

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee score --json` prints it."""
        figures = ("rmse", "relative_error", "regret", "coverage")
        own = slice(0, self._own)
        named = {f: dict(zip(self.targets, map(_json, getattr(self, f)))) for f in figures}
        ranks = {
            "mean": _json(self.mean("spearman")),
            "per_target": dict(zip(self.targets[own], map(_json, self.spearman[own]))),
        }
        if self._own < len(self.targets):
            ranks["mean_loss"] = _json(self.spearman[-1])
        return {
            "method": self.method,
            "spearman": ranks,
            **{f: _json(self.mean(f)) for f in figures},
            "seconds": round(self.seconds, 3),
            "spread": {f: _json(v) for f, v in self.spread.items()},
            "per_target": named,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """All methods on the same runs.

    Args:
        rows: One per method, in the order asked for.
        runs: How many were fitted to.
        tests: How many were forecast.
        scales: How many different (params, tokens) the test runs have.
        seen: Whether each of these scales is among the runs fitted to.
        left_out: Runs fitted to, and test runs, that lacked a loss and were left out.
        trouble: Why a method has no row.
    """

    rows: tuple[Score, ...]
    runs: int
    tests: int
    scales: int
    seen: bool
    left_out: tuple[int, int] = (0, 0)
    trouble: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return report.scores_text(self.to_dict())

    def _repr_html_(self) -> str:
        return report.fragment(report.print_scores, self.to_dict())

    def verdict(self) -> str:
        """Who ranks best, and whether by more than noise, in a sentence."""
        rows = sorted(self.rows, key=lambda r: -np.nan_to_num(r.mean("spearman"), nan=-2))
        best, rest = rows[0], rows[1:]
        if not rest or np.isnan(best.mean("spearman")):
            return f"No scale has {LEAST} test runs: nothing can be ranked."
        if self.tests < FEW:
            return f"{self.tests} test runs are too few to tell methods apart."
        behind = [r for r in rest if np.mean(r.draws < best.draws) < 0.95]
        if not behind:
            return f"{best.method} ranks best, ahead of every other by more than noise."
        names = ", ".join(r.method for r in behind[:5]) + (" and more" if len(behind) > 5 else "")
        return f"{best.method} ranks best; {names} not behind by more than noise."

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee score --json` prints it."""
        return {
            "methods": [
                *(row.to_dict() for row in self.rows),
                *({"method": name, "trouble": why} for name, why in self.trouble.items()),
            ],
            "runs": self.runs,
            "tests": self.tests,
            "scales": self.scales,
            "left_out": list(self.left_out),
            "verdict": self.verdict(),
        }


def score(
    runs: Runs | str | Path,
    test: Runs | str | Path,
    methods: Sequence[str] | str = (),
    *,
    target: str | None = None,
    seed: int = 0,
    prior: Prior | None = None,
    available: Mapping[str, float] | None = None,
    refuse: bool = False,
) -> Scores:
    """Fit each method to some runs, and judge it on others.

    A method without a law of the losses ranks mixtures by their distance from its answer: the
    Kullback-Leibler divergence of a mixture from the recommended one. For `own_share` and one
    target that is the target's own share.

    Args:
        runs: To fit to: a table, or its file.
        test: To forecast. Runs of another scale than those fitted to are ranked among themselves.
        methods: Names, or `"all"` for every one that learns from any runs; the baselines are
            always added.
        target: The only target that counts; all of them, and their mean, by default.
        seed: Of everything random.
        prior: A forecast that costs nothing, such as the count proxy on the sources' text.
        available: Tokens that each source holds, for `natural`.
        refuse: Complain about runs that lack a loss, instead of leaving them out.

    Raises:
        CuveeError: Tables that do not fit each other, unknown names, or a method that a table of
            runs cannot feed.
    """
    runs, test = as_runs(runs), as_runs(test)
    if target is not None:
        runs, test = runs.only([target]), test.only([target])
    else:
        test = test.only(runs.targets)
    many = len(runs), len(test)
    runs, test = runs.complete(refuse), test.over(runs.sources).complete(refuse)
    left_out = many[0] - len(runs), many[1] - len(test)
    loaded = _loaded(methods)
    judge = _Judge.of(runs, test, seed)
    study = replace(runs.study(runs.problem(available=available)), prior=prior)
    for name, mixer in loaded.items():
        if not isinstance(mixer, Learner) and needs_more(mixer, study, stream(seed, "score")):
            raise CuveeError(
                f"{name} learns from the text or from runs of its own choice, which a table cannot "
                f"answer: see `cuvee compare`."
            )
    check_distinct(study)
    rows, trouble = [], {}
    for name, mixer in loaded.items():
        start = time.perf_counter()
        try:
            with one_thread():
                forecast = _forecast(name, mixer, runs, study, test, seed)
        except (ValueError, ArithmeticError) as error:  # one method does not end the others
            if len(loaded) == len(BASELINES) + 1 and isinstance(error, CuveeError):
                raise
            trouble[name] = str(error)
            continue
        rows.append(judge.score(name, forecast, time.perf_counter() - start))
    scales = int(judge.groups.max()) + 1
    return Scores(tuple(rows), len(runs), len(test), scales, judge.seen, left_out, trouble)


def _loaded(methods: Sequence[str] | str) -> dict[str, Mixer]:
    """Mixers by name; a wrong name is found before any waiting."""
    asked = methods.split(",") if isinstance(methods, str) else list(methods)
    found: dict[str, Mixer] = {}
    for name in [*filter(None, asked), *BASELINES]:
        if name == "all":
            every = ((n, mix.load(n)) for n in mix.METHODS)
            found |= {n: mixer for n, mixer in every if isinstance(mixer, Learner)}
        else:
            found[name] = mix.load(name)
    return found


def _forecast(
    name: str, mixer: Mixer, runs: Runs, study: Study, test: Runs, seed: int
) -> Estimate | np.ndarray:
    """Predicted losses of the test runs; of a method without a law, distances as an array."""
    rng = stream(seed, "score", name)
    points = replace(
        test.points,
        tokens=np.nan_to_num(test.points.tokens, nan=float(study.problem.tokens)),
    )
    if isinstance(mixer, Learner):
        law = mixer.fit(study, rng=rng)
        return _levels(law.predict(points), law, points, study)
    columns = [
        _distance(name, mixer, replace(study, problem=_single(runs, study, t)), points, seed)
        for t in (*runs.targets, MEAN)[: len(runs.targets) + (len(runs.targets) > 1)]
    ]
    return np.stack(columns, axis=1)  # fmt: skip


def _levels(
    predicted: Estimate, law: Forecast, points: Points, study: Study
) -> Estimate | np.ndarray:
    """The forecast; NaN levels at scales that the law was not fitted to and knows nothing of."""
    seen = {_scale(study.points, i) for i in range(len(study.trials))}
    strange = np.array([_scale(points, i) not in seen for i in range(len(points))])
    if not strange.any():
        return predicted
    first = study.points[np.zeros(len(points), int)]
    moved = law.mean(replace(points, tokens=first.tokens, params=first.params))
    if not np.allclose(moved[strange], predicted.mean[strange]):
        return predicted
    return predicted.mean  # a ranking without levels


def _single(runs: Runs, study: Study, target: str) -> Any:
    """The same problem for one target alone."""
    available = dict(zip(study.problem.sources, study.problem.available))
    free = replace(study.problem.limits)
    return runs.problem(target, available=available, limits=free, tokens=study.problem.tokens)


def _distance(name: str, mixer: Mixer, study: Study, points: Points, seed: int) -> np.ndarray:
    answer = mixer.recommend(study, rng=stream(seed, "score", name)).mean + FLOOR
    answer = answer / answer.sum()
    shares = points.shares + FLOOR
    shares = shares / shares.sum(axis=1, keepdims=True)
    return (answer * np.log(answer / shares)).sum(axis=1)


def check_distinct(study: Study) -> None:
    """Refuse runs that are all of one mixture: nothing can be learnt of others."""
    mixtures = np.unique(np.round(study.points.shares, 6), axis=0)
    if len(mixtures) < 2 <= len(study.problem.sources):
        raise CuveeError(
            f"all {len(study.trials)} runs are of one mixture: nothing can be learnt of others; "
            f"add runs of at least one more."
        )


def needs_more(mixer: Mixer, study: Study, rng: Generator) -> bool:
    """Whether a method without a law wants more than the runs of a table."""
    return bool(getattr(mixer, "needs", ()) or mixer.propose(study, rng=rng))


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """The test runs, and how they are resampled."""

    targets: tuple[str, ...]
    losses: Float[np.ndarray, "runs targets"]
    groups: Int[np.ndarray, "runs"]
    known: Bool[np.ndarray, "runs"]
    seen: bool
    picks: Sequence[Int[np.ndarray, "runs"]]

    @staticmethod
    def of(runs: Runs, test: Runs, seed: int) -> "_Judge":
        if len(test) < LEAST:
            raise CuveeError(f"at least {LEAST} test runs are needed, got {len(test)}.")
        losses, names = test.losses, test.targets
        if len(names) > 1:
            losses = np.column_stack([losses, losses.mean(axis=1)])
            names = (*names, MEAN)
        groups, rng = test.points.scales(), stream(seed, "resample")
        n = len(test)
        trained = {_scale(runs.points, i) for i in range(len(runs))}
        known = np.array([_scale(test.points, i) in trained for i in range(n)])
        picks = [rng.integers(n, size=n) for _ in range(RESAMPLES)]
        several = len(trained) > 1  # a method that saw several scales may know others
        return _Judge(names, losses, groups, known | several, bool(known.all()), picks)

    def score(self, method: str, forecast: Estimate | np.ndarray, seconds: float) -> Score:
        levels = isinstance(forecast, Estimate)
        guess = forecast.mean if levels else forecast
        if guess.shape[1] < self.losses.shape[1]:
            guess = np.column_stack([guess, guess.mean(axis=1)])
        error = np.where(self.known[:, None], guess - self.losses, np.nan)
        error = error if levels else np.full_like(guess, np.nan)
        inside = self._inside(forecast) if levels else np.full_like(guess, np.nan)
        every = np.arange(len(self.losses))
        figures = _figures(guess, self.losses, error, inside, self.groups, every)
        again = [_figures(guess, self.losses, error, inside, self.groups, p) for p in self.picks]
        own = slice(0, len(self.targets) - (self.targets[-1] == MEAN))
        draws = {f: np.array([a[f][own].mean() for a in again]) for f in figures}
        spread = {f: _sd(d) for f, d in draws.items()}
        return Score(method, self.targets, **figures, spread=spread,
                     draws=draws["spearman"], seconds=seconds)  # fmt: skip

    def _inside(self, forecast: Estimate) -> np.ndarray:
        if len(forecast.draws) < 2:
            return np.full_like(self.losses, np.nan)
        draws = forecast.draws
        if draws.shape[2] < self.losses.shape[1]:
            draws = np.concatenate([draws, draws.mean(axis=2, keepdims=True)], axis=2)
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        inside = ((self.losses >= low) & (self.losses <= high)).astype(float)
        return np.where(self.known[:, None], inside, np.nan)


def _figures(
    guess: np.ndarray, losses: np.ndarray, error: np.ndarray, inside: np.ndarray,
    groups: np.ndarray, rows: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Every figure by target, from some of the test runs."""
    weights, ranks, regrets = [], [], []
    for group in np.unique(groups[rows]):
        here = rows[groups[rows] == group]
        if len(np.unique(here)) < LEAST:
            continue
        weights.append(len(here))
        ranks.append(_spearman(guess[here], losses[here]))
        chosen = here[np.argmin(guess[here], axis=0)]
        regrets.append(losses[chosen, np.arange(losses.shape[1])] - losses[here].min(axis=0))
    empty = np.full(losses.shape[1], np.nan)
    held = ~np.isnan(error[rows][:, 0])
    used, covered = error[rows][held], inside[rows][held]
    return {
        "spearman": np.average(ranks, axis=0, weights=weights) if ranks else empty,
        "regret": np.average(regrets, axis=0, weights=weights) if ranks else empty,
        "rmse": np.sqrt(np.mean(used**2, axis=0)) if held.any() else empty,
        "relative_error": (
            np.mean(np.abs(used) / losses[rows][held], axis=0) if held.any() else empty
        ),
        "coverage": covered.mean(axis=0) if held.any() else empty,
    }


def _spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of each pair of columns; 0 where a column does not vary: it ranks nothing."""
    from scipy.stats import rankdata  # half a second to import

    x, y = rankdata(a, axis=0), rankdata(b, axis=0)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return np.divide((x * y).sum(axis=0), scale, out=np.zeros(len(scale)), where=scale > 0)


def _scale(points: Points, i: int) -> tuple[str, str]:
    return f"{points.params[i]:.6g}", f"{points.tokens[i]:.6g}"


def _sd(draws: np.ndarray) -> float:
    draws = draws[np.isfinite(draws)]
    return float(draws.std(ddof=1)) if len(draws) > 1 else float("nan")


def _json(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
