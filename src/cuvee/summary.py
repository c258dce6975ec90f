"""What every answer says of itself, whether it came from text or from a table of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cuvee.core import Estimate, Problem, Study, stack


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """A mixture beside the answer, and its losses. Draws are paired with the answer's."""

    shares: Estimate
    losses: Estimate


class Answer(Protocol):
    """What is common to a `Blend` and to an answer from runs."""

    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def problem(self) -> Problem: ...  # noqa: D102
    @property
    def shares(self) -> Estimate: ...  # noqa: D102
    @property
    def losses(self) -> Estimate: ...  # noqa: D102
    @property
    def optimism(self) -> np.ndarray: ...  # noqa: D102
    @property
    def rivals(self) -> Mapping[str, Rival]: ...  # noqa: D102
    @property
    def study(self) -> Study: ...  # noqa: D102


def probability_better(answer: Answer, rival: str) -> float:
    """Share of draws in which the answer's objective is below a rival's; NaN if unknown."""
    losses, other = answer.losses, answer.rivals[rival].losses
    if len(losses.draws) == 1:
        return float("nan")
    gains = gain(answer.problem, other, losses).draws
    return float(np.mean((gains > 0) + 0.5 * (gains == 0)))


def describe(answer: Answer) -> dict[str, Any]:
    """Numbers that every answer has, as plain names, numbers and lists."""
    problem, score = answer.problem, answer.problem.objective.score
    rivals = {}
    for name, rival in answer.rivals.items():
        rivals[name] = {
            "shares": dict(zip(problem.sources, map(float, rival.shares.mean))),
            "losses": numbers(rival.losses, problem.targets),
            "objective": numbers(stack([rival.losses.map(score, "")]), ("all",))["all"],
            "gains": numbers(difference(rival.losses, answer.losses), problem.targets),
            "objective_gain": numbers(
                stack([gain(problem, rival.losses, answer.losses)]), ("all",)
            )["all"],
            "probability_blend_is_better": json_number(probability_better(answer, name)),
        }
    return {
        "method": answer.method,
        "tokens": problem.tokens,
        "unit": answer.losses.unit,
        "spread": answer.losses.spread,
        "objective": {
            "kind": "worst" if problem.objective.worst else "mean",
            "weights": dict(zip(problem.targets, map(float, problem.objective.weights))),
            **numbers(stack([answer.losses.map(score, "")]), ("all",))["all"],
        },
        "shares": numbers(answer.shares, problem.sources),
        "losses": numbers(answer.losses, problem.targets),
        "optimism": dict(zip(problem.targets, map(float, answer.optimism))),
        "rivals": rivals,
        "trials": len(answer.study.trials),
    }


def numbers(estimate: Estimate, names: tuple[str, ...]) -> dict[str, Any]:
    """Mean, standard deviation and 90% interval by name."""
    low, high = estimate.interval(0.9)
    columns = zip(names, estimate.mean, estimate.sd, low, high)
    return {
        name: dict(zip(("mean", "sd", "low", "high"), map(json_number, row)))
        for name, *row in columns
    }


def json_number(value: float) -> float | None:
    """NaN is null."""
    return None if np.isnan(value) else float(value)


def difference(a: Estimate, b: Estimate) -> Estimate:
    """`a - b` on paired draws."""
    return Estimate(a.draws - b.draws, a.unit, a.spread, a.mean - b.mean)


def gain(problem: Problem, a: Estimate, b: Estimate) -> Estimate:
    """How much smaller the objective of b is than that of a, on paired draws."""
    score = problem.objective.score
    return difference(a.map(score, a.unit), b.map(score, b.unit))


def pooled(losses: Sequence[Estimate]) -> Estimate:
    """Draws of all seeds together: the spread is that of documents and of seeds."""
    first = losses[0]
    draws = np.concatenate([e.draws for e in losses])
    spread = first.spread if len(draws) > 1 or first.spread == "exact" else "none"
    if first.spread == "none" and len(draws) > 1:
        spread = "seeds"
    return Estimate(draws, first.unit, spread, np.mean([e.mean for e in losses], axis=0))
