"""Does similarity of pooled representations find a task's documents, also in a larger pool?

Each of five corpora is the task in turn: 20 of its documents are given, 40 others lie in a pool of
all 12 corpora, with 36 documents of each other one, then with 360 (fewer where there are fewer).
40 documents are taken; recall is the part of the task's that are among them. Representations:
documents are cut into pieces of 40 words, each a point by latent semantics (64 directions, fitted
to the pool's pieces), pooled with weights that grow with the position, i / sum of i. These are no
hidden states of a trained model, which the paper pools. The perplexity filter is a model of single
hashed words of the whole pool; it takes the documents it finds likeliest, or those in the middle
(the paper's two variants), whichever has the higher recall.
"""

import numpy as np
from evidence.select_texts import NAMES, drawn, embedded, pool_of

from cuvee.core.embedding import Embedding
from cuvee.core.pool import Quota
from cuvee.select import choose, load
from cuvee.testing.evidence import Finding

TASKS = ("man_en", "python", "essay", "es", "handbook_en")
GIVEN, THERE, OTHERS, WORDS = 20, 40, (36, 360), 40


def run() -> Finding:
    table = {size: [one(task, size) for task in TASKS] for size in OTHERS}
    mean = {size: {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
            for size, rows in table.items()}  # fmt: skip
    small, large = (mean[size] for size in OTHERS)
    beats = all(m["rds"] > max(m["perplexity"], m["random"]) for m in (small, large))
    return Finding(
        claim="Round-robin over a task's documents with position-weighted pooled representations: "
        "recall of the task's documents above a perplexity filter's and random choice's, and still "
        "so when the pool is ten times as large (with >= 80% of the smaller pool's recall).",
        measured=f"Mean recall over 5 tasks {small['rds']:.0%} (perplexity filter "
        f"{small['perplexity']:.0%}, random {small['random']:.0%}); in a pool ten times as large "
        f"{large['rds']:.0%} ({large['perplexity']:.0%}, {large['random']:.0%}). Mean pooling "
        f"{small['mean_pooled']:.0%} and {large['mean_pooled']:.0%}; highest mean similarity "
        f"instead of taking turns {small['no_turns']:.0%} and {large['no_turns']:.0%}.",
        holds=bool(beats and large["rds"] >= 0.8 * small["rds"]),
        numbers={
            "recall": {str(size): of for size, of in mean.items()},
            "by_task": {str(size): dict(zip(TASKS, rows)) for size, rows in table.items()},
            "rows": {str(size): row[0]["rows"] for size, row in table.items()},
        },
    )


def one(task: str, others: int) -> dict[str, float]:
    given, there = drawn(task, (GIVEN, THERE))
    parts = {n: drawn(n, (others,))[0] for n in NAMES if n != task}
    texts = there + [text for part in parts.values() for text in part]
    cut = [pieces(text) for text in texts]
    fitted = embedded([piece for some in cut for piece in some])
    cuts = (cut, [pieces(text) for text in given])
    (own, own_flat), (points, flat) = (pooled(fitted, some) for some in cuts)
    pool, target = pool_of(texts, own), pool_of(given, points)
    quota = Quota(rows=THERE)
    rds, wanted = load("rds"), target.need("points")
    likely = np.argsort(perplexity(pool), kind="stable")
    middle = (len(pool) - THERE) // 2
    near = (pool.need("points") @ wanted.T) / np.linalg.norm(wanted, axis=1)
    near = near.mean(axis=1) / np.maximum(np.linalg.norm(pool.need("points"), axis=1), 1e-9)
    ways = {
        "rds": choose(rds, pool, quota, target=target).rows,
        "mean_pooled": choose(
            rds, pool_of(texts, own_flat), quota, target=pool_of(given, flat)
        ).rows,
        "no_turns": np.argsort(-near, kind="stable")[:THERE],
        "likely": likely[:THERE], "middle": likely[middle : middle + THERE],
        "random": choose(load("random"), pool, quota).rows,
    }  # fmt: skip
    recall = {way: float(np.mean(rows < THERE)) for way, rows in ways.items()}
    filtered = max(recall.pop("likely"), recall.pop("middle"))
    return {**recall, "perplexity": filtered, "rows": len(pool)}


def pieces(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + WORDS]) for i in range(0, max(len(words), 1), WORDS)]


def pooled(fitted: Embedding, cut: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Means of documents' pieces, with more weight on later ones, and without."""
    points = fitted.transform([piece for some in cut for piece in some])
    starts = np.cumsum([0, *(len(some) for some in cut)])[:-1]
    place = np.concatenate([np.arange(1, len(some) + 1) for some in cut])
    weighted = np.add.reduceat(points * place[:, None], starts)
    weighted /= np.add.reduceat(place, starts)[:, None]
    return weighted, np.add.reduceat(points, starts) / np.array([[len(some)] for some in cut])


def perplexity(pool) -> np.ndarray:
    """Mean negative log probability of each document's words under those of the whole pool."""
    counts = pool.total()
    logs = -np.log((counts + 1) / (counts + 1).sum())
    return pool.score(lambda block: block @ logs / np.maximum(block.sum(axis=1), 1))
