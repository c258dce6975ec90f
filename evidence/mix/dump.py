"""A curriculum over levels of difficulty: 90% reward sooner than drawing all levels alike?

Real reinforcement learning at small scale. A problem of level l asks for l skills, drawn from the
level's own pool and those below, and pays 1 only if all are right; the policy is a softmax over 5
actions per skill, trained by REINFORCE with group-normalised advantages (8 answers a problem, as
in GRPO). `Dump` proposes trials of 5 updates each, step after step; the loss of a level is 1 less
its mean reward, and how far it moved is what stands in for advantages. Beside it runs the paper's
rule on the absolute advantages themselves (the last 300 of a level, tau = 0.1), made of the same
functions. Ten seeds.
"""

import numpy as np
from evidence.online_models import problem_of

from cuvee import driver
from cuvee.core import Estimate, Outcome, Trial
from cuvee.engine.local import Local
from cuvee.mix.dump import Dump, learnability, upper
from cuvee.mix.linear_mixing import softmax
from cuvee.testing.evidence import Finding

LEVELS, POOL, ACTIONS, GROUP, PROBLEMS = 4, 6, 5, 8, 16
WINDOW, TAU, RATE, GOAL = 300, 0.1, 2.0, 0.9
STEPS, UPDATES = 100, 5
MOST = STEPS * UPDATES
SEEDS = range(10)


def run() -> Finding:
    uniform = np.array([equal(Levels(seed)) for seed in SEEDS])
    rule = np.array([advantages(seed) for seed in SEEDS])
    runs = [curriculum(Levels(seed)) for seed in SEEDS]
    dump = np.array([updates for updates, _ in runs])
    faster = int((dump < uniform).sum())
    when = np.array([mean_time(shares) for _, shares in runs]).mean(axis=0)
    return Finding(
        claim="Dump, run by its own propose, reaches 90% mean reward over 4 levels in fewer steps "
        "than equal shares, and its probability moves from easy to hard. It looks at how far each "
        "level's mean reward moved, as a part of the largest move; the paper, at advantages.",
        measured=f"{dump.mean():.0f} updates against {uniform.mean():.0f} (fewer in {faster} of "
        f"{len(SEEDS)} seeds); a level's probability lies at {np.round(when, 2)} of the run on "
        "average, from the easiest to the hardest. The paper's rule on advantages takes "
        f"{rule.mean():.0f} updates.",
        holds=bool(dump.mean() < uniform.mean() and faster >= 8 and (np.diff(when) > 0).all()),
        numbers={
            "updates": dump.tolist(), "updates_of_equal_shares": uniform.tolist(),
            "updates_of_the_rule_on_advantages": rule.tolist(),
            "mean_time_of_each_level": when.tolist(),
        },
    )  # fmt: skip


