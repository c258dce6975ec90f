"""What the evidence of mixers that decide while training shares: sets, runs, small models."""

from pathlib import Path
from typing import Any

import numpy as np

from cuvee import driver
from cuvee.contracts import Mixer, Trainer
from cuvee.core import Estimate, Objective, Outcome, Problem, Trial, stream
from cuvee.engine.local import Local
from cuvee.question import Question, open_question
from cuvee.testing.evidence import shared_data
from evidence.tables import split_documents

ROOT = Path(__file__).parents[1]
SETS = (
    ("python", "essay"), ("c", "de", "fortunes"), ("es", "fr", "handbook_en"),
    ("python", "perl", "pydoc", "man_en"), ("wordnet", "fortunes", "essay", "c"),
    ("python", "c", "de", "essay", "wordnet", "man_en"),
)  # fmt: skip
BUDGET = 500_000


def counted(names: tuple[str, ...], tokens: int = BUDGET, target_tokens: int = 5_000) -> Trainer:
    """The count proxy of some corpora; a part of each is held out as the target of its name."""
    paths = {n: str(shared_data(ROOT, "corpora", f"{n}.parquet")) for n in names}
    question = Question(paths, budget=str(tokens), target_tokens=target_tokens)
    return driver.prepare(open_question(question, Local()))[0]


def problem_of(trainer: Trainer, objective: str | Objective = "mean", tokens: int = BUDGET):
    return Problem.of(trainer.sources, trainer.targets, trainer.available, tokens, objective)


def solve(mixer: Mixer, problem: Problem, trainer: Any, seed: int = 0) -> np.ndarray:
    """The shares that a mixer recommends."""
    study = driver.explore(problem, trainer, mixer, seed, Local())
    return mixer.recommend(study, rng=stream(seed)).mean


def losses(trainer: Any, shares: np.ndarray, tokens: float = BUDGET) -> np.ndarray:
    return trainer.run(Trial(np.asarray(shares), tokens), rng=stream(0)).losses.mean


class SoftmaxBytes:
    """A trainer: softmax over the next byte from the two before it, trained by plain SGD.

    The state of every run is kept, so that a chain is trained on where it ended. The gradient is
    the first-order one: minus step size times steps times the products of gradients on held-out
    text of the targets and on training text of the sources.

    Args:
        texts: Bytes to train on and held-out ones, by source.
        available: Tokens that each source is said to hold.
        seed: Of the batches.
        rate: Step size.
        batch: Bytes of one step.
        held: Held-out bytes of each source that are looked at.
    """

    def __init__(
        self, texts: dict[str, tuple[np.ndarray, np.ndarray]], available: np.ndarray, seed: int,
        rate: float = 8.0, batch: int = 64, held: int = 800,
    ):  # fmt: skip
        self.sources = self.targets = tuple(texts)
        self.available, self.seed, self.rate, self.batch = available, seed, rate, batch
        self.train = [_windows(text) for text, _ in texts.values()]
        self.tests = [_windows(rest)[:held] for _, rest in texts.values()]
        self.states: dict[int, tuple[Trial, np.ndarray]] = {}

    def run(self, trial: Trial, *, rng: np.random.Generator) -> Outcome:
        rng = np.random.default_rng([self.seed, trial.seed, len(trial.chain())])
        weights = np.zeros((2, BYTES, BYTES), np.float32)
        if trial.after is not None:
            weights = self.states[id(trial.after)][1].copy()
        steps = max(round(trial.tokens / self.batch), 1)
        for counts in rng.multinomial(self.batch, trial.shares, size=steps):
            picks = [
                text[rng.integers(len(text), size=n)] for text, n in zip(self.train, counts) if n
            ]
            rows, change = _gradient(weights, np.concatenate(picks))
            for k in (0, 1):
                np.subtract.at(weights[k], rows[:, k], self.rate * change)
        self.states[id(trial)] = (trial, weights)
        tested = np.array([_loss(weights, test) for test in self.tests])
        slope = self._slope(weights, rng, steps) if trial.gradient == "mean" else None
        return Outcome(Estimate(tested[None], "nats per byte", "none"), trial.cost(), slope)

    def _slope(self, weights: np.ndarray, rng: np.random.Generator, steps: int) -> np.ndarray:
        batches = [text[rng.integers(len(text), size=1500)] for text in self.train]
        ours = np.array([_dense(weights, batch) for batch in batches])
        theirs = np.array([_dense(weights, test) for test in self.tests])
        return -self.rate * steps * theirs @ ours.T


