"""Does reinforcement learning amplify one answer format of the pretraining data? (Zhao et al. 2025)

Sums of two numbers below 20, answered in one of three formats that start with their own token:
the two digits, the digits reversed, or the operands' digits written out first. An autoregressive
MLP policy is pretrained on a mix of the formats (0.6, 0.25 and 0.15, rotated), then trained by GRPO
with a KL penalty to the pretrained policy; any format is rewarded if the sum is right.
"""

from typing import Any

import numpy as np
from evidence.small_models import need

from cuvee.testing.evidence import Finding

torch = need("torch")

SHARES = (0.6, 0.25, 0.15)
SEEDS = 3
LONGEST, END, FIRST_FORMAT, TOKENS = 8, 10, 11, 14
"""Tokens: digits 0-9, the end, and one token for each format."""
PRETRAIN, STEPS, QUESTIONS, GROUP, KL = 600, 300, 32, 16, 1e-3


def run() -> Finding:
    rows = []
    for rotation in range(3):
        shares = np.roll(SHARES, rotation)
        rows += [one_run(100 * rotation + seed, shares) for seed in range(SEEDS)]
    top = np.array([max(r["after"]) for r in rows])
    winners = [int(np.argmax(r["after"])) for r in rows]
    follows = sum(w == int(np.argmax(r["shares"])) for w, r in zip(winners, rows))
    before = np.mean([r["accuracy_before"] for r in rows])
    after = np.mean([r["accuracy_after"] for r in rows])
    return Finding(
        claim="After RL one format takes > 95% of the answers, in every run, and in at least 2/3 "
        "of the runs it is the format most frequent in pretraining (arXiv 2504.07912).",
        measured=f"Top format > 95% in {(top > 0.95).sum()} of {len(rows)} runs (lowest "
        f"{top.min():.3f}); it is the one most frequent in pretraining in {follows}, winners by "
        f"rotation {[winners[i : i + SEEDS] for i in range(0, len(winners), SEEDS)]}; accuracy "
        f"{before:.2f} to {after:.2f}.",
        holds=bool((top > 0.95).all() and follows >= 2 / 3 * len(rows)),
        numbers={"runs": rows, "top_format_share": top.tolist(), "follows_pretraining": follows},
    )


def one_run(seed: int, shares: np.ndarray) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    policy, adam = make(seed)
    for _ in range(PRETRAIN):
        questions = rng.integers(0, 20, size=(64, 2))
        formats = rng.choice(3, size=64, p=shares)
        written = torch.tensor([write(a, b, f) for (a, b), f in zip(questions, formats)])
        loss = -log_probs(policy, questions, written).sum(axis=1).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    before = judge(policy, np.random.default_rng(seed))
    start = [w.detach().clone() for w in policy]
    adam = torch.optim.Adam(policy, lr=1e-3)
    for _ in range(STEPS):
        grpo_step(policy, start, adam, rng)
    after = judge(policy, np.random.default_rng(seed))
    return {
        "shares": shares.tolist(), "before": before[0], "after": after[0],
        "accuracy_before": before[1], "accuracy_after": after[1],
        "accuracy_by_format_before": before[2],
    }  # fmt: skip


def write(a: int, b: int, form: int) -> list[int]:
    """The answer's tokens, padded with ends."""
    tens, units = divmod(int(a) + int(b), 10)
    shown = [*divmod(int(a), 10), *divmod(int(b), 10)]
    bodies = ([tens, units], [units, tens], [*shown, tens, units])
    line = [FIRST_FORMAT + form, *bodies[form]]
    return line + [END] * (LONGEST - len(line))


