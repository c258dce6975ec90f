"""What mixers that decide while training share: the chain of trials, and bandits.

A schedule is a chain: the trial of step t continues that of step t - 1. Every mixer here is a
plain loop that asks for one run after another; `replay` runs it from the start on what the study
holds, so that nothing is learned between calls.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator, default_rng

from cuvee.core import CuveeError, Estimate, Outcome, Problem, Shares, Study, Trial
from cuvee.mix.linear_mixing import doge, softmax

DESIGN_SEED = 1
"""Of everything that a mixer draws: a replay must meet the same trials again."""
TINY = 1e-12
PROBE = 0.25
"""Length of a short run that stands in for a gradient, in steps."""


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """A run that was done: its trial and what came of it."""

    trial: Trial
    outcome: Outcome

    @property
    def losses(self) -> Float[np.ndarray, "targets"]:
        """Of each target."""
        return self.outcome.losses.mean


class _Wanted(Exception):
    def __init__(self, trials: tuple[Trial, ...]) -> None:
        self.trials = trials


Ask = Callable[..., list[Leg]]
"""Trials -> their legs. Stops the search where the study holds no such run."""
Search = Callable[[Problem, Ask], Shares]
"""The method as a loop: asks for runs, returns the shares that it ends with."""


def propose(study: Study, search: Search) -> tuple[Trial, ...]:
    """The first runs that a search asks for and the study does not hold; none if it ends."""
    try:
        search(study.problem, _asker(study))
    except _Wanted as wanted:
        return wanted.trials
    return ()


def recommend(study: Study, search: Search, name: str) -> Estimate:
    """What the search ends with, within the limits; its spread is not measured."""
    try:
        shares = search(study.problem, _asker(study))
    except _Wanted:
        raise CuveeError(
            f"{name} is not finished: run the trials that it proposes first."
        ) from None
    return Estimate(study.problem.fit(shares)[None], "share", "none")


def _asker(study: Study) -> Ask:
    """Looks runs up by their place in the tree of runs, as keys of long chains are long."""
    place: dict[int, int] = {}
    first: dict[tuple[object, ...], int] = {}

    def key(trial: Trial) -> tuple[object, ...]:
        after = -1 if trial.after is None else place.get(id(trial.after), -2)
        shares = np.asarray(trial.shares, dtype=float).tobytes()
        merged = tuple((weight, place.get(id(run), -2)) for weight, run in trial.merge)
        return (
            after, shares, trial.tokens, trial.seed, trial.gradient, str(trial.params), merged,
            trial.per_token, trial.horizon,
        )  # fmt: skip

    for i, trial in enumerate(study.trials):
        place[id(trial)] = first.setdefault(key(trial), i)

    def ask(*trials: Trial) -> list[Leg]:
        rows = [first.get(key(trial)) for trial in trials]
        if missing := tuple(t for t, row in zip(trials, rows) if row is None):
            raise _Wanted(missing)
        return [Leg(study.trials[i], study.outcomes[i]) for i in rows if i is not None]

    return ask


def step_tokens(problem: Problem, steps: int, aside: float = 0.0) -> float:
    """Tokens of one of so many steps of a chain that is as long as the budget or `spend` allow.

    Args:
        problem: Says how much.
        steps: Of the chain.
        aside: Trials of the length of a step that are run beside the chain.
    """
    return min(problem.tokens / steps, problem.spend / (steps + aside))


def wanted(problem: Problem, losses: Float[np.ndarray, "targets"]) -> Float[np.ndarray, "targets"]:
    """Weight of each target now: the objective's; all on the target that is worst, if it asks.

    That is the gradient of the objective with respect to the losses.
    """
    weights = problem.objective.weights
    if not problem.objective.worst:
        return weights
    worst = np.zeros(len(weights))
    worst[int(np.argmax(np.where(weights > 0, losses, -np.inf)))] = 1.0
    return worst


def average(shares: Sequence[Shares]) -> Shares:
    """The mean over the steps of a schedule."""
    return np.mean(shares, axis=0)


def played(policy: Shares, plays: int, rng: Generator) -> Int[np.ndarray, "sources"]:
    """How often each source is drawn in so many draws from a policy."""
    return rng.multinomial(plays, policy / policy.sum())


def step_rng(step: int) -> Generator:
    """The stream of one step."""
    return default_rng([DESIGN_SEED, step])


def exploration(step: int, sources: int) -> float:
    """Exp3's `min(1/K, sqrt(ln K / (K t)))`, the least share of a source at step t from 1."""
    return min(1 / sources, float(np.sqrt(np.log(sources) / (sources * step))))


def exp3(reward: Float[np.ndarray, "sources"], step: int) -> Shares:
    """Exp3's policy after so many steps: `(1 - K e_t) softmax(e_{t-1} R) + e_t`."""
    k = len(reward)
    before, now = (exploration(max(t, 1), k) for t in (step - 1, step))
    return (1 - k * now) * softmax(before * reward) + now


def pulls(
    ask: Ask, leg: Leg, tokens: float, sources: Sequence[int], count: int
) -> Float[np.ndarray, "targets sources"]:
    """How strongly each source pulls each target down: products of gradients, up to a factor.

    A training step on source j moves the weights by its gradient g_j, so the loss of target i
    falls by `<g_i, g_j>` times the step size: minus the derivative of that loss with respect to
    the share of j. A trainer that does not know it is asked for short runs of one source each
    that continue the leg; those of `sources` only, the other columns are 0.
    """
    if leg.outcome.gradient is not None:
        return doge(leg.outcome.gradient)
    probes = ask(*(Trial(np.eye(count)[j], tokens, after=leg.trial) for j in sources))
    found = np.zeros((len(leg.losses), count))
    for j, probe in zip(sources, probes):
        found[:, j] = leg.losses - probe.losses
    return found
