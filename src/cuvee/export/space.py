"""Does a dataset fit on the disk and into memory? Asked once the sources are counted."""

from pathlib import Path

import numpy as np

from cuvee.core.capacity import check_disk, check_memory
from cuvee.core.data import Survey

PACKED = 1 / 255
"""Bytes of disk for a byte of text at the very least: of the spill files alone, as no byte of LZ4
stands for more. How well shards pack, only writing them tells."""
LEAST = 0.8
"""Part of the stated memory that is needed at least."""
SHUFFLING, DRAWING = 24, 45
"""Bytes of any document of a source, and of each that is drawn, while one source is drawn from."""


def check_room(out: Path, survey: Survey, shares: np.ndarray, tokens: int, *, spills: bool) -> None:
    """Refuse a dataset that certainly does not fit, before any of it is written.

    What then does not fit after all ends with a full disk, and goes on with `--resume`.

    Args:
        out: Its folder; what that holds already counts.
        survey: Of the sources.
        shares: Of the tokens, by source.
        tokens: Of the dataset.
        spills: Whether text is written at all.

    Raises:
        CuveeError: With what is needed at least, and what is free.
    """
    available = np.maximum(survey.available, 1.0)
    epochs = shares * tokens / available
    documents = np.array([sum(map(len, pieces)) for pieces in survey.lengths])
    check_memory(LEAST * float((documents * (SHUFFLING * (shares > 0) + DRAWING * epochs)).max()))
    if spills:
        whole = np.floor(epochs)  # of the rest it is not known which documents: a byte a token
        text = whole * survey.text_bytes + (epochs - whole) * available
        check_disk(out, PACKED * float(text.sum()))
