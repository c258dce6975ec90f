"""Is more mutual information between views a better representation?

Upper and lower halves of handwritten digits. First encoders that can be undone (four affine
couplings), so that the information of their outputs is the same whatever the weights: at random,
trained to maximise InfoNCE, and trained so that a linear classifier fails. Then encoders that
squeeze, with three critics: the bound that they reach, and a linear classifier's accuracy.
"""

import numpy as np
import torch
from numpy.random import default_rng
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from cuvee.testing.evidence import Finding

TRAIN, BATCH, STEPS, OUT = 1200, 128, 400, 16
WORST = 4
"""Times as many steps for the one who is to fail: it has to outrun a classifier."""


def run() -> Finding:
    halves, labels = data()
    kept = {}
    for goal in ("random", "maximised", "worst"):
        torch.manual_seed(10)
        kept[goal] = accuracy(invertible(halves, labels, goal), halves[:, 0], labels)
    squeezed = {}
    for critic in ("bilinear", "separable", "joint"):
        rows = [squeezing(halves, labels, critic, seed) for seed in (1, 2)]
        squeezed[critic] = {k: float(np.mean([r[k] for r in rows])) for k in rows[0]}
    tight = max(squeezed, key=lambda c: squeezed[c]["bound"])
    good = max(squeezed, key=lambda c: squeezed[c]["accuracy"])
    return Finding(
        claim="Encoders that can be undone share the same information, and their accuracy differs "
        "by 10 points or more; among critics the tightest bound is not the most accurate.",
        measured="Invertible: " + ", ".join(f"{k} {v:.3f}" for k, v in kept.items())
        + ". Squeezing: " + ", ".join(
            f"{k} bound {v['bound']:.2f}, accuracy {v['accuracy']:.3f}" for k, v in squeezed.items()
        )
        + ".",
        holds=bool(max(kept.values()) - min(kept.values()) >= 0.1 and tight != good),
        numbers={"invertible": kept, "squeezing": squeezed},
    )  # fmt: skip


def data() -> tuple[Tensor, np.ndarray]:
    """(images, halves, pixels)."""
    found = load_digits()
    order = default_rng(2).permutation(len(found.data))
    pixels = found.data[order] / 16 + 0.05 * default_rng(3).standard_normal(found.data.shape)
    return torch.from_numpy(pixels.astype(np.float32)).view(-1, 2, 32), found.target[order]


class Coupling(nn.Module):
    """Moves and stretches one half of the numbers by what the other half says: can be undone."""

    def __init__(self, flip: bool) -> None:
        super().__init__()
        self.flip, self.net = flip, nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, x: Tensor) -> Tensor:
        one, two = x.chunk(2, dim=1) if self.flip else x.chunk(2, dim=1)[::-1]
        stretch, move = self.net(one).chunk(2, dim=1)
        two = two * torch.exp(torch.tanh(stretch)) + move
        return torch.cat([one, two] if self.flip else [two, one], dim=1)


def invertible(halves: Tensor, labels: np.ndarray, goal: str) -> nn.Module:
    net = nn.Sequential(*(Coupling(bool(i % 2)) for i in range(4)))
    critic, probe = nn.Linear(32, 32, bias=False), nn.Linear(32, 10)
    best = torch.optim.Adam([*net.parameters(), *critic.parameters()], lr=0.001)
    other = torch.optim.Adam(probe.parameters(), lr=0.01)
    classes = torch.from_numpy(labels)
    for _ in range(STEPS * {"random": 0, "maximised": 1, "worst": WORST}[goal]):
        rows = torch.randint(TRAIN, (BATCH,))
        one, two = net(halves[rows, 0]), net(halves[rows, 1])
        if goal == "maximised":
            step(best, -infonce(critic(one) @ two.T))
            continue
        for _ in range(3):
            step(other, nn.functional.cross_entropy(probe(one.detach()), classes[rows]))
        # Towards the uniform guess, within bounds.
        log_odds = nn.functional.log_softmax(probe(one), dim=1)
        step(best, -log_odds.mean() + 0.001 * (one**2).mean())
    return net


def squeezing(halves: Tensor, labels: np.ndarray, kind: str, seed: int) -> dict[str, float]:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, OUT))
    left, right = (nn.Sequential(nn.Linear(OUT, 64), nn.ReLU(), nn.Linear(64, 32))
                   for _ in range(2))  # fmt: skip
    joint = nn.Sequential(nn.Linear(2 * OUT, 64), nn.ReLU(), nn.Linear(64, 1))
    weight = nn.Linear(OUT, OUT, bias=False)

    def scores(rows: Tensor) -> Tensor:
        one, two = net(halves[rows, 0]), net(halves[rows, 1])
        if kind == "bilinear":
            return weight(one) @ two.T
        if kind == "separable":
            return left(one) @ right(two).T
        many = len(rows)
        pairs = [one[:, None].expand(-1, many, -1), two[None].expand(many, -1, -1)]
        return joint(torch.cat(pairs, dim=2))[:, :, 0]

    parts = [net, left, right, joint, weight]
    best = torch.optim.Adam([p for part in parts for p in part.parameters()], lr=0.002)
    for _ in range(STEPS):
        step(best, -infonce(scores(torch.randint(TRAIN, (BATCH,)))))
    with torch.no_grad():
        held = torch.arange(TRAIN, TRAIN + 4 * BATCH).split(BATCH)
        bound = float(np.mean([float(infonce(scores(rows))) for rows in held]))
    return {"bound": bound, "accuracy": accuracy(net, halves[:, 0], labels)}


def infonce(scores: Tensor) -> Tensor:
    own = scores.diagonal() - scores.logsumexp(1)
    return own.mean() + np.log(len(scores))


def step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def accuracy(net: nn.Module, half: Tensor, labels: np.ndarray) -> float:
    with torch.no_grad():
        out = net(half).numpy()
    out = (out - out[:TRAIN].mean(axis=0)) / (out[:TRAIN].std(axis=0) + 1e-6)
    fitted = LogisticRegression(max_iter=500).fit(out[:TRAIN], labels[:TRAIN])
    return float(fitted.score(out[TRAIN:], labels[TRAIN:]))