class Levels:
    """A trainer: policies of all runs, and the updates after which each reached the goal.

    Args:
        seed: Of everything.
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.right = np.random.default_rng(seed).integers(ACTIONS, size=LEVELS * POOL)
        self.sources = self.targets = tuple(f"level{i}" for i in range(LEVELS))
        self.available = np.full(LEVELS, 1e9)
        self.states: dict[int, tuple[Trial, np.ndarray, float]] = {}

    def run(self, trial: Trial, *, rng: np.random.Generator) -> Outcome:
        rng = np.random.default_rng([self.seed, len(trial.chain())])
        policy, reached = np.zeros((LEVELS * POOL, ACTIONS)), np.inf
        if trial.after is not None:
            _, before, reached = self.states[id(trial.after)]
            policy = before.copy()
        done = (len(trial.chain()) - 1) * UPDATES
        for update in range(1, UPDATES + 1):
            for level, n in enumerate(rng.multinomial(PROBLEMS, trial.shares)):
                if n:
                    practise(policy, self.right, level, n, rng)
            if rewards(policy, self.right).mean() >= GOAL:
                reached = min(reached, done + update)
        self.states[id(trial)] = (trial, policy, reached)
        losses = Estimate((1 - rewards(policy, self.right))[None], "1 - reward", "none")
        return Outcome(losses, trial.cost())

    def reached(self, trial: Trial) -> int:
        """Updates after which the chain of a trial was at the goal; `MOST` if it never was."""
        return int(min(self.states[id(trial)][2], MOST))


def equal(trainer: Levels) -> int:
    """Updates to the goal on equal shares."""
    trial = None
    for _ in range(STEPS):
        trial = Trial(np.full(LEVELS, 1 / LEVELS), UPDATES * PROBLEMS, after=trial)
        trainer.run(trial, rng=np.random.default_rng(0))
    assert trial is not None
    return trainer.reached(trial)


def curriculum(trainer: Levels) -> tuple[int, np.ndarray]:
    """Updates to the goal along the mixer's chain, and its shares until then."""
    mixer = Dump(steps=STEPS, samples=UPDATES * PROBLEMS * GROUP)
    problem = problem_of(trainer, tokens=MOST * PROBLEMS)
    study = driver.explore(problem, trainer, mixer, 0, Local())
    updates = trainer.reached(study.trials[-1])
    return updates, study.shares[: -(-updates // UPDATES)]


def advantages(seed: int) -> int:
    """Updates to the goal by the paper's rule, a new policy over levels after each update."""
    rng = np.random.default_rng(seed)
    right = rng.integers(ACTIONS, size=LEVELS * POOL)
    policy = np.zeros((LEVELS * POOL, ACTIONS))
    recent, seen, shares = [np.zeros(0)] * LEVELS, np.zeros(LEVELS), np.full(LEVELS, 1 / LEVELS)
    for update in range(1, MOST + 1):
        for level, n in enumerate(rng.multinomial(PROBLEMS, shares)):
            if n:
                sizes = practise(policy, right, level, n, rng)
                recent[level] = np.r_[recent[level], sizes][-WINDOW:]
                seen[level] += len(sizes)
        learned = [learnability(r, WINDOW) if len(r) else 0.0 for r in recent]
        shares = softmax(upper(np.array(learned), seen) / TAU)
        if rewards(policy, right).mean() >= GOAL:
            return update
    return MOST


def practise(
    policy: np.ndarray, right: np.ndarray, level: int, n: int, rng: np.random.Generator
) -> np.ndarray:
    """One policy-gradient step on n problems of a level, in place; the absolute advantages."""
    skills = np.column_stack(
        [
            rng.integers(level * POOL, (level + 1) * POOL, size=n),
            *(rng.integers(0, (level + 1) * POOL, size=n) for _ in range(level)),
        ]
    )  # fmt: skip - one of the level's own skills, the others from all up to it
    chance = np.exp(policy[skills])
    chance /= chance.sum(axis=-1, keepdims=True)
    draws = rng.random((n, GROUP, level + 1, 1))
    actions = (draws > chance.cumsum(axis=-1)[:, None]).sum(axis=-1).clip(max=ACTIONS - 1)
    paid = (actions == right[skills][:, None]).all(axis=-1).astype(float)
    spread = paid.std(axis=1, keepdims=True)
    advantage = np.divide(
        paid - paid.mean(axis=1, keepdims=True), spread, out=np.zeros_like(paid), where=spread > 0
    )
    score = np.eye(ACTIONS)[actions] - chance[:, None]
    change = (advantage[..., None, None] * score).mean(axis=1) / PROBLEMS
    np.add.at(policy, skills, RATE * change)
    return np.abs(advantage).ravel()


def rewards(policy: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Expected reward of each level, exact."""
    chance = np.exp(policy - policy.max(axis=1, keepdims=True))
    known = (chance / chance.sum(axis=1, keepdims=True))[np.arange(len(right)), right]
    pools = known.reshape(LEVELS, POOL)
    below = [pools[: level + 1].mean() for level in range(LEVELS)]
    return np.array([pools[i].mean() * below[i] ** i for i in range(LEVELS)])


def mean_time(shares: np.ndarray) -> np.ndarray:
    """Where in the run each level's probability lies on average, from 0 to 1."""
    t = np.linspace(0, 1, len(shares))
    return t @ shares / shares.sum(axis=0)
