"""Target documents as tokens, and what of them is resampled together."""

import numpy as np
from jaxtyping import Int

from cuvee.core import CuveeError
from cuvee.core.data import Cut, Source, Units

FEW_DOCUMENTS = 20
"""With fewer target documents than this, passages are resampled instead."""
PASSAGE = 250
"""Tokens of a passage."""


def cut_all(units: Units, target: Source) -> Cut:
    """All documents of a target."""
    ids, lengths = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for piece in target.pieces():
        for batch in target.read(piece):
            for cut in units.cut(batch.text):
                ids.append(cut.ids)
                lengths.append(np.diff(cut.offsets))
    joined = np.concatenate(ids)
    if not len(joined):
        raise CuveeError(f"target {target.name!r} has no text: expected documents with words.")
    return Cut(joined, np.r_[0, np.cumsum(np.concatenate(lengths))])


def groups(cut: Cut) -> Int[np.ndarray, "tokens"]:
    """What is resampled together: a document, or a passage where documents are few."""
    lengths = np.diff(cut.offsets)
    lengths = lengths[lengths > 0]
    if len(lengths) >= FEW_DOCUMENTS:
        return np.repeat(np.arange(len(lengths)), lengths)
    size = min(PASSAGE, max(1, int(lengths.sum()) // FEW_DOCUMENTS))
    within = np.concatenate([np.arange(n) // size for n in lengths])
    document = np.repeat(np.arange(len(lengths)), lengths)
    return np.unique(np.stack([document, within]), axis=1, return_inverse=True)[1].ravel()
