"""A curriculum by advantages: does it reach 90% reward sooner than drawing all levels alike?

Real reinforcement learning at small scale. A problem of level l asks for l skills, drawn from the
level's own pool and those below, and pays 1 only if all are right; the policy is a softmax over 5
actions per skill, trained by REINFORCE with group-normalised advantages (8 answers a problem, as
in GRPO). The curriculum uses the mixer's own functions, a window of 300 and tau = 0.1. Ten seeds.
"""

import numpy as np

from cuvee.mix.dump import learnability, upper
from cuvee.mix.online import softmax
from cuvee.testing.evidence import Finding

LEVELS, POOL, ACTIONS, GROUP, PROBLEMS = 4, 6, 5, 8, 16
WINDOW, TAU, RATE, MOST, GOAL = 300, 0.1, 2.0, 3000, 0.9
SEEDS = range(10)


def run() -> Finding:
    uniform = np.array([train(seed, curriculum=False)[0] for seed in SEEDS])
    runs = [train(seed, curriculum=True) for seed in SEEDS]
    dump = np.array([steps for steps, _ in runs])
    faster = int((dump < uniform).sum())
    when = np.array([mean_time(shares) for _, shares in runs])
    moves = bool((np.diff(when.mean(axis=0)) > 0).all())
    return Finding(
        claim="UCB on mean absolute advantage over 4 levels reaches 90% mean reward in fewer steps "
        "than equal shares, and its probability moves from easy to hard.",
        measured=f"{dump.mean():.0f} steps against {uniform.mean():.0f} (fewer in {faster} of "
        f"{len(SEEDS)} seeds); a level's probability lies at {np.round(when.mean(axis=0), 2)} of "
        "the run on average, from the easiest to the hardest.",
        holds=bool(dump.mean() < uniform.mean() and faster >= 8 and moves),
        numbers={
            "steps": dump.tolist(), "steps_of_equal_shares": uniform.tolist(),
            "mean_time_of_each_level": when.mean(axis=0).tolist(),
        },
    )  # fmt: skip


def train(seed: int, curriculum: bool) -> tuple[int, np.ndarray]:
    """Steps to the goal, and the probabilities of the levels at each step."""
    rng = np.random.default_rng(seed)
    right = rng.integers(ACTIONS, size=LEVELS * POOL)
    policy = np.zeros((LEVELS * POOL, ACTIONS))
    recent, seen, shares = [np.zeros(0)] * LEVELS, np.zeros(LEVELS), np.full(LEVELS, 1 / LEVELS)
    history = []
    while len(history) < MOST:
        history.append(shares)
        for level, n in enumerate(rng.multinomial(PROBLEMS, shares)):
            if n:
                sizes = practise(policy, right, level, n, rng)
                recent[level] = np.r_[recent[level], sizes][-WINDOW:]
                seen[level] += len(sizes)
        if curriculum:
            learned = [learnability(r, WINDOW) if len(r) else 0.0 for r in recent]
            shares = softmax(upper(np.array(learned), seen) / TAU)
        if reward(policy, right) >= GOAL:
            break
    return len(history), np.array(history)


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


def reward(policy: np.ndarray, right: np.ndarray) -> float:
    """Expected reward over all levels alike, exact."""
    chance = np.exp(policy - policy.max(axis=1, keepdims=True))
    known = (chance / chance.sum(axis=1, keepdims=True))[np.arange(len(right)), right]
    pools = known.reshape(LEVELS, POOL)
    below = [pools[: level + 1].mean() for level in range(LEVELS)]
    return float(np.mean([pools[i].mean() * below[i] ** i for i in range(LEVELS)]))


def mean_time(shares: np.ndarray) -> np.ndarray:
    """Where in the run each level's probability lies on average, from 0 to 1."""
    t = np.linspace(0, 1, len(shares))
    return t @ shares / shares.sum(axis=0)
