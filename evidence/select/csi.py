"""Does the Frechet distance of features say which source to train on?

Eight corpora are sources, about 600,000 characters of each, and four others targets in turn.
Features: latent semantics of documents, 32 directions, fitted to documents of all sources. The
transfer error is the loss of the count proxy on 100 held-out target documents after 60,000 tokens
of the source; the 100 documents that give the target's mean and covariance are others. The pooled
set is all eight sources in equal parts, 240,000 tokens; the nearest source has a tenth of that,
24,000: a little less than the pooled set holds of it.
"""

import numpy as np
from evidence.select_texts import drawn, embedded, held_out_loss, pool_of
from scipy.stats import spearmanr

from cuvee.core.pool import Quota
from cuvee.select import choose
from cuvee.select.csi import Csi
from cuvee.testing.evidence import Finding

SOURCES = ("c", "de", "fr", "fortunes", "handbook_en", "perl", "pydoc", "wordnet")
TARGETS = ("python", "man_en", "essay", "es")
CHARACTERS, GIVEN, TOKENS, POOLED = 600_000, 100, 60_000, 240_000


def run() -> Finding:
    parts = {name: long_enough(drawn(name, (10**6,))[0]) for name in SOURCES}
    texts = [text for part in parts.values() for text in part]
    groups = np.repeat(np.arange(len(SOURCES)), [len(part) for part in parts.values()])
    fitted = embedded(texts, 32)
    pool = pool_of(texts, fitted.transform(texts), groups)
    rows = [one(name, parts, texts, pool, fitted) for name in TARGETS]
    found = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    wins = int((found["nearest_tenth"] < found["pooled"]).sum())
    rank = found["spearman"]
    return Finding(
        claim="The Frechet distance of features ranks 8 sources by their transfer error (Spearman "
        "> 0.7, mean over targets), and the nearest source beats the pooled set at a tenth of its "
        "budget (for all targets).",
        measured=f"Spearman {rank.mean():.2f} (" +
        ", ".join(f"{name} {value:.2f}" for name, value in zip(TARGETS, rank)) +
        "); a tenth of the budget from the nearest source, loss "
        f"{found['nearest_tenth'].mean():.2f} against {found['pooled'].mean():.2f} of the "
        f"pooled set: lower for {wins} of 4 targets; "
        f"at equal budgets {found['nearest_all'].mean():.2f}, lower for "
        f"{int((found['nearest_all'] < found['pooled_small']).sum())} of 4.",
        holds=bool(rank.mean() > 0.7 and wins == len(TARGETS)),
        numbers={"targets": TARGETS, "sources": SOURCES}
        | {key: value.tolist() for key, value in found.items()},
    )  # fmt: skip


def long_enough(texts: list[str]) -> list[str]:
    return texts[: int(np.searchsorted(np.cumsum([len(t) for t in texts]), CHARACTERS)) + 1]


def one(name, parts, texts, pool, fitted) -> dict[str, object]:
    given, held = drawn(name, (GIVEN, GIVEN))
    target = pool_of(given, fitted.transform(given))
    found = choose(Csi(), pool, Quota(rows=len(pool)), target=target)
    groups = pool.need("groups")
    distance = np.array([-found.scores[groups == g][0] for g in range(len(SOURCES))])
    losses = np.array([held_out_loss(part, held, TOKENS) for part in parts.values()])
    first = [texts[i] for i in found.rows if groups[i] == np.argmin(distance)]
    mixed = [text for part in parts.values() for text in part]
    return {
        "spearman": spearmanr(distance, losses).statistic,
        "distance": distance, "losses": losses,
        "nearest_tenth": held_out_loss(first, held, POOLED // 10),
        "nearest_all": held_out_loss(first, held, TOKENS),
        "pooled": held_out_loss(mixed, held, POOLED),
        "pooled_small": held_out_loss(mixed, held, TOKENS),
    }  # fmt: skip
