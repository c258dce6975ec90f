"""What the page asks for: a forecast of these shares, other methods' shares, a run, a dataset."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from cuvee import driver, mix, real_runs
from cuvee.contracts import Learner, Trainer
from cuvee.core import CuveeError, Estimate, Objective, Outcome, Problem, Study, Trial, stream
from cuvee.core import unknown as unknown_name
from cuvee.core.data import Engine, Survey
from cuvee.core.files import write_whole
from cuvee.core.recipe import Recipe
from cuvee.core.run_files import read_runs
from cuvee.core.tables import to_csv
from cuvee.core.threads import one_thread
from cuvee.datasets import question_of
from cuvee.export.reading import finished
from cuvee.from_runs import BASELINES, JUDGE
from cuvee.question import Opened, Question
from cuvee.summary import difference, gain, numbers
from cuvee.trials import as_prior, explore, facts, forecast, prepare, rounded

LOW, HIGH = 0.02, 50.0
"""Of the budget that was asked for: what the page offers."""
MOST_KEPT = 64
"""Budgets of which the forecasts of equal and of natural shares are remembered."""
RUNS, WAY = "runs.csv", "explored"
QUICK = (
    "uniform", "natural", "temperature", "unimax", "descent", "regmix", "surrogate", "mixing_law",
    "modomodo",
)  # fmt: skip
"""Mixers that answer within seconds and ask for no text but the sources'."""
OFF = 2e-6
"""By which shares may miss a limit, as they are rounded."""


