"""A small network that is really trained, for claims about the order of data.

It predicts the next character from the last six: embedding, one hidden layer, softmax; Adam with
a learning rate that is constant, then falls to zero at the end of the whole schedule.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.random import default_rng

from cuvee.core import Estimate, Outcome, Trial

CONTEXT, EMBED, HIDDEN, SYMBOLS, BATCH = 6, 12, 96, 96, 128
Parameters = dict[str, np.ndarray]


def characters(path: Path, start: int, stop: int) -> np.ndarray:
    """A stretch of a corpus as numbers: printable ASCII, and one for all else."""
    text = "\n".join(pq.read_table(path)["text"].to_pylist()[:4000])[start:stop]
    codes = np.frombuffer(text.encode("ascii", errors="replace"), np.uint8).astype(np.int64) - 31
    return np.where((codes > 0) & (codes < SYMBOLS), codes, 0)


@dataclass(frozen=True, slots=True, eq=False)
class OrderTrainer:
    """Trains on chains of trials, and averages the parameters of merged ones.

    Args:
        texts: Characters of each source, by name; repeated when used up.
        held: Characters of each target.
        tokens: Of a whole schedule: the learning rate is zero at its end.
        decay: Part of the tokens, the last ones, over which the learning rate falls.
        seed: Of the first parameters, and of the order of the data with a trial's own.
        rate: Learning rate at the start.
        states: Parameters and Adam's moments after each leg that was trained.
    """

    texts: dict[str, np.ndarray]
    held: dict[str, np.ndarray]
    tokens: float
    decay: float
    seed: int = 0
    rate: float = 5e-3
    states: dict[tuple[object, ...], list[Parameters]] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(self.texts)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.held)

    @property
    def available(self) -> np.ndarray:
        return np.array([float(len(text)) for text in self.texts.values()])

    def run(self, trial: Trial, *, rng: np.random.Generator | None = None) -> Outcome:
        losses = self.losses(self.parameters(trial))
        return Outcome(Estimate(losses[None], "nats per character", "none"), trial.cost())

    def losses(self, parameters: Parameters) -> np.ndarray:
        found = []
        for text in self.held.values():
            x, y = _windows(text, np.arange(CONTEXT, len(text)))
            found.append(_loss(parameters, x, y))
        return np.array(found)

    def parameters(self, trial: Trial) -> Parameters:
        if trial.merge:
            parts = [(weight, self.parameters(t)) for weight, t in trial.merge]
            return {n: sum(w * p[n] for w, p in parts) for n in parts[0][1]}
        return self._state(trial)[0]

    def _state(self, trial: Trial) -> list[Parameters]:
        if trial.key() not in self.states:
            before = self._state(trial.after) if trial.after else _start(self.seed)
            done = sum(leg.tokens for leg in trial.chain()[:-1])
            self.states[trial.key()] = self._train(before, trial, done)
        return self.states[trial.key()]

    def _train(self, state: list[Parameters], trial: Trial, done: float) -> list[Parameters]:
        p, first, second = ({n: v.copy() for n, v in part.items()} for part in state)
        rng = default_rng([self.seed, trial.seed, int(done)])
        texts = list(self.texts.values())
        begin, steps = round(done / BATCH), round(trial.tokens / BATCH)
        shares = np.asarray(trial.shares) / np.sum(trial.shares)
        for step in range(begin, begin + steps):
            counts = rng.multinomial(BATCH, shares)
            parts = [_windows(t, rng.integers(CONTEXT, len(t), n)) for t, n in zip(texts, counts)]
            x, y = (np.concatenate(side) for side in zip(*parts))
            slopes = _slopes(p, x, y)
            rate = self.rate * min(1.0, (1 - step * BATCH / self.tokens) / self.decay)
            scale = np.sqrt(1 - 0.99 ** (step + 1)) / (1 - 0.9 ** (step + 1))
            for n, g in slopes.items():
                first[n] += 0.1 * (g - first[n])
                second[n] += 0.01 * (g * g - second[n])
                p[n] -= rate * scale * first[n] / (np.sqrt(second[n]) + 1e-8)
        return [p, first, second]


def _windows(text: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return text[ends[:, None] - np.arange(CONTEXT, 0, -1)], text[ends]


def _start(seed: int) -> list[Parameters]:
    rng = default_rng(seed)

    def normal(rows: int, columns: int, scale: float) -> np.ndarray:
        return (scale * rng.standard_normal((rows, columns))).astype(np.float32)

    wide = CONTEXT * EMBED
    p = {
        "embed": normal(SYMBOLS, EMBED, 0.3), "in": normal(wide, HIDDEN, wide**-0.5),
        "bias": np.zeros(HIDDEN, np.float32), "out": normal(HIDDEN, SYMBOLS, 0.5 * HIDDEN**-0.5),
        "base": np.zeros(SYMBOLS, np.float32),
    }  # fmt: skip
    return [p, *({n: np.zeros_like(v) for n, v in p.items()} for _ in range(2))]


def _forward(p: Parameters, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    wide = p["embed"][x].reshape(len(x), -1)
    hidden = np.tanh(wide @ p["in"] + p["bias"])
    scores = hidden @ p["out"] + p["base"]
    scores -= scores.max(axis=1, keepdims=True)
    return wide, hidden, scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def _loss(p: Parameters, x: np.ndarray, y: np.ndarray) -> float:
    return float(-_forward(p, x)[2][np.arange(len(y)), y].mean())


def _slopes(p: Parameters, x: np.ndarray, y: np.ndarray) -> Parameters:
    wide, hidden, logs = _forward(p, x)
    error = np.exp(logs)
    error[np.arange(len(y)), y] -= 1
    error /= len(y)
    inner = (error @ p["out"].T) * (1 - hidden**2)
    embed = np.zeros_like(p["embed"])
    np.add.at(embed, x.ravel(), (inner @ p["in"].T).reshape(-1, EMBED))
    return {
        "embed": embed, "in": wide.T @ inner, "bias": inner.sum(axis=0),
        "out": hidden.T @ error, "base": error.sum(axis=0),
    }  # fmt: skip
