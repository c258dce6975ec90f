"""Runs that were really made: what a table of them holds, and how it becomes a study."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from cuvee.core.budget import parse_tokens
from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate
from cuvee.core.mixture import Limits
from cuvee.core.objective import Objective, parse_objective
from cuvee.core.points import Points
from cuvee.core.problem import Problem
from cuvee.core.study import Outcome, Study, Trial

UNIT = "nats per token"
"""Of losses that do not say it."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Training runs with their losses.

    Args:
        sources: Names.
        targets: Names.
        names: What each run is called.
        points: Shares, tokens and params of each run; NaN tokens or params are not stated.
        losses: Of each run on each target, in nats per token.
        seeds: Of each run.
        labels: Columns of text, such as `dataset`: a word for each run.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    names: tuple[str, ...]
    points: Points
    losses: Float[np.ndarray, "runs targets"]
    seeds: Int[np.ndarray, "runs"]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, which: np.ndarray | slice) -> "Runs":
        """Some of the runs."""
        names = tuple(np.array(self.names, dtype=object)[which])
        words = {n: tuple(np.array(w, dtype=object)[which]) for n, w in self.labels.items()}
        return replace(
            self, names=names, points=self.points[which], losses=self.losses[which],
            seeds=self.seeds[which], labels=words,
        )  # fmt: skip

    def groups(self) -> Int[np.ndarray, "runs"]:
        """Number of each row's run: its checkpoints have one name and seed, and err alike."""
        keys = list(zip(self.names, map(int, self.seeds)))
        places = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        return np.array([places[key] for key in keys], dtype=int)

    def only(self, targets: Sequence[str]) -> "Runs":
        """The same runs with some of their targets, in this order.

        Raises:
            CuveeError: There is no such target.
        """
        for name in targets:
            if name not in self.targets:
                raise unknown("target", name, self.targets)
        columns = [self.targets.index(name) for name in targets]
        return replace(self, targets=tuple(targets), losses=self.losses[:, columns])

    def over(self, sources: Sequence[str]) -> "Runs":
        """The same runs over other sources; of those that a run does not know it had nothing.

        Raises:
            CuveeError: A source that was trained on is not among them.
        """
        shares = np.zeros((len(self), len(sources)))
        for name, column in zip(self.sources, self.points.shares.T):
            if name in sources:
                shares[:, list(sources).index(name)] = column
            elif column.any():
                raise unknown("source with a share in the runs", name, sources)
        return replace(self, sources=tuple(sources), points=replace(self.points, shares=shares))

    def split(self, parts: Mapping[str, Mapping[str, float]]) -> "Runs":
        """Sources replaced by their parts: what a run had of the whole, it had of each part.

        Args:
            parts: For each source that was split, the weight of each part, as in tokens held.

        Raises:
            CuveeError: An unknown source, or weights that are no weights.
        """
        runs = self
        for whole, weights in parts.items():
            if whole not in runs.sources:
                raise unknown("source to split", whole, runs.sources)
            total = sum(weights.values())
            if len(weights) < 2 or min(weights.values()) < 0 or not 0 < total < np.inf:
                raise CuveeError(f"{whole!r} must be split in two parts or more of weight above 0.")
            at = runs.sources.index(whole)
            names = [n for n in runs.sources if n != whole]
            for name in weights:
                if name in names:
                    raise CuveeError(f"a part of {whole!r} cannot be called {name!r}: it is taken.")
            column = runs.points.shares[:, at]
            kept = np.delete(runs.points.shares, at, axis=1)
            added = [column * weight / total for weight in weights.values()]
            points = replace(runs.points, shares=np.column_stack([kept, *added]))
            runs = replace(runs, sources=(*names, *weights), points=points)
        return runs

    def complete(self, refuse: bool = False) -> "Runs":
        """Those runs that have a loss on every target.

        Args:
            refuse: Complain about runs without, instead of leaving them out.

        Raises:
            CuveeError: Losses are missing, and that was to be refused; or no run is left.
        """
        missing = ~np.isfinite(self.losses)
        rows = missing.any(axis=1)
        if not rows.any():
            return self
        first = np.argwhere(missing)[0]
        if refuse or rows.all():
            hint = "fill it in" if refuse else "no run is left: choose fewer targets"
            raise CuveeError(
                f"{int(rows.sum())} of {len(self)} runs lack a loss, first run "
                f"{self.names[first[0]]!r} on {self.targets[first[1]]!r}: {hint}."
            )
        return self.rows(np.asarray(~rows))

    def problem(
        self,
        objective: str | Mapping[str, float] | Objective = "mean",
        *,
        available: Mapping[str, str | float] | None = None,
        tokens: float | None = None,
        params: float | None = None,
        limits: Limits | None = None,
    ) -> Problem:
        """What is to be decided, as far as a table of runs says it.

        Args:
            objective: One number from the targets' losses.
            available: Tokens that each source holds. None: not known; the mean shares of the
                runs stand for natural shares, and nothing limits epochs.
            tokens: The budget; the largest of the runs by default.
            params: Size of the model; the largest of the runs by default.
            limits: What the shares must obey. Sources that no run had get nothing.
        """
        if not isinstance(objective, Objective):
            objective = parse_objective(objective, self.targets)
        if params is not None and (params <= 0 or params == np.inf):
            raise CuveeError(f"params must be a number above 0, got {params}.")
        known = self.points.tokens[np.isfinite(self.points.tokens)]
        tokens = tokens or (float(known.max()) if len(known) else 1.0)
        sizes = self.points.params[np.isfinite(self.points.params)]
        size = params if params is not None else float(sizes.max()) if len(sizes) else np.nan
        limits = limits or Limits()
        tried = self.points.shares.max(axis=0) > 0
        never = {n: 0.0 for n, t in zip(self.sources, tried) if not t}
        limits = replace(limits, fixed=never | dict(limits.fixed or {}))
        if available is None:
            limits = replace(limits, max_epochs=np.inf)
            amounts = np.maximum(self.points.shares.mean(axis=0), 1e-9) * tokens
        else:
            for name in available:
                if name not in self.sources:
                    raise unknown("source in available", name, self.sources)
            if lost := [n for n in self.sources if n not in available and n not in never]:
                raise CuveeError(f"available: tokens of {', '.join(lost)} are not given.")
            amounts = np.array([parse_tokens(available.get(n, 1.0)) for n in self.sources])
        return Problem.of(
            self.sources, self.targets, amounts, max(1, round(tokens)), objective, limits, size
        )

    def study(self, problem: Problem) -> Study:
        """The runs as trials of a problem."""
        tokens = np.nan_to_num(self.points.tokens, nan=float(problem.tokens))
        rows = zip(self.points.shares, tokens, self.seeds, self.points.params)
        trials = [Trial(s, float(n), int(seed), params=float(p)) for s, n, seed, p in rows]
        outcomes = [
            Outcome(Estimate(row[None], UNIT, "none"), cost=trial.tokens)
            for row, trial in zip(self.losses, trials)
        ]
        return Study(problem, tuple(trials), tuple(outcomes))