@dataclass(eq=False)
class Session:
    """A question with its proxy ready, and the runs that were added.

    Args:
        opened: The question and its data.
        trainer: Its proxy, which trains nothing.
        survey: What the sources hold.
        start: Shares to begin with.
        out: Folder that datasets and runs are written to; nothing is written elsewhere.
    """

    opened: Opened
    trainer: Trainer
    survey: Survey
    start: np.ndarray
    out: Path
    runs: list[dict[str, float]] = field(default_factory=list)
    _law: Any = None
    _beside: dict[int, list[Estimate]] = field(default_factory=dict)
    _busy: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def of(question: Question, out: Path, engine: Engine, like: Recipe | None = None) -> "Session":
        """Open the data and count once.

        Raises:
            CuveeError: The proxy trains, or the data cannot be read or are others than before.
        """
        if real_runs.is_real(question.proxy):
            raise CuveeError(
                f"--proxy {question.proxy} trains a model for every mixture, which takes minutes: "
                "explore with --proxy counts."
            )
        opened = driver.opened_for(replace(question, runs=None, method="descent"), engine)
        if like is not None:
            changed = [x for x in opened.recipe.changes(like) if x.startswith("content of source")]
            if changed:
                raise CuveeError(f"the data have changed since: {changed[0]}: blend again.")
        trainer, survey = prepare(opened)
        start = np.full(len(trainer.sources), 1 / len(trainer.sources))
        session = Session(opened, trainer, survey, start, out)
        for table in question.tables:
            session.take(table)
        if (out / RUNS).exists():
            session.take(out / RUNS)
        return session

    @staticmethod
    def at(folder: Path, out: Path, engine: Engine) -> "Session":
        """Of a dataset that `cuvee blend --out` wrote, begun with its shares.

        Raises:
            CuveeError: No dataset is there, or its sources cannot be read again.
        """
        finished(folder)
        recipe = Recipe.load(folder / "recipe.json")
        session = Session.of(question_of(recipe, str(folder)), out, engine, recipe)
        session.start = _begun(folder, session.trainer.sources)
        return session

    @property
    def seed(self) -> int:
        """Of the question."""
        return self.opened.question.seed

    def problem(self, tokens: int) -> Problem:
        """The question at another budget.

        Raises:
            CuveeError: The sources do not reach so far.
        """
        return Problem.of(
            self.trainer.sources, self.trainer.targets, self.trainer.available, tokens,
            self._objective(), self.opened.question.limits,
        )  # fmt: skip

    def _objective(self) -> Objective:
        return self.opened.objective()

    def about(self) -> dict[str, Any]:
        """What the page shows at first."""
        question = self.opened.question
        most = self._most()
        return {
            "sources": list(self.trainer.sources),
            "available": [float(a) for a in self.trainer.available],
            "targets": list(self.trainer.targets),
            "weights": [float(w) for w in self._objective().weights],
            "worst": self._objective().worst,
            "token": self.opened.data.units.name,
            "tokens": question.tokens,
            "budgets": [max(1, round(question.tokens * LOW)), most],
            "shares": [float(s) for s in self.start],
            "methods": self.methods(),
            "runs": len(self.runs),
            "corrected": self._law is not None,
            "out": str(self.out),
        }

    def _most(self) -> int:
        """The largest budget that the data allow, or that the page offers."""
        epochs = self.opened.question.limits.check(list(self.trainer.sources))[0]
        with np.errstate(invalid="ignore"):
            held = np.where(np.isinf(epochs), np.inf, epochs * self.trainer.available).sum()
        asked = self.opened.question.tokens
        return max(asked, int(min(held * (1 - 1e-9), asked * HIGH)))

    def methods(self) -> list[str]:
        """Mixers that need neither real runs nor text of their own."""
        return [name for name in mix.METHODS if name in QUICK]

    def limits(self, tokens: int) -> dict[str, Any]:
        """Least and largest share of each source."""
        problem = self.problem(self._tokens(tokens))
        return {"low": problem.low.tolist(), "high": problem.high.tolist()}

    def predict(self, shares: Sequence[float], tokens: int) -> dict[str, Any]:
        """Losses of a mixture, beside those of equal and of natural shares.

        Raises:
            CuveeError: They are no shares, or there are others than sources.
        """
        problem = self.problem(self._tokens(tokens))
        wanted = self._shares(shares)
        losses, *others = self._all_losses(problem, wanted)
        rivals = {
            name: {
                "gains": numbers(difference(other, losses), problem.targets),
                "gain": numbers(_one(gain(problem, other, losses)), ("all",))["all"],
            }
            for name, other in zip(BASELINES, others)
        }
        epochs = problem.epochs(wanted)
        over = wanted > problem.high + OFF
        under = wanted < problem.low - OFF
        return {
            "shares": wanted.tolist(), "tokens": problem.tokens, "unit": losses.unit,
            "losses": numbers(losses, problem.targets),
            "objective": numbers(_one(losses.map(problem.objective.score, "")), ("all",))["all"],
            "rivals": rivals, "epochs": epochs.tolist(),
            "low": problem.low.tolist(), "high": problem.high.tolist(),
            "over": [n for n, is_over in zip(problem.sources, over) if is_over],
            "under": [n for n, is_under in zip(problem.sources, under) if is_under],
            "corrected": self._law is not None,
        }  # fmt: skip

    def _tokens(self, tokens: Any) -> int:
        number = _number(tokens, "the budget")
        if not 1 <= number <= 1e15:
            raise CuveeError(f"the budget: expected 1 or more tokens, got {number:g}.")
        return int(number)

    def _shares(self, shares: Any) -> np.ndarray:
        k = len(self.trainer.sources)
        if not isinstance(shares, list | tuple) or len(shares) != k:
            raise CuveeError(f"expected a share for each of the {k} sources.")
        found = np.array([_number(s, "a share") for s in shares])
        if (found < 0).any() or abs(found.sum() - 1) > 1e-3:
            raise CuveeError(f"expected shares from 0 on that sum to 1, got {found.sum():.6g}.")
        return found / found.sum()

    def _losses(self, problem: Problem, shares: np.ndarray) -> Estimate:
        if self._law is not None:
            found = self._law.predict(problem.points(shares[None]))
            return replace(found, draws=found.draws[:, 0], center=found.mean[0])
        return forecast(self.trainer, problem, self.seed, shares)

    def _all_losses(self, problem: Problem, shares: np.ndarray) -> list[Estimate]:
        """Of these shares, of equal and of natural ones; the latter once for each budget."""
        known = self._beside.get(problem.tokens)
        if known is not None:
            return [self._losses(problem, shares), *known]
        mixtures = [shares, *(self._of(problem, name) for name in BASELINES[:2])]
        with ThreadPoolExecutor(len(mixtures)) as pool:
            found = list(pool.map(partial(self._losses, problem), mixtures))
        if len(self._beside) >= MOST_KEPT:
            self._beside.pop(next(iter(self._beside)), None)
        self._beside[problem.tokens] = found[1:]
        return found

    def _of(self, problem: Problem, name: str) -> np.ndarray:
        found = mix.load(name).recommend(Study(problem), rng=stream(self.seed, "recommend"))
        return np.asarray(rounded(found, problem).mean)

    def suggest(self, method: str, tokens: int) -> dict[str, Any]:
        """What a method recommends at this budget.

        Raises:
            CuveeError: There is no such method here.
        """
        if method not in self.methods():
            raise unknown_name("method", method, self.methods())
        problem, mixer = self.problem(self._tokens(tokens)), mix.load(method)
        problem = replace(problem, facts=facts(self.opened, getattr(mixer, "needs", ())))
        with one_thread():
            study = explore(problem, self.trainer, mixer, self.seed, _here)
            found = mixer.recommend(study, rng=stream(self.seed, "recommend"))
        shares = rounded(found, problem).mean
        return {"method": method, **self.predict(shares.tolist(), problem.tokens)}

    def add(self, shares: Any, tokens: Any, losses: Any) -> dict[str, Any]:
        """Take a run that was really made; the forecast is corrected by all of them.

        Args:
            shares: That it was trained on.
            tokens: So many.
            losses: That it reached, by target.

        Raises:
            CuveeError: A loss is missing.
        """
        if not isinstance(losses, Mapping) or set(losses) != set(self.trainer.targets):
            raise CuveeError(f"expected a loss on {', '.join(self.trainer.targets)}.")
        row = {f"share/{n}": float(s) for n, s in zip(self.trainer.sources, self._shares(shares))}
        row |= {"tokens": float(self._tokens(tokens))}
        for name in self.trainer.targets:
            loss = _number(losses[name], f"the loss on {name}")
            if loss <= 0:
                raise CuveeError(f"the loss on {name}: expected nats above 0, got {loss:g}.")
            row[f"loss/{name}"] = loss
        with self._busy:
            rows = [*self.runs, row]
            law = self._learnt(rows)
            named = [{"run": f"{WAY}-{i + 1}", **r} for i, r in enumerate(rows)]
            text = to_csv(named)
            self.out.mkdir(parents=True, exist_ok=True)
            write_whole(self.out / RUNS, lambda p: p.write_text(text, encoding="utf-8"))
            self.runs, self._law, self._beside = rows, law, {}
        return {"runs": len(self.runs), "corrected": self._law is not None}

    def take(self, table: str | Path) -> None:
        """Take the runs of a table."""
        runs = read_runs(table).only(self.trainer.targets).over(self.trainer.sources).complete()
        tokens = np.where(np.isnan(runs.points.tokens), self.opened.question.tokens,
                          runs.points.tokens)  # fmt: skip
        rows = [
            {f"share/{n}": float(s) for n, s in zip(self.trainer.sources, shares)}
            | {"tokens": float(t)}
            | {f"loss/{n}": float(x) for n, x in zip(self.trainer.targets, losses)}
            for shares, t, losses in zip(runs.points.shares, tokens, runs.losses)
        ]
        self.runs += rows
        self._law, self._beside = self._learnt(self.runs), {}

    def _learnt(self, rows: Sequence[Mapping[str, float]]) -> Any:
        """The forecast that the runs correct; None while there are too few."""
        learner = mix.load(JUDGE)
        problem = self.problem(self.opened.question.tokens)
        prior = as_prior(self.trainer, problem.sources, problem.targets, self.seed)
        trials, outcomes = [], []
        for row in rows:
            shares = np.array([row[f"share/{n}"] for n in problem.sources])
            losses = np.array([row[f"loss/{n}"] for n in problem.targets])
            trials.append(Trial(shares, row["tokens"]))
            outcomes.append(Outcome(Estimate(losses[None], "nats per token", "none"), 0.0))
        study = replace(Study(problem).record(tuple(trials), tuple(outcomes)), prior=prior)
        if not isinstance(learner, Learner):
            raise CuveeError(f"{JUDGE} learns nothing from runs.")
        try:
            with one_thread():
                return learner.fit(study, rng=stream(self.seed, "fit"))
        except CuveeError:
            return None  # too few runs as yet

    def write(self, shares: Any, tokens: Any, name: Any) -> dict[str, Any]:
        """Write the dataset of these shares below the folder that was given at the start.

        Raises:
            CuveeError: The name is none of a folder, or it exists; or the shares break a limit.
        """
        if not isinstance(name, str) or not name or not _plain(name):
            raise CuveeError("the name: expected letters, digits, - and _, no folders.")
        folder = self.out / name
        if not self._busy.acquire(blocking=False):
            raise CuveeError("something is being written: wait until it is done.")
        try:
            if folder.exists():
                raise CuveeError(f"{name} exists already: choose another name.")
            budget = self._tokens(tokens)
            problem = self.problem(budget)
            fixed = problem.fit(self._shares(shares))
            fixed = np.asarray(rounded(Estimate(fixed[None], "share", "none"), problem).mean)
            question = replace(
                self.opened.question, budget=budget, method="uniform",
                fixed={n: float(s) for n, s in zip(problem.sources, fixed)},
            )  # fmt: skip
            recipe = replace(self.opened.recipe, settings=question.settings())
            answer = driver.decide(replace(self.opened, question=question, recipe=recipe))
            manifest = answer.write(folder)
        finally:
            self._busy.release()
        files = len(manifest["shards"])
        return {"folder": str(folder), "tokens": manifest["tokens"], "files": files}


def _begun(folder: Path, sources: Sequence[str]) -> np.ndarray:
    """Shares of a dataset that was written."""
    try:
        told = orjson.loads((folder / "blend.json").read_bytes())["shares"]
        return np.array([float(told[name]["mean"]) for name in sources])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CuveeError(
            f"{folder / 'blend.json'} does not tell its shares ({error}): blend again."
        ) from error


def _here(job: Callable[[Any], Any], items: Sequence[Any], **_: Any) -> Any:
    """Jobs one after another, in the thread that asks."""
    return map(job, items)


def _plain(name: str) -> bool:
    return len(name) <= 80 and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)


def _one(estimate: Estimate) -> Estimate:
    """A number as a list of one."""
    center = None if estimate.center is None else np.asarray(estimate.center)[None]
    return replace(estimate, draws=estimate.draws[:, None], center=center)


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise CuveeError(f"{what}: expected a number, got {value!r:.40}.")
    return float(value)
