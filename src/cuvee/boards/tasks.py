"""Tasks with planted faults: what is shown, what may be answered, and how that is scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int, Int64
from numpy.random import Generator

from cuvee import select
from cuvee.boards.data import Judge, Split, Table, mislabelled, rated, table, uneven
from cuvee.contracts import Selector
from cuvee.core import CuveeError, stream
from cuvee.core.pool import Pool, Quota

EACH = 10
"""Rows of each class in the target."""
PARTS = (0.05, 0.15, 0.4)
"""Of the pool, chosen in the task of selection."""
WRONG, MORE_WRONG = 0.2, 0.3
"""Part of the labels that are wrong, in selection and in debugging."""
MOST = 400
"""Rows to debug."""
GOOD = 0.95
"""Of the accuracy after training on right labels, that is good enough."""
ACCURACY = "accuracy, mean over classes"
Plan = tuple[Int64[np.ndarray, "rows"], ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that an answer gets.

    Args:
        name: For tables.
        unit: Of it.
        lower: Whether less is better.
        main: Whether it is part of the score that ranks answers.
    """

    name: str
    unit: str
    lower: bool = False
    main: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """Rows that everybody may see.

    Args:
        part: What they are: "pool", "target" or "sample".
        rows: With the labels that are shown.
        more: Other columns.
    """

    part: str
    rows: Table
    more: Mapping[str, Any]


class Round(Protocol):
    """A task with one draw of its faults: what is shown, and what judges."""

    @property
    def pool(self) -> Pool:
        """What methods choose from."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Of an answer, numbers all of them."""
        ...

    def measures(self) -> tuple[Measure, ...]:
        """What is scored."""
        ...

    def shown(self) -> tuple[Shown, ...]:
        """All that may be seen."""
        ...

    def rules(self) -> dict[str, Any]:
        """What an answer is, in plain values."""
        ...

    def play(self, method: Selector, seed: int) -> Plan:
        """A method's answer."""
        ...

    def answer(self, values: Sequence[Int64[np.ndarray, "given"]]) -> Plan:
        """Somebody else's answer, checked."""
        ...

    def score(self, plan: Plan) -> Float[np.ndarray, "measures"]:
        """What an answer is worth."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Which rows to train on? Labels are wrong here and there, and classes differ in size.

    Args:
        pool, table: The rows, with labels as shown.
        target: Clean rows, which count for choosing only.
        judge: What scores.
        right: The labels that the rows should have.
        ks: How many rows to choose.
    """

    pool: Pool
    table: Table
    target: Table
    judge: Judge
    right: Int64[np.ndarray, "rows"]
    ks: tuple[int, ...]
    columns: tuple[str, ...] = ("row",)

    @staticmethod
    def made(name: str, seed: int) -> "Selection":
        """With faults of a seed."""
        rng, split = split_of(name, seed, "selection")
        right = split.rest.take(uneven(split.rest.labels, split.rest.classes, rng))
        rows = right.relabelled(mislabelled(right.labels, right.classes, WRONG, rng))
        pool = rows.pool(quality=rated(rows.labels == right.labels, rng))
        judge = Judge.of(split.held, rows.points)
        ks = tuple(round(part * len(rows)) for part in PARTS)
        return Selection(pool, rows, split.target, judge, right.labels, ks)

    def measures(self) -> tuple[Measure, ...]:
        """Accuracy after each number of rows."""
        return tuple(Measure(f"{part:.0%}", ACCURACY) for part in PARTS)

    def shown(self) -> tuple[Shown, ...]:
        """The pool and the target."""
        return _pool_and_target(self.pool, self.table, self.target)

    def rules(self) -> dict[str, Any]:
        """How many rows, at most."""
        said = "rows of the pool, the best first: the first of them are scored for each k"
        return {"k": list(self.ks), "answer": {"columns": ["row"], "meaning": said}}

    def play(self, method: Selector, seed: int) -> Plan:
        """Rows for each k."""
        target = self.target.pool()
        chosen = (
            select.choose(method, self.pool, Quota(rows=k), target=target, seed=seed)
            for k in self.ks
        )
        return tuple(choice.rows for choice in chosen)

    def answer(self, values: Sequence[Int64[np.ndarray, "given"]]) -> Plan:
        """The first of one list of rows."""
        rows = distinct(values[0], len(self.pool), self.ks[-1])
        return tuple(rows[:k] for k in self.ks)

    def score(self, plan: Plan) -> Float[np.ndarray, "measures"]:
        """Accuracies; what a row counts is the same for all."""
        rows = self.table
        return np.array([self.judge.score(rows.points[r], rows.labels[r]) for r in plan])


