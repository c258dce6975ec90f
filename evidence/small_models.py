"""Small models that several pieces of evidence train: byte models, a transformer, softmax."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from cuvee.testing.evidence import Missing, shared_data
from evidence.tables import split_documents

ROOT = Path(__file__).parents[1]
BYTES = 256


def need(name: str) -> Any:
    """A library that only some evidence uses.

    Raises:
        Missing: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise Missing(f"needs {name}: pip install {name}.") from error


def corpus(name: str, part: float = 0.85) -> tuple[np.ndarray, np.ndarray]:
    """Bytes to train on and bytes held out of one of the evaluation corpora."""
    train, held = split_documents(shared_data(ROOT, "corpora", f"{name}.parquet"), part)
    return to_bytes(train), to_bytes(held)


def to_bytes(documents: list[str]) -> np.ndarray:
    """Documents joined by a zero byte."""
    return np.frombuffer(b"\x00".join(d.encode() for d in documents), np.uint8)


class ByteCounts:
    """Interpolated byte n-gram model: p = (count + k p_shorter) / (total + k), hashed contexts.

    Args:
        text: Bytes to count.
        order: Longest n-gram.
        strength: k, the weight of the next shorter context.
    """

    def __init__(self, text: np.ndarray, order: int = 5, strength: float = 4.0, bits: int = 22):
        self.order, self.strength, self.size = order, strength, 1 << bits
        self.totals, self.counts = [], []
        for n in range(order):
            contexts, grams = self._slots(text, n)
            self.totals.append(np.bincount(contexts, minlength=self.size).astype(np.float32))
            self.counts.append(np.bincount(grams, minlength=self.size).astype(np.float32))

    def _slots(self, text: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        key = np.full(len(text) - self.order, n + 1, np.uint64)
        for back in range(n, 0, -1):
            key = (key * np.uint64(1_000_003)) ^ text[self.order - back : len(text) - back]
        gram = (key * np.uint64(1_000_003)) ^ text[self.order :] ^ np.uint64(0x9E3779B97F4A7C15)
        mask = np.uint64(self.size - 1)
        mixed = [((k * np.uint64(0xD6E8FEB86659FD93)) >> np.uint64(32)) & mask for k in (key, gram)]
        return mixed[0].astype(np.int64), mixed[1].astype(np.int64)

    def loss(self, text: np.ndarray) -> float:
        """Mean -log p, in nats per byte."""
        p = np.full(len(text) - self.order, 1 / BYTES)
        for n in range(self.order):
            contexts, grams = self._slots(text, n)
            total, count = self.totals[n][contexts], self.counts[n][grams]
            p = (np.minimum(count, total) + self.strength * p) / (total + self.strength)
        return float(-np.log(p).mean())


class MlpLM:
    """Byte model with a window: embeddings of the last bytes, one hidden layer, softmax; Adam.

    Args:
        seed: Of the initial weights.
        window: Bytes looked back at.
        width: Hidden units.
        rate: Learning rate.
    """

    def __init__(self, seed: int, window: int = 8, width: int = 128, rate: float = 2e-3):
        torch = need("torch")
        maker = torch.Generator().manual_seed(seed)
        shapes = [(BYTES, 16), (window * 16, width), (width,), (width, BYTES), (BYTES,)]
        self.weights = [
            (torch.randn(*s, generator=maker) * s[0] ** -0.5 if len(s) > 1 else torch.zeros(*s))
            for s in shapes
        ]
        for w in self.weights:
            w.requires_grad_(True)
        self.window, self.torch = window, torch
        self.adam = torch.optim.Adam(self.weights, lr=rate)

    def losses(self, text: np.ndarray, ends: np.ndarray) -> Any:
        """-log p of the bytes at `ends`, each from the window before it, (ends,)."""
        windows = text[ends[:, None] + np.arange(-self.window, 1)]
        picked = self.torch.from_numpy(windows.astype(np.int64))
        table, w1, b1, w2, b2 = self.weights
        hidden = self.torch.relu(table[picked[:, :-1]].flatten(1) @ w1 + b1)
        scores = hidden @ w2 + b2
        return self.torch.nn.functional.cross_entropy(scores, picked[:, -1], reduction="none")

    def gradient(self, loss: Any) -> np.ndarray:
        """All derivatives of a loss in one vector."""
        parts = self.torch.autograd.grad(loss, self.weights)
        return np.concatenate([g.detach().numpy().ravel() for g in parts])

    def step(self, loss: Any) -> None:
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()

    def held_out(self, text: np.ndarray, ends: np.ndarray) -> float:
        with self.torch.no_grad():
            return float(self.losses(text, ends).mean())


class Transformer:
    """Causal transformer with learned positions, pre-norm, GELU; vectors in, vectors out.

    Args:
        seed: Of the initial weights.
        inputs: Width of the input vectors, or number of tokens if `embed`.
        outputs: Width of the output vectors.
        embed: Whether the input is token numbers.
    """

    def __init__(
        self, seed: int, inputs: int, outputs: int, *, length: int, width: int = 64,
        layers: int = 2, heads: int = 2, embed: bool = True, rate: float = 2e-3, steps: int = 1000,
    ):  # fmt: skip
        torch = need("torch")
        self.torch, self.heads, self.embed = torch, heads, embed
        torch.manual_seed(seed)
        nn = torch.nn
        self.read = nn.Embedding(inputs, width) if embed else nn.Linear(inputs, width)
        self.place = nn.Parameter(0.02 * torch.randn(length, width))
        if embed:
            nn.init.normal_(self.read.weight, std=0.02)
        self.blocks = nn.ModuleList(
            nn.ModuleList([
                nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width),
                nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width),
            ])
            for _ in range(layers)
        )  # fmt: skip
        self.end = nn.ModuleList([nn.LayerNorm(width), nn.Linear(width, outputs)])
        modules = [*self.read.parameters(), *self.blocks.parameters(), *self.end.parameters()]
        self.weights = [self.place, *modules]
        self.adam = torch.optim.AdamW(self.weights, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
        self.pace = torch.optim.lr_scheduler.OneCycleLR(
            self.adam, rate, total_steps=steps + 1, pct_start=0.05, cycle_momentum=False
        )

    def __call__(self, x: Any) -> Any:
        functional = self.torch.nn.functional
        h = self.read(x) + self.place[: x.shape[1]]
        for norm1, qkv, out, norm2, up, down in self.blocks:
            b, t, w = h.shape
            q, k, v = (
                part.view(b, t, self.heads, w // self.heads).transpose(1, 2)
                for part in qkv(norm1(h)).chunk(3, dim=-1)
            )
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            h = h + out(mixed.transpose(1, 2).reshape(b, t, w))
            h = h + down(functional.gelu(up(norm2(h))))
        norm, last = self.end
        return last(norm(h))

    def step(self, loss: Any) -> None:
        self.adam.zero_grad()
        loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.adam.step()
        self.pace.step()


class Softmax:
    """Classifier x -> features -> softmax trained by mini-batch gradient steps, in numpy.

    One hidden layer of ReLU units, both layers trained, plain SGD with a constant step.

    Args:
        rng: Of the initial weights.
        inputs: Input variables.
        classes: Classes.
        width: Hidden units.
        rate: Step size.
    """

    def __init__(
        self, rng: np.random.Generator, inputs: int, classes: int, width: int, rate: float
    ):
        self.w1 = rng.normal(0, np.sqrt(2 / inputs), (inputs, width))
        self.w2 = rng.normal(0, np.sqrt(1 / width), (width, classes))
        self.b1, self.b2, self.rate = np.zeros(width), np.zeros(classes), rate

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Most probable class, (rows,)."""
        return (np.maximum(x @ self.w1 + self.b1, 0) @ self.w2 + self.b2).argmax(axis=1)

    def step(self, x: np.ndarray, y: np.ndarray) -> None:
        hidden = np.maximum(x @ self.w1 + self.b1, 0)
        scores = hidden @ self.w2 + self.b2
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        slope = scores / scores.sum(axis=1, keepdims=True)
        slope[np.arange(len(y)), y] -= 1
        slope /= len(y)
        back = (slope @ self.w2.T) * (hidden > 0)
        self.w2 -= self.rate * hidden.T @ slope
        self.b2 -= self.rate * slope.sum(axis=0)
        self.w1 -= self.rate * x.T @ back
        self.b1 -= self.rate * back.sum(axis=0)
