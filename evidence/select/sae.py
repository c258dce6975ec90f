"""Does a cover of a sparse autoencoder's features keep more of them, and teach more, than others?

A pool of 12 corpora, of which each has three quarters of the documents of the one before (480 to
20); points are latent semantics of 64 directions. 5% of the pool's tokens are chosen. A count model
learns from the choice, on the same number of tokens for all, and is tested on held-out documents,
as many of each corpus. Features are counted by another autoencoder (another seed) than the one that
chose.
"""

import numpy as np
from evidence.select_texts import NAMES, drawn, embedded, held_out_loss, pool_of
from numpy.random import default_rng

from cuvee.core.pool import Pool, Quota
from cuvee.select import choose, load
from cuvee.select.sae import Autoencoder
from cuvee.testing.evidence import Finding

SEEDS, PART, HELD = 5, 0.05, 8
METHODS = ("sae", "random", "longest")


def run() -> Finding:
    table = [one(seed) for seed in range(SEEDS)]
    mean = {what: {m: float(np.mean([row[what][m] for row in table])) for m in METHODS}
            for what in ("features", "loss", "corpora", "documents")}  # fmt: skip
    wins = {m: sum(row["loss"]["sae"] < row["loss"][m] for row in table) for m in METHODS[1:]}
    more = all(mean["features"]["sae"] > mean["features"][m] for m in METHODS[1:])
    lower = all(wins[m] >= SEEDS - 1 for m in METHODS[1:])
    said = "; ".join(
        f"{m} {mean['features'][m]:.0f} features, loss {mean['loss'][m]:.3f}, "
        f"{mean['documents'][m]:.0f} documents of {mean['corpora'][m]:.1f} corpora"
        for m in METHODS
    )
    return Finding(
        claim="Greedy cover of a sparse autoencoder's features of latent-semantic points: the "
        "choice activates more features than random and longest documents of as many tokens, and "
        "a model that learns from it has a lower held-out loss, in at least 4 of 5 seeds each.",
        measured=f"{said}. Lower loss than random in {wins['random']} and than longest in "
        f"{wins['longest']} of {SEEDS} seeds.",
        holds=bool(more and lower),
        numbers={"means": mean, "wins": wins, "seeds": table},
    )


def one(seed: int) -> dict[str, dict[str, float]]:
    order = default_rng([seed, 2]).permutation(len(NAMES))
    sizes = [round(480 * 0.75**i) for i in range(len(NAMES))]
    parts = {NAMES[i]: drawn(NAMES[i], (HELD, size), seed) for i, size in zip(order, sizes)}
    held = [text for kept, _ in parts.values() for text in kept]
    texts = [text for _, some in parts.values() for text in some]
    groups = np.repeat(np.arange(len(parts)), [len(some) for _, some in parts.values()])
    pool = pool_of(texts, embedded(texts, seed=seed).transform(texts), groups)
    quota = Quota(tokens=round(PART * int(pool.sizes.sum())))
    chosen = {name: choose(load(name), pool, quota, seed=seed).rows for name in ("sae", "random")}
    chosen["longest"] = quota.fill(np.argsort(-pool.sizes, kind="stable"), pool.sizes)
    tokens = min(int(pool.sizes[rows].sum()) for rows in chosen.values())
    active = features(pool, seed)
    return {
        "features": {m: float(active[rows].any(axis=0).sum()) for m, rows in chosen.items()},
        "loss": {m: held_out_loss([texts[i] for i in rows], held, tokens)
                 for m, rows in chosen.items()},
        "corpora": {m: float(len(np.unique(groups[rows]))) for m, rows in chosen.items()},
        "documents": {m: float(len(rows)) for m, rows in chosen.items()},
    }  # fmt: skip


def features(pool: Pool, seed: int) -> np.ndarray:
    """Of each document, by an autoencoder that did not choose."""
    points = pool.need("points")
    fitted = Autoencoder.fit(points, 256, 8, 600, 3e-3, default_rng([seed, 3]))
    return fitted.features(points, 0.1).toarray() > 0