@dataclass(frozen=True, slots=True, eq=False)
class Debugging:
    """Which labels are wrong? Rows are looked at in the order of the answer, and put right.

    Args:
        pool, table: The rows, with labels as shown.
        target: Clean rows.
        judge: What scores.
        right: The labels that they should have.
    """

    pool: Pool
    table: Table
    target: Table
    judge: Judge
    right: Int64[np.ndarray, "rows"]
    columns: tuple[str, ...] = ("row",)

    @staticmethod
    def made(name: str, seed: int) -> "Debugging":
        """With faults of a seed."""
        rng, split = split_of(name, seed, "debugging")
        right = split.rest.take(np.arange(min(MOST, len(split.rest))))
        rows = right.relabelled(mislabelled(right.labels, right.classes, MORE_WRONG, rng))
        pool = rows.pool(quality=rated(rows.labels == right.labels, rng))
        judge = Judge.of(split.held, rows.points)
        return Debugging(pool, rows, split.target, judge, right.labels)

    def measures(self) -> tuple[Measure, ...]:
        """What is found at once, and how much has to be looked at."""
        return (
            Measure("found", "part of the wrong labels, after as many rows as there are of them"),
            Measure("to look at", f"part of the rows, until the accuracy is {GOOD:.0%} of the one "
                    "with right labels", lower=True, main=False),
        )  # fmt: skip

    def shown(self) -> tuple[Shown, ...]:
        """The pool and the target."""
        return _pool_and_target(self.pool, self.table, self.target)

    def rules(self) -> dict[str, Any]:
        """An order of rows."""
        said = "rows of the pool in the order in which to look at them"
        return {"answer": {"columns": ["row"], "meaning": said}}

    def play(self, method: Selector, seed: int) -> Plan:
        """Low scores first; of a method without any, what it would take last."""
        everything = Quota(rows=len(self.pool))
        target = self.target.pool()
        choice = select.choose(method, self.pool, everything, target=target, seed=seed)
        if choice.scores is None:
            return (choice.rows[::-1],)
        return (np.argsort(choice.scores, kind="stable"),)

    def answer(self, values: Sequence[Int64[np.ndarray, "given"]]) -> Plan:
        """Rows; those left out are never looked at."""
        return (distinct(values[0], len(self.pool), len(self.pool)),)

    def score(self, plan: Plan) -> Float[np.ndarray, "measures"]:
        """Part found, and part looked at; all of the rows where it is never good enough."""
        wrong = self.table.labels != self.right
        hits = np.flatnonzero(wrong[plan[0]])
        found = np.sum(hits < wrong.sum()) / wrong.sum()
        return np.array([found, self._looked(plan[0], hits) / len(self.right)])

    def _looked(self, order: Int[np.ndarray, "given"], hits: Int[np.ndarray, "found"]) -> int:
        judge, labels = self.judge, self.table.labels
        weights = judge.weights(self.table.points)
        enough = GOOD * judge.accuracy(weights @ judge.one_hot(self.right))
        votes = weights @ judge.one_hot(labels)
        if judge.accuracy(votes) >= enough:
            return 0
        for hit in hits:
            row = order[hit]
            votes[:, labels[row]] -= weights[:, row]
            votes[:, self.right[row]] += weights[:, row]
            if judge.accuracy(votes) >= enough:
                return int(hit) + 1
        return len(labels)


def split_of(name: str, seed: int, task: str) -> tuple[Generator, Split]:
    """A table in three parts, and what else is drawn for this task and seed."""
    rng = stream(seed, "board", task, name)
    return rng, Split.of(table(name, seed), rng, EACH)


def _pool_and_target(pool: Pool, rows: Table, target: Table) -> tuple[Shown, ...]:
    return Shown("pool", rows, {"rating": pool.need("quality")}), Shown("target", target, {})


def distinct(
    given: Int64[np.ndarray, "given"], many: int, most: int, what: str = "row"
) -> Int64[np.ndarray, "given"]:
    """Numbers from 0 that are different, and not too many.

    Raises:
        CuveeError: They are not.
    """
    outside = given[(given < 0) | (given >= many)]
    if len(outside):
        raise CuveeError(f"there is no {what} {outside[0]}: expected 0 to {many - 1}.")
    kinds, counts = np.unique(given, return_counts=True)
    if len(kinds) < len(given):
        raise CuveeError(f"{what} {kinds[counts > 1][0]} stands there twice: name each once.")
    if len(given) > most:
        raise CuveeError(f"{len(given)} {what}s are too many: expected at most {most}.")
    return given
