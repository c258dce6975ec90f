"""Points of a sample of each source's documents."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.data import Data, Source
from cuvee.core.embedding import Embedding

CHARACTERS = 4000
"""Of a document that are looked at: what it is about shows early."""
LOOK = 20
"""Documents gone through for each one kept, at most: bounds the reading of a huge source."""
Points = dict[str, tuple[Float[np.ndarray, "documents dims"], ...]]
"""Points of each source's documents under "sources", of each target's under "targets"."""


def embed(data: Data, documents: int = 400, dims: int = 64, seed: int = 0) -> Points:
    """Points of a random sample of each source's and each target's documents.

    Args:
        data: What to look at; texts are read a batch at a time.
        documents: Kept of each source and of each target.
        dims: Coordinates of a point.
        seed: Of the sample.

    Raises:
        CuveeError: A source or a target has no document with text.
    """
    if documents < 1:
        raise CuveeError(f"embed: documents must be at least 1, got {documents}.")
    both = [*data.sources, *data.targets]
    texts = [sample(source, documents, seed) for source in both]
    fitted = Embedding.fit([text for some in texts for text in some], dims, seed)
    points = tuple(fitted.transform(some) for some in texts)
    return {"sources": points[: len(data.sources)], "targets": points[len(data.sources) :]}


def sample(source: Source, documents: int, seed: int = 0) -> list[str]:
    """The beginnings of a random choice of documents, each as likely as any other looked at.

    So many documents, however long, and a bounded reading: `cuvee.sources.part.sample` wants bytes,
    of which a few long documents may take all, and reads the whole source.

    Raises:
        CuveeError: The source has no document with text.
    """
    rng, kept, seen = default_rng(seed), [], 0
    for text in _shuffled(source, seed):
        if not text.strip():
            continue
        seen += 1
        if len(kept) < documents:
            kept.append(text)
        elif (slot := int(rng.integers(seen))) < documents:
            kept[slot] = text
        if seen >= LOOK * documents:
            break
    if not kept:
        raise CuveeError(f"{source.name!r} has no document with text: nothing can be embedded.")
    return kept


def _shuffled(source: Source, seed: int) -> Iterator[str]:
    """Beginnings of the documents, piece by piece, pieces in random order."""
    pieces = source.pieces()
    for i in default_rng(seed).permutation(len(pieces)):
        for batch in source.read(pieces[int(i)]):
            for text in batch.text:
                yield str(text)[:CHARACTERS]
