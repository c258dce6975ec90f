"""Latent semantics: hashed words, tf-idf, truncated singular value decomposition."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32
from numpy.random import Generator

from cuvee.core import CuveeError
from cuvee.core.embedding import Embedding, counted

CHARACTERS = 4000
"""Of a document that are looked at: what it is about shows early."""
SLICE = pc.SliceOptions(0, CHARACTERS)


@dataclass(frozen=True, slots=True)
class Lsa:
    """What documents are about: tf-idf of hashed words and word pairs, and its main directions.

    Args:
        dims: Coordinates of a point.
        documents: On which directions are fitted.

    Fails when: documents differ in meaning and not in words; points of other languages lie far
    apart whatever they say.

    References: Deerwester et al., "Indexing by latent semantic analysis", JASIS 41(6), 1990; Halko,
    Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53, 2011.
    """

    dims: int = 128
    documents: int = 8000

    def __post_init__(self) -> None:
        if self.dims < 1 or self.documents < 1:
            raise CuveeError("lsa: dims and documents must be at least 1.")

    def fit(self, texts: Sequence[str], *, rng: Generator) -> "LsaPoints":
        """Weights and directions from some texts."""
        starts = [text[:CHARACTERS] for text in texts]
        return LsaPoints(Embedding.fit(starts, self.dims, int(rng.integers(2**31))))


@dataclass(frozen=True, slots=True, eq=False)
class LsaPoints:
    """Fitted weights and directions; a document without a known word is the origin."""

    embedding: Embedding

    def __call__(self, text: pa.LargeStringArray) -> Float32[np.ndarray, "documents dims"]:
        """Points of length 1."""
        starts = pc.call_function("utf8_slice_codeunits", [text], SLICE)
        return self.embedding.points(counted(starts)).astype(np.float32)
