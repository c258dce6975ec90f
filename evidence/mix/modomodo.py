"""Does the quadratic surrogate find a better reinforcement-learning mix than equal shares?

Three tasks with verifiable answers: of six items, each with a price, a weight and a distance that
are seen through noise, name the cheapest, the lightest or the nearest. A small network that is
not told the task is trained by REINFORCE on a mixture of them, with reward 1 for the right item.
The target task, which no policy is trained on, is to name the item with the smallest weighted sum
of price, weight and distance. The mixer sees 12 such runs and their rewards on it; fresh seeds then
train its mixture and equal shares, and other items of the same task judge them.
"""

import numpy as np
from numpy.random import Generator, default_rng

from cuvee.core import Estimate, Outcome, Problem, Study, stream
from cuvee.mix.modomodo import Modomodo
from cuvee.testing.evidence import Finding

TASKS = ("cheapest", "lightest", "nearest")
TARGET = np.array([0.6, 0.4, 0.0])
ITEMS, NOISE, HIDDEN, BATCH, STEPS, SEEDS = 6, 0.3, 16, 64, 600, 20
FIT, JUDGE = 98, 99
"""Draws of the items that runs are fitted by, and that answers are judged by."""


def run() -> Finding:
    problem = Problem.of(TASKS, ["target"], np.full(3, 1e9), STEPS * BATCH)
    mixer, study = Modomodo(), Study(problem)
    while trials := mixer.propose(study, rng=stream(0)):
        done = [1 - _reward(t.shares, 1000 + i, FIT) for i, t in enumerate(trials)]
        study = study.record(trials, tuple(
            Outcome(Estimate(np.array([[loss]]), "1 - reward", "none"), t.cost())
            for loss, t in zip(done, trials)
        ))  # fmt: skip
    chosen = mixer.recommend(study, rng=stream(0)).mean
    rewards = np.array(
        [[_reward(w, seed, JUDGE) for w in (chosen, np.full(3, 1 / 3))] for seed in range(SEEDS)]
    )
    gain = rewards[:, 0] - rewards[:, 1]
    error = gain.std(ddof=1) / SEEDS**0.5
    alone = {task: _mean_reward(row) for task, row in zip(TASKS, np.eye(3))}
    mix = ", ".join(f"{task} {share:.2f}" for task, share in zip(TASKS, chosen))
    return Finding(
        claim="From at most 12 runs the quadratic's best mixture beats equal shares by more than 2 "
        "standard errors on a target task that no policy was trained on (Liang et al., arXiv "
        "2505.24871). The row says an unseen task; here the runs' rewards on it are what the "
        "quadratic is fitted to, and fresh items of it judge.",
        measured=f"{len(study.trials)} runs; {mix}: reward {rewards[:, 0].mean():.4f} against "
        f"{rewards[:, 1].mean():.4f}, gain {gain.mean():.4f} ± {error:.4f} over {SEEDS} seeds; "
        f"best task alone {max(alone.values()):.4f}.",
        holds=bool(len(study.trials) <= 12 and gain.mean() > 2 * error),
        numbers={
            "shares": chosen.tolist(), "reward": rewards.mean(axis=0).tolist(),
            "gain": float(gain.mean()), "standard_error": float(error), "alone": alone,
        },
    )  # fmt: skip


def _mean_reward(shares: np.ndarray) -> float:
    return float(np.mean([_reward(shares, seed, JUDGE) for seed in range(5)]))


def _items(rng: Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """True features of some items, and what the policy sees of them."""
    true = rng.standard_normal((count, ITEMS, 3))
    return true, true + NOISE * rng.standard_normal(true.shape)


def _scores(policy: list[np.ndarray], seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.tanh(seen @ policy[0] + policy[1])
    return hidden, hidden @ policy[2]


def _reward(shares: np.ndarray, seed: int, items: int) -> float:
    """Reward on one draw of the target task's items, of a policy that was trained on a mixture."""
    policy = _policy(shares, seed)
    true, seen = _items(default_rng(items), 4000)
    wanted = (true @ TARGET).argmin(axis=1)
    return float((_scores(policy, seen)[1].argmax(axis=1) == wanted).mean())


def _policy(shares: np.ndarray, seed: int) -> list[np.ndarray]:
    """A policy trained on a mixture of the tasks."""
    rng = default_rng([seed, 7])
    policy = [0.3 * rng.standard_normal((3, HIDDEN)), np.zeros(HIDDEN),
              0.1 * rng.standard_normal(HIDDEN)]  # fmt: skip
    baseline = np.full(len(TASKS), 1 / ITEMS)
    for step in range(STEPS):
        task = rng.choice(len(TASKS), size=BATCH, p=shares / shares.sum())
        true, seen = _items(rng, BATCH)
        hidden, scores = _scores(policy, seen)
        chance = np.exp(scores - scores.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        pick = (chance.cumsum(axis=1) > rng.random((BATCH, 1))).argmax(axis=1)
        right = true[np.arange(BATCH), :, task].argmin(axis=1)  # verified, not judged
        reward = (pick == right).astype(float)
        better = (reward - baseline[task])[:, None]
        np.add.at(baseline, task, 0.02 * (reward - baseline[task]))
        slope = better * (np.eye(ITEMS)[pick] - chance) / BATCH  # of log-probability, by score
        inner = slope[..., None] * policy[2] * (1 - hidden**2)
        rate = 2.0 * (1 - step / STEPS)
        policy[2] = policy[2] + rate * np.einsum("bi,bih->h", slope, hidden)
        policy[0] = policy[0] + rate * np.einsum("bif,bih->fh", seen, inner)
        policy[1] = policy[1] + rate * inner.sum(axis=(0, 1))
    return policy
