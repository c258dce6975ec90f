"""Are near copies found as theory says: by an S-curve, with errors of the stated size?

Documents of 200 to 400 words of twelve kinds of text get a copy in which words are changed, so
that their Jaccard similarities (of runs of five words, counted in full) spread from 0.3 to 1. The
estimates are held against these, and the pairs found against the probability that two signatures
share a band and 80% of their values. Then all pairs of the whole collection with a similarity
of 0.8 or more (counted in full, by an inverted index) are looked for.
"""

import re
from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
from evidence.copied import texts

from cuvee.clean.minhash import Minhash, similarity
from cuvee.testing.evidence import Finding
from cuvee.testing.planted_copies import Listed

PAIRS, LONGEST, SHORTEST = 3000, 400, 200
NEAR = 0.05
"""Around the threshold, where an estimate cannot tell."""


def run() -> Finding:
    rng = np.random.default_rng(0)
    plain = [w for t in texts() if len(w := re.findall("[a-z0-9]+", t.lower())) >= SHORTEST]
    documents = [plain[i][:LONGEST] for i in rng.permutation(len(plain))[:PAIRS]]
    pool = np.array(sorted({w for one in documents for w in one}))
    copies = [edited(one, pool, rng) for one in documents]
    true = np.array([jaccard(a, b) for a, b in zip(documents, copies)])
    items = Listed(tuple(" ".join(one) for one in (*documents, *copies)), 200)
    method = Minhash()
    error, likely, chances = beside_theory(method, items, true)
    predicted, sd = chances.sum(), np.sqrt((chances * (1 - chances)).sum())
    canonical = method.find(items).canonical
    met, missed, wrong, above = beside_all_pairs([*documents, *copies], canonical)
    recall, precision = 1 - missed / above, 1 - wrong / max(met, 1)
    return Finding(
        claim="Errors of the estimated similarity are sqrt(s (1 - s) / 128); pairs are found with "
        "the probability that follows from 21 bands of 6 rows and the comparison with 0.8; of all "
        "pairs above 0.85 at least 98% are in one group, and of documents that went at most 2% "
        "have no other above 0.75.",
        measured=f"Errors are {error:.2f} of the stated size. Expected to be found {predicted:.0f} "
        f"(sd {sd:.0f}) "
        f"of {PAIRS} planted pairs, found {likely}. Of {above} pairs above 0.85 in the collection "
        f"{recall:.1%} are in one group; of {met} documents that went {1 - precision:.1%} have no "
        "other above 0.75.",
        holds=bool(
            0.9 < error < 1.1
            and abs(likely - predicted) <= 4 * sd
            and recall >= 0.98
            and precision >= 0.98
        ),
        numbers={
            "error_over_stated": error, "found": likely, "predicted": float(predicted),
            "pairs_above": above, "recall": recall, "gone": met, "precision": precision,
        },
    )  # fmt: skip


def edited(words: list[str], pool: np.ndarray, rng: np.random.Generator) -> list[str]:
    """A copy with up to a tenth of its words changed."""
    changed = list(words)
    for at in rng.integers(0, len(words), int(rng.integers(0, len(words) // 10))):
        changed[at] = str(rng.choice(pool))
    return changed


def grams(words: list[str]) -> set[tuple[str, ...]]:
    """Runs of five words."""
    return set(zip(*(words[i:] for i in range(5))))


def jaccard(a: list[str], b: list[str]) -> float:
    """Counted in full."""
    one, two = grams(a), grams(b)
    return len(one & two) / len(one | two)


def beside_theory(
    method: Minhash, items: Listed, true: np.ndarray
) -> tuple[float, int, np.ndarray]:
    """Error over the stated one, pairs whose signatures meet, and the chance of each to."""
    from scipy.stats import binom

    from cuvee.clean.minhash import _collected

    _, signatures = _collected(method, items)
    n, (bands, rows) = len(true), method.shape
    estimates = similarity(signatures, np.arange(n), np.arange(n) + n)
    inside = (true > 0.05) & (true < 0.95)
    stated = np.sqrt(true * (1 - true) / method.permutations)
    error = float(np.sqrt(np.mean(((estimates - true)[inside] / stated[inside]) ** 2)))
    parts = (signatures[:n] == signatures[n:])[:, : bands * rows].reshape(n, bands, rows)
    meets = parts.all(axis=2).any(axis=1) & (estimates >= np.float32(method.threshold))
    # Signatures with 80% of their values equal share a band almost surely: 1 - (1 - 0.8^6)^21.
    enough = binom.sf(np.ceil(method.threshold * method.permutations) - 1, 128, true)
    chances = enough * (1 - (1 - method.threshold**rows) ** bands)
    return error, int(meets.sum()), chances


def beside_all_pairs(
    documents: list[list[str]], canonical: np.ndarray
) -> tuple[int, int, int, int]:
    """Documents that went, pairs missed, documents that went wrongly, pairs above."""
    sets = [grams(words) for words in documents]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, one in enumerate(sets):
        for gram in one:
            holders[gram].append(i)
    shared: Counter[tuple[int, int]] = Counter()
    for some in holders.values():
        if 1 < len(some) < 200:  # a run of words in more documents is a phrase
            shared.update(combinations(some, 2))
    above = missed = 0
    best = np.zeros(len(sets))
    for (i, j), both in shared.items():
        s = both / (len(sets[i]) + len(sets[j]) - both)
        best[i], best[j] = max(best[i], s), max(best[j], s)
        if s >= 0.8 + NEAR:
            above += 1
            missed += canonical[i] != canonical[j]
    gone = canonical != np.arange(len(canonical))
    return int(gone.sum()), int(missed), int((gone & (best < 0.8 - NEAR)).sum()), above
