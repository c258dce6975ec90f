"""How unpredictable the tokens of each source are, in nats."""

import numpy as np
from jaxtyping import Bool, Float, Int

from cuvee.core.data import Data, Source, Units
from cuvee.sources.part import sample

SAMPLE_BYTES = 1 << 20
"""Of text, of each source."""
FREQUENT = 256
"""Tokens of a source whose neighbours are looked at for the von Neumann entropy."""
SEED = 0


def entropy(
    data: Data, sample_bytes: int = SAMPLE_BYTES
) -> dict[str, Float[np.ndarray, "sources"]]:
    """Four entropies of each source's tokens, from a sample of its documents.

    `shannon` is that of single tokens, `joint` that of neighbours, `conditional` their
    difference: what is left to say of a token after the one before. `von_neumann` is that of the
    eigenvalues of a density matrix, as in quantum theory: the cosine similarities of the most
    frequent tokens by the tokens that follow them, each row weighed by its token's frequency, and
    scaled to a trace of 1. Tokens that are followed by the same others count as one there.

    The samples have the same bytes, or a larger source would seem more varied for its size.

    Args:
        data: Sources and units; targets are not looked at.
        sample_bytes: Of text, of each source, at most.

    Returns:
        By measure, one number for each source, in nats.

    References: Shannon, "A mathematical theory of communication", 1948; Ge et al., "BiMix",
    arXiv 2405.14908, 2024.
    """
    rows = [_measures(*_tokens(source, data.units, sample_bytes)) for source in data.sources]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _tokens(
    source: Source, units: Units, sample_bytes: int
) -> tuple[Int[np.ndarray, "tokens"], Bool[np.ndarray, "tokens"]]:
    """Tokens of a sample, as small numbers, and whether each has one before it in its document."""
    ids, inside = [np.zeros(0, np.uint64)], [np.zeros(0, bool)]
    chosen = sample(source, sample_bytes, SEED)
    for piece in chosen.pieces():
        for batch in chosen.read(piece):
            for cut in units.cut(batch.text):
                first = np.zeros(len(cut.ids) + 1, bool)
                first[cut.offsets[:-1]] = True
                ids.append(cut.ids)
                inside.append(~first[: len(cut.ids)])
    return np.unique(np.concatenate(ids), return_inverse=True)[1].ravel(), np.concatenate(inside)


def _measures(ids: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    size = int(ids.max()) + 1 if len(ids) else 1
    after = np.flatnonzero(inside)
    pairs = ids[after - 1].astype(np.int64) * size + ids[after]
    seen, counts = np.unique(pairs, return_counts=True)
    first = np.bincount(ids[after - 1], minlength=size)
    joint = _entropy(counts)
    return {
        "conditional": max(joint - _entropy(first), 0.0),
        "shannon": _entropy(np.bincount(ids, minlength=size)),
        "joint": joint,
        "von_neumann": _von_neumann(seen // size, seen % size, counts, first),
    }


def _entropy(counts: np.ndarray) -> float:
    p = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(p * np.log(p)).sum()) + 0.0


def _von_neumann(
    before: np.ndarray, after: np.ndarray, counts: np.ndarray, first: np.ndarray
) -> float:
    """Entropy of the spectrum of a density matrix of the most frequent tokens."""
    frequent = np.argsort(-first, kind="stable")[:FREQUENT]
    frequent = frequent[first[frequent] > 0]
    if not len(frequent):
        return 0.0
    place = np.full(len(first), -1)
    place[frequent] = np.arange(len(frequent))
    kept = place[before] >= 0
    _, column = np.unique(after[kept], return_inverse=True)
    rows = np.zeros((len(frequent), int(column.max()) + 1))
    rows[place[before[kept]], column.ravel()] = counts[kept]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows *= np.sqrt(first[frequent] / first[frequent].sum())[:, None]
    values = np.linalg.eigvalsh(rows @ rows.T)  # their sum is 1
    values = values[values > 1e-12]
    return float(-(values * np.log(values)).sum()) + 0.0