BYTES = 128


def byte_texts(names: tuple[str, ...]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Bytes of corpora, training and held-out; what is not ASCII is one symbol."""
    found = {}
    for name in names:
        parts = split_documents(shared_data(ROOT, "corpora", f"{name}.parquet"))
        train, rest = ("\x00".join(p)[:600_000].encode("ascii", "replace") for p in parts)
        found[name] = (np.frombuffer(train, np.uint8), np.frombuffer(rest, np.uint8))
    return found


def _windows(text: np.ndarray) -> np.ndarray:
    """Byte before, byte before that, byte itself; in random order."""
    rows = np.stack([text[1:-1], text[:-2], text[2:]], axis=1).astype(np.int64)
    return rows[np.random.default_rng(0).permutation(len(rows))]


def _probabilities(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    scores = weights[0][rows[:, 0]] + weights[1][rows[:, 1]]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _loss(weights: np.ndarray, rows: np.ndarray) -> float:
    found = _probabilities(weights, rows)[np.arange(len(rows)), rows[:, 2]]
    return float(-np.log(np.maximum(found, 1e-30)).mean())


def _gradient(weights: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the weights that are met, and the derivative of the mean loss there."""
    change = _probabilities(weights, rows)
    change[np.arange(len(rows)), rows[:, 2]] -= 1
    return rows, change / len(rows)


def _dense(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    _, change = _gradient(weights, rows)
    full = np.zeros_like(weights)
    for k in (0, 1):
        np.add.at(full[k], rows[:, k], change)
    return full.ravel()


class FewShot:
    """Few labels of a target task, many auxiliary sets, few of them useful; a softmax model.

    Inputs are Gaussian and labels come from a linear rule. Useful sets have the target's rule with
    some noise in it, the others rules of their own. Every step takes the mean gradient on a batch
    of the target's labels and on batches of the auxiliary sets that are played.

    Args:
        seed: Of everything.
        sets: Auxiliary sets.
        useful: Of them, the first ones.
    """

    DIMENSIONS, CLASSES, LABELS, SIZE, BATCH = 30, 4, 32, 300, 16

    def __init__(self, seed: int, sets: int = 20, useful: int = 4):
        self.rng = np.random.default_rng(seed)
        rule = self.rng.normal(size=(self.DIMENSIONS, self.CLASSES))
        others = self.rng.normal(size=(sets, self.DIMENSIONS, self.CLASSES))
        near = np.arange(sets)[:, None, None] < useful
        rules = np.where(near, rule + 0.4 * others, others)
        self.target, self.test = self._draw(rule, self.LABELS), self._draw(rule, 2000)
        self.aux = [self._draw(r, self.SIZE) for r in rules]
        self.weights = np.zeros((self.DIMENSIONS, self.CLASSES))

    def _draw(self, rule: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        x = self.rng.normal(size=(n, self.DIMENSIONS))
        return x, (x @ rule).argmax(axis=1)

    def batch(self, which: int) -> np.ndarray:
        """The gradient on a batch of one auxiliary set; -1: of the target."""
        x, y = self.target if which < 0 else self.aux[which]
        rows = self.rng.integers(len(y), size=self.BATCH)
        return self.gradient(x[rows], y[rows])

    def gradient(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        scores = x @ self.weights
        chance = np.exp(scores - scores.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        return x.T @ (chance - np.eye(self.CLASSES)[y]) / len(y)

    def similarities(self) -> np.ndarray:
        """Cosine of the target's gradient and that of each whole auxiliary set."""
        target = self.gradient(*self.target)
        return np.array([cosine(self.gradient(*data), target) for data in self.aux])

    def learn(self, plays: np.ndarray, rate: float = 0.5) -> np.ndarray:
        """One step on batches of the sets played; the similarity of each to the target."""
        target, found = self.gradient(*self.target), np.zeros(len(self.aux))
        total, n = self.batch(-1), int(plays.sum())
        for which in np.flatnonzero(plays):
            changes = [self.batch(int(which)) for _ in range(int(plays[which]))]
            found[which] = cosine(np.sum(changes, axis=0), target)
            total = total + np.sum(changes, axis=0) / n
        self.weights = self.weights - rate * total / 2
        return found

    def accuracy(self) -> float:
        x, y = self.test
        return float(((x @ self.weights).argmax(axis=1) == y).mean())


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))