def is_right(questions: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Whether an answer is, in any format, exactly the right line."""
    ways = [np.array([write(a, b, f) for a, b in questions]) for f in range(3)]
    return np.any([(answers == w).all(axis=1) for w in ways], axis=0)


def make(seed: int) -> tuple[list[Any], Any]:
    """Weights of an MLP from question and answer so far to the next token, and their Adam."""
    maker = torch.Generator().manual_seed(seed)
    shapes = [(40 + LONGEST * (TOKENS + 1), 128), (128,), (128, TOKENS), (TOKENS,)]
    weights = [
        torch.randn(*s, generator=maker) * s[0] ** -0.5 if len(s) > 1 else torch.zeros(*s)
        for s in shapes
    ]
    for w in weights:
        w.requires_grad_(True)
    return weights, torch.optim.Adam(weights, lr=3e-3)


def asked(policy: list[Any], questions: np.ndarray) -> Any:
    """What the hidden layer gets from the question, (rows, width)."""
    a, b = torch.from_numpy(questions).T
    return policy[0][a] + policy[0][20 + b] + policy[1]


def written_so_far(policy: list[Any]) -> Any:
    """First-layer weights of each token at each place; the last token stands for "here"."""
    return policy[0][40:].view(LONGEST, TOKENS + 1, -1)


def log_probs(policy: list[Any], questions: np.ndarray, answers: Any) -> Any:
    """Of every token of the answers up to the first end, 0 after it, (rows, places)."""
    table = written_so_far(policy)
    tokens = table[torch.arange(LONGEST), answers]
    before = tokens.cumsum(dim=1) - tokens
    hidden = torch.relu(asked(policy, questions)[:, None] + before + table[:, TOKENS])
    chosen = (hidden @ policy[2] + policy[3]).log_softmax(dim=2).gather(2, answers[:, :, None])
    is_end = (answers == END).long()
    return chosen[:, :, 0].masked_fill(is_end.cumsum(dim=1) - is_end > 0, 0.0)


def sample(policy: list[Any], questions: np.ndarray, rng: np.random.Generator) -> Any:
    """Answers drawn token by token, (rows, places)."""
    answers = torch.full((len(questions), LONGEST), END)
    done = torch.zeros(len(questions), dtype=torch.bool)
    with torch.no_grad():
        state, table = asked(policy, questions), written_so_far(policy)
        for at in range(LONGEST):
            scores = torch.relu(state + table[at, TOKENS]) @ policy[2] + policy[3]
            noise = torch.from_numpy(rng.gumbel(size=scores.shape))
            answers[:, at] = torch.where(done, END, (scores + noise).argmax(dim=1))
            done |= answers[:, at] == END
            state = state + table[at, answers[:, at]]
    return answers


def grpo_step(policy: list[Any], start: list[Any], adam: Any, rng: np.random.Generator) -> None:
    """One on-policy step: rewards standardised within each question's group of answers."""
    questions = np.repeat(rng.integers(0, 20, size=(QUESTIONS, 2)), GROUP, axis=0)
    answers = sample(policy, questions, rng)
    reward = is_right(questions, answers.numpy()).astype(np.float32).reshape(QUESTIONS, GROUP)
    centred = reward - reward.mean(axis=1, keepdims=True)
    gain = torch.from_numpy((centred / (reward.std(axis=1, keepdims=True) + 1e-4)).ravel())
    now = log_probs(policy, questions, answers)
    with torch.no_grad():
        gap = log_probs(start, questions, answers) - now
    # On-policy, so the ratio is 1; its gradient is that of log p. KL by the k3 estimator.
    ratio = torch.exp(now - now.detach())
    away = torch.exp(gap - (now - now.detach())) - (gap - (now - now.detach())) - 1
    length = (answers != END).sum(dim=1) + 1
    loss = (-(ratio * gain[:, None]) + KL * away).where(now != 0, 0.0).sum(dim=1) / length
    adam.zero_grad()
    loss.mean().backward()
    adam.step()


def judge(policy: list[Any], rng: np.random.Generator) -> tuple[list[float], float, list[float]]:
    """Shares of the formats, accuracy, and accuracy by format, over 4 samples of all questions."""
    questions = np.repeat(np.indices((20, 20)).reshape(2, -1).T, 4, axis=0)
    answers = sample(policy, questions, rng).numpy()
    right, form = is_right(questions, answers), answers[:, 0] - FIRST_FORMAT
    shares = [float((form == f).mean()) for f in range(3)]
    by_format = [float(right[form == f].mean()) if (form == f).any() else 0.0 for f in range(3)]
    return shares, float(right.mean()), by_format
