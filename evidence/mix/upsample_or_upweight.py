"""Upsampling or upweighting a rare domain, and Cooldown (Li et al. 2024).

Spanish with 1.5 MB and German with its first 30 kB or 5 kB, predicted byte by byte. (1) Full
gradient descent of a softmax on features of bigrams in float64: rare text repeated 7 times against
a weight of 7. (2) Gradient variance of an MLP byte model at one point: batches drawn at temperature
5 against batches drawn by size with losses weighted to the same mean. (3) The same model trained
with Adam by these two, by size alone (temperature 1), and by Cooldown: temperature 5 for the first
half of the steps, then 1. Judged by held-out loss, mean over both languages. The first run had only
30 kB, where temperature 5 never overfits enough to hurt; 5 kB was added to see it do so.
"""

from typing import Any

import numpy as np
from evidence.small_models import BYTES, MlpLM, corpus

from cuvee.testing.evidence import Finding

RARE, HOT, STEPS, BATCH, SEEDS = (30_000, 5_000), 5.0, 1500, 128, 3
PLANS = ("upsample", "upweight", "by size", "cooldown")


def run() -> Finding:
    spanish, (german, held) = corpus("es"), corpus("de")
    same = full_gradient_gap(spanish[0][:2000], german[:200])
    sizes = {f"{n // 1000} kB": compare([spanish, (german[:n], held)]) for n in RARE}
    parts = {
        "identical": same < 1e-10,
        "lower_variance": all(s["variance_ratio"] < 1 for s in sizes.values()),
        "upsampling_overfits_more": all(s["overfits_more"] == SEEDS for s in sizes.values()),
        "cooldown_best": all(s["cooldown_best"] == SEEDS for s in sizes.values()),
    }
    return Finding(
        claim="Full gradients: same path (< 1e-10). SGD: upsampling has the lower gradient "
        "variance and overfits the rare domain more; Cooldown ends with the lowest mean held-out "
        "loss, each in all seeds (arXiv 2410.04579).",
        measured=f"Paths differ by {same:.0e}; " + "; ".join(say(*i) for i in sizes.items()) + ".",
        holds=all(parts.values()),
        numbers={"parts": parts, "full_gradient_gap": same, "by_rare_size": sizes},
    )


def say(size: str, found: dict[str, Any]) -> str:
    gap, held = found["rare_held_out_minus_train"], found["mean_held_out"]
    return (
        f"{size} rare: variance ratio {found['variance_ratio']:.2f}, rare held-out minus training "
        f"loss {gap['upsample']:.2f} upsampled, {gap['upweight']:.2f} upweighted; mean held-out "
        + ", ".join(f"{p} {held[p]:.3f}" for p in PLANS)
        + f", Cooldown best in {found['cooldown_best']} of {SEEDS}"
    )


def compare(texts: list) -> dict[str, Any]:
    """All plans with one size of the rare text."""
    found = {p: np.array([trained(texts, p, s) for s in range(SEEDS)]) for p in PLANS}
    held = {p: v[:, :2].mean(axis=1) for p, v in found.items()}
    overfit = {p: v[:, 1] - v[:, 2] for p, v in found.items()}
    rivals = np.min([held[p] for p in PLANS if p != "cooldown"], axis=0)
    return {
        "variance_ratio": variance_ratio(texts),
        "overfits_more": int((overfit["upsample"] > overfit["upweight"]).sum()),
        "cooldown_best": int((held["cooldown"] < rivals).sum()),
        "rare_held_out_minus_train": {p: float(v.mean()) for p, v in overfit.items()},
        "mean_held_out": {p: float(v.mean()) for p, v in held.items()},
        "mean_held_out_sd": {p: float(v.std(ddof=1)) for p, v in held.items()},
        "frequent_and_rare": {p: v[:, :2].mean(axis=0).tolist() for p, v in found.items()},
    }


def full_gradient_gap(frequent: np.ndarray, rare: np.ndarray, times: int = 7) -> float:
    """Largest difference of weights at any of 100 steps between repeating and weighting."""
    table = np.random.default_rng(0).normal(size=(BYTES, 30))
    frequent, rare = (np.stack([t[:-1], t[1:]], axis=1) for t in (frequent, rare))
    repeated, once = (np.concatenate([frequent, *[rare] * n]) for n in (times, 1))
    weights = np.repeat([1.0, times], [len(frequent), len(rare)])
    problems = [(repeated, np.ones(len(repeated))), (once, weights)]
    ends, gap = [np.zeros((30, BYTES)) for _ in problems], 0.0
    for _ in range(100):
        for w, (text, weight) in zip(ends, problems):
            w -= 0.5 * full_gradient(w, table[text[:, 0]], text[:, 1], weight)
        gap = max(gap, float(np.abs(ends[0] - ends[1]).max()))
    return gap


def full_gradient(
    w: np.ndarray, x: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Of the weighted mean of -log softmax(x w)[label]."""
    p = np.exp(x @ w)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return x.T @ (weights[:, None] * p) / weights.sum()


def shares(texts: list, temperature: float) -> np.ndarray:
    """p_i proportional to n_i^(1/temperature)."""
    p = np.array([len(t[0]) for t in texts]) ** (1 / temperature)
    return p / p.sum()


def batch_loss(model: MlpLM, texts: list, rng: np.random.Generator, plan: str, part: float):
    """Loss of one batch; `part` of the training is over."""
    hot, size = shares(texts, HOT), shares(texts, 1.0)
    drawn = {"upsample": hot, "cooldown": hot if part < 0.5 else size}.get(plan, size)
    weights = hot / size if plan == "upweight" else np.ones(2)
    total = 0.0
    for (text, _), n, w in zip(texts, rng.multinomial(BATCH, drawn), weights):
        if n:
            total = total + w * model.losses(text, rng.integers(model.window, len(text), n)).sum()
    return total / BATCH


def variance_ratio(texts: list, draws: int = 150) -> float:
    """Total gradient variance by upsampling over that by upweighting, after 300 steps."""
    model, rng = MlpLM(0), np.random.default_rng(0)
    for _ in range(300):
        model.step(batch_loss(model, texts, rng, "by size", 0.0))
    sums = []
    for plan in ("upsample", "upweight"):
        found = [model.gradient(batch_loss(model, texts, rng, plan, 0.0)) for _ in range(draws)]
        sums.append(float(np.var(np.array(found), axis=0).sum()))
    return sums[0] / sums[1]


def trained(texts: list, plan: str, seed: int) -> tuple[float, float, float]:
    """Held-out loss of the frequent and the rare language, training loss of the rare one."""
    model, rng = MlpLM(seed), np.random.default_rng(seed)
    for step in range(STEPS):
        model.step(batch_loss(model, texts, rng, plan, step / STEPS))
    judge = np.random.default_rng(0)
    places = [judge.integers(model.window, len(t), 20_000) for t in (texts[0][1], texts[1][1])]
    held = [model.held_out(t[1], p) for t, p in zip(texts, places)]
    rare = np.arange(model.window, len(texts[1][0]))
    return held[0], held[1], model.held_out(texts[1][0], rare)