def joined(tables: Iterable[Runs]) -> Runs:
    """Several tables as one: all sources, and the targets that all of them have.

    Raises:
        CuveeError: No target is in all tables.
    """
    tables = list(tables)
    sources = tuple(dict.fromkeys(name for t in tables for name in t.sources))
    targets = tuple(n for n in tables[0].targets if all(n in t.targets for t in tables))
    if not targets:
        raise CuveeError("the tables of runs have no target in common: expected the same names.")
    parts = [t.over(sources).only(targets) for t in tables]
    if len(parts) == 1:
        return parts[0]
    axes = [n for n in parts[0].points.axes if all(n in p.points.axes for p in parts)]
    words = [n for n in parts[0].labels if all(n in p.labels for p in parts)]
    return Runs(
        sources,
        targets,
        tuple(name for p in parts for name in p.names),
        Points(
            np.concatenate([p.points.shares for p in parts]),
            np.concatenate([p.points.tokens for p in parts]),
            np.concatenate([p.points.params for p in parts]),
            {n: np.concatenate([p.points.axes[n] for p in parts]) for n in axes},
        ),
        np.concatenate([p.losses for p in parts]),
        np.concatenate([p.seeds for p in parts]),
        {n: tuple(word for p in parts for word in p.labels[n]) for n in words},
    )


def unit_of(study: Study) -> str:
    """Unit of a study's losses."""
    return study.outcomes[0].losses.unit if study.outcomes else UNIT
