"""The task of acquisition: what to buy from whom, when only a few rows of each seller are shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator

from cuvee import select
from cuvee.boards.data import Judge, Table, mislabelled
from cuvee.boards.tasks import ACCURACY, Measure, Plan, Shown, distinct, split_of
from cuvee.contracts import Selector
from cuvee.core import CuveeError
from cuvee.core.pool import Pool, Quota

SHOWN = 25
"""Rows that each seller shows."""
MONEY = 0.25
"""Budget, as a part of the price of everything."""


@dataclass(frozen=True, slots=True)
class Seller:
    """What is wrong with a seller's rows, and what they cost.

    Args:
        wrong: Part of the labels that are.
        part: First and last class on offer, as parts of all classes.
        strange: Whether rows look otherwise than the buyer's.
        price: Of a row, about.
    """

    wrong: float = 0.02
    part: tuple[float, float] = (0.0, 1.0)
    strange: bool = False
    price: float = 30


SELLERS = (
    Seller(price=45), Seller(wrong=0.5, price=20), Seller(part=(0.0, 0.5)),
    Seller(part=(0.5, 1.0)), Seller(strange=True, price=20), Seller(wrong=0.2),
)  # fmt: skip
"""A good one, a careless one, two of which each has half of the classes, one of other rows, and one
in between. Which of them is called what, and the exact prices, are drawn anew each time."""


@dataclass(frozen=True, slots=True, eq=False)
class Acquisition:
    """What to buy from whom? A few rows of each seller are shown, and a budget is given.

    Args:
        pool: The rows shown; the size of each is what its part of its seller's stock costs.
        samples: The rows shown, by seller.
        stocks: What can be bought, by seller, in the order in which it is delivered.
        prices: Of a row, by seller.
        budget: In the same unit.
        target: Clean rows of the buyer.
        judge: What scores.
    """

    pool: Pool
    samples: tuple[Table, ...]
    stocks: tuple[Table, ...]
    prices: Int64[np.ndarray, "sellers"]
    budget: int
    target: Table
    judge: Judge
    columns: tuple[str, ...] = ("seller", "rows")

    @staticmethod
    def made(name: str, seed: int) -> "Acquisition":
        """With sellers of a seed."""
        rng, split = split_of(name, seed, "acquisition")
        kinds = [SELLERS[i] for i in rng.permutation(len(SELLERS))]
        prices = np.array([round(k.price * rng.uniform(0.7, 1.3)) for k in kinds], np.int64)
        offers = _offers(split.rest, kinds, rng)
        samples = tuple(offer.take(np.arange(SHOWN)) for offer in offers)
        stocks = tuple(offer.take(np.arange(SHOWN, len(offer))) for offer in offers)
        sold = np.array([len(stock) for stock in stocks])
        groups = np.repeat(np.arange(len(kinds)), SHOWN)
        pool = _joined(samples).pool(
            groups=groups, sizes=-(-prices * sold // SHOWN)[groups],
            names=tuple(f"seller {i}" for i in range(len(kinds))),
        )  # fmt: skip
        judge = Judge.of(split.held, split.target.points)
        budget = round(MONEY * int(prices @ sold))
        return Acquisition(pool, samples, stocks, prices, budget, split.target, judge)

    @property
    def stock(self) -> Int64[np.ndarray, "sellers"]:
        """Rows for sale."""
        return np.array([len(stock) for stock in self.stocks])

    def measures(self) -> tuple[Measure, ...]:
        """Accuracy after training on what was bought."""
        return (Measure("accuracy", ACCURACY),)

    def shown(self) -> tuple[Shown, ...]:
        """Samples, and the buyer's own rows."""
        found = [Shown("sample", rows, {"seller": i}) for i, rows in enumerate(self.samples)]
        return (*found, Shown("target", self.target, {}))

    def rules(self) -> dict[str, Any]:
        """Stock, prices and budget."""
        offers = [
            {"seller": i, "price": int(price), "stock": int(stock)}
            for i, (price, stock) in enumerate(zip(self.prices, self.stock))
        ]
        answer = {"columns": ["seller", "rows"], "meaning": "how many rows to buy from whom"}
        return {"budget": self.budget, "sellers": offers, "answer": answer}

    def play(self, method: Selector, seed: int) -> Plan:
        """What a choice among the rows shown stands for; what is left goes to the same sellers."""
        target = self.target.pool()
        choice = select.choose(
            method, self.pool, Quota(tokens=self.budget), target=target, seed=seed
        )
        sellers = self.pool.need("groups")[choice.rows]
        bought = np.bincount(sellers, minlength=len(self.stocks)) * self.stock // SHOWN
        return (self.filled(bought, list(dict.fromkeys(sellers.tolist()))),)

    def filled(
        self, bought: Int64[np.ndarray, "sellers"], order: Sequence[int]
    ) -> Int64[np.ndarray, "sellers"]:
        """Rows bought, and more from sellers in their order, as long as there is money."""
        found = bought.copy()
        for i in order:
            left = self.budget - int(found @ self.prices)
            found[i] += min(self.stock[i] - found[i], left // self.prices[i])
        return found

    def answer(self, values: Sequence[Int64[np.ndarray, "given"]]) -> Plan:
        """Rows to buy, by seller."""
        sellers, rows = values
        distinct(sellers, len(self.stocks), len(self.stocks), "seller")
        for i, many in zip(sellers, rows):
            if not 0 <= many <= self.stock[i]:
                raise CuveeError(
                    f"{many} rows of seller {i}: expected 0 to {self.stock[i]}, all it has."
                )
        bought = np.zeros(len(self.stocks), np.int64)
        bought[sellers] = rows
        cost = int(bought @ self.prices)
        if cost > self.budget:
            raise CuveeError(f"this costs {cost}, and the budget is {self.budget}: buy less.")
        return (bought,)

    def score(self, plan: Plan) -> Float[np.ndarray, "measures"]:
        """Accuracy, with labels as they were delivered."""
        got = _joined([s.take(np.arange(many)) for s, many in zip(self.stocks, plan[0])])
        return np.array([self.judge.score(got.points, got.labels)])


def uniform(task: Acquisition) -> Plan:
    """The same money to every seller; what nobody can use up, to the next ones."""
    each = task.budget // len(task.stocks) // task.prices
    bought = np.minimum(each, task.stock)
    return (task.filled(bought, list(range(len(task.stocks)))),)


def cheapest(task: Acquisition) -> Plan:
    """All of the cheapest seller, then of the next."""
    nothing = np.zeros(len(task.stocks), np.int64)
    return (task.filled(nothing, np.argsort(task.prices, kind="stable").tolist()),)


PLANS: Mapping[str, Callable[[Acquisition], Plan]] = {"uniform": uniform, "cheapest": cheapest}
"""What buyers do who look at no rows."""


def _offers(rest: Table, kinds: Sequence[Seller], rng: Generator) -> list[Table]:
    """Rows of each seller, no row twice; those with few classes get theirs first."""
    free, size = np.ones(len(rest), bool), len(rest) // len(kinds)
    found: dict[int, Table] = {}
    for i in sorted(range(len(kinds)), key=lambda i: kinds[i].part == (0.0, 1.0)):
        kind = kinds[i]
        first, last = (part * rest.classes for part in kind.part)
        own = np.flatnonzero(free & (rest.labels >= first) & (rest.labels < last))[:size]
        free[own] = False
        rows = rest.take(rng.permutation(own))
        rows = rows.relabelled(mislabelled(rows.labels, rows.classes, kind.wrong, rng))
        found[i] = rows.strange() if kind.strange else rows
    return [found[i] for i in range(len(kinds))]


def _joined(parts: Sequence[Table]) -> Table:
    return replace(
        parts[0],
        points=np.concatenate([part.points for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        texts=tuple(text for part in parts for text in part.texts),
    )
