"""Domains in text without labels: embed, cluster finely, drop bad clusters, merge the rest.

Two passes: a sample is embedded and clustered, then every document of the stream is given to the
domain of the nearest cluster. Words and pairs of words are hashed and weighted by tf-idf; a
truncated singular value decomposition of the sample makes vectors of them. Documents weigh as
many tokens as they have: else a source of very many very short ones takes all clusters.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from cuvee.core.clusters import kmeans, nearest
from cuvee.core.data import Source, batches
from cuvee.core.embedding import Embedding, counted, hashed
from cuvee.core.errors import CuveeError
from cuvee.core.files import explained, whole_file
from cuvee.core.seeds import stream
from cuvee.core.units import Words
from cuvee.sources.clusters import merged, pruned
from cuvee.sources.part import sample as sample_of
from cuvee.sources.resolve import open_source

SIZE = 64
"""Of a document's vector."""
MANY = 1000
"""Clusters, as in the paper, where the sample is large enough for ten documents in each."""
WORDS_SHOWN = 5
GROUP = 16 * 2**20
"""Bytes of text of a domain that are held before they are written."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a stream is in a domain."""

    documents: int
    tokens: int


@dataclass(frozen=True, slots=True, eq=False)
class Domains:
    """Domains that were found, and how documents are told apart.

    Args:
        source: Where they were found.
        words: The most telling words of each domain.
        centers: Clusters.
        domain: Of each cluster.
        embedding: Of documents, as the clusters were found in it.
    """

    source: Source
    words: tuple[tuple[str, ...], ...]
    centers: Float[np.ndarray, "clusters size"]
    domain: Int[np.ndarray, "clusters"]
    embedding: Embedding

    @property
    def names(self) -> tuple[str, ...]:
        """`domain_00` and so on, the largest in the sample first."""
        return tuple(f"domain_{i:02}" for i in range(len(self.words)))

    def assign(self, texts: Sequence[str]) -> Int[np.ndarray, "documents"]:
        """Number of the domain of each text."""
        return self._assign(pa.array(list(texts), pa.large_string()))[0]

    def sizes(self) -> tuple[Size, ...]:
        """Documents and tokens (built-in words) of each domain, in one pass."""
        return self._total((labels, tokens) for _, labels, tokens in self._stream())

    def write(self, folder: str | Path) -> tuple[tuple[Path, ...], tuple[Size, ...]]:
        """One parquet file per domain, in one pass; each is whole or not there.

        Args:
            folder: Made if it is not there; files of the same names are replaced.

        Returns:
            The files, and how much is in each.
        """
        import pyarrow.parquet as pq

        folder = Path(folder)
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        paths = tuple(folder / f"{name}.parquet" for name in self.names)
        schema = pa.schema({"text": pa.large_string()})
        held: list[list[pa.Array]] = [[] for _ in paths]
        sizes = []
        with ExitStack() as stack:
            files = [stack.enter_context(whole_file(path)) for path in paths]
            writers = [stack.enter_context(pq.ParquetWriter(f, schema, compression="zstd"))
                       for f in files]  # fmt: skip

            def flush(i: int) -> None:
                if held[i]:
                    writers[i].write_table(pa.Table.from_arrays([pa.chunked_array(held[i])],
                                                                schema=schema))  # fmt: skip
                    held[i].clear()

            for text, labels, tokens in self._stream():
                sizes.append((labels, tokens))
                for i in np.unique(labels):
                    held[i].append(text.filter(pa.array(labels == i)))
                    if sum(part.nbytes for part in held[i]) > GROUP:
                        flush(i)
            for i in range(len(paths)):
                flush(i)
                writers[i].close()
        return paths, self._total(sizes)

    def _stream(self) -> Iterator[tuple[pa.LargeStringArray, np.ndarray, np.ndarray]]:
        """Documents, their domains and their tokens."""
        for batch in batches(self.source):
            if len(batch.text):
                yield batch.text, *self._assign(batch.text)

    def _assign(self, text: pa.LargeStringArray) -> tuple[np.ndarray, np.ndarray]:
        labels, tokens = [np.zeros(0, int)], [np.zeros(0, int)]
        for cut in Words().cut(text):
            vectors = self.embedding.points(hashed(cut))
            labels.append(self.domain[nearest(vectors, self.centers)])
            tokens.append(np.diff(cut.offsets))
        return np.concatenate(labels), np.concatenate(tokens)

    def _total(self, parts: Any) -> tuple[Size, ...]:
        documents, tokens = (np.zeros(len(self.words), np.int64) for _ in range(2))
        for labels, sizes in parts:
            documents += np.bincount(labels, minlength=len(documents))
            tokens += np.bincount(labels, sizes, minlength=len(tokens)).astype(np.int64)
        return tuple(Size(int(d), int(t)) for d, t in zip(documents, tokens))


def discover(
    source: Any,
    domains: int = 20,
    *,
    clusters: int | None = None,
    sample: int = 16 * 2**20,
    seed: int = 0,
) -> Domains:
    """Find domains in text without labels.

    A sample is clustered finely; clusters that are tiny, or hold nothing in common, are dropped,
    and their documents go to the nearest others; the rest are merged, nearest first.

    Args:
        source: What `open_source` takes: a path, a glob, a folder, texts; or a source.
        domains: How many are wanted.
        clusters: How many there are before merging; by default 1000, or fewer where the sample
            has less than ten documents for each.
        sample: Bytes of text to learn from; the first pass reads all to draw them evenly.
        seed: Of the sample and of the start of the clusters.

    Returns:
        The domains: `assign` texts to them, or `write` one file for each.

    Raises:
        CuveeError: There are fewer different documents than domains, or none at all.

    References: Diao et al., "CLIMB: CLustering-based Iterative Data Mixture Bootstrapping for
    Language Model Pre-training", arXiv 2504.13161, 2025 (a neural embedding and a quality
    classifier there; words and the clusters' own cohesion here); Arthur and Vassilvitskii,
    "k-means++", SODA 2007; Deerwester et al., "Indexing by latent semantic analysis", 1990.

    Example:
        >>> from cuvee.sources.discover import discover
        >>> verse = [f"a rose is a red rose number {i}" for i in range(30)]
        >>> code = [f"def f{i}(x): return x + {i}" for i in range(30)]
        >>> found = discover(verse + code, domains=2)
        >>> len(set(found.assign(verse))), len(set(found.assign(verse + code)))
        (1, 2)
    """
    if domains < 1 or sample < 1 or (clusters is not None and clusters < domains):
        raise CuveeError(
            f"discover: domains and sample must be 1 or more, clusters at least domains; got "
            f"domains={domains}, sample={sample}, clusters={clusters}."
        )
    source = open_source("text", source)
    drawn = sample_of(source, sample, seed)
    text = pa.array(list(dict.fromkeys(drawn.items)), pa.large_string())  # type: ignore[arg-type]
    if len(text) < domains:
        raise CuveeError(
            f"{domains} domains need as many different documents, got {len(text)} in the sample: "
            f"ask for fewer domains, or give more text."
        )
    counts = counted(text)
    rng, tokens = stream(seed, "discover"), np.asarray(counts.sum(axis=1), float).ravel()
    embedding = Embedding.of(counts, tokens / tokens.mean(), SIZE, rng)
    vectors = embedding.points(counts)
    wanted = min(MANY, len(text) // 10) if clusters is None else min(clusters, len(text))
    centers, labels = kmeans(vectors, max(wanted, domains), rng, weights=tokens)
    centers, labels = pruned(vectors, tokens, centers, labels, domains)
    domain = merged(centers, np.bincount(labels, tokens, minlength=len(centers)), domains)
    words = _telling(text, domain[labels], int(domain.max()) + 1)
    return Domains(source, words, centers, domain, embedding)


def _telling(text: pa.LargeStringArray, labels: np.ndarray, count: int) -> tuple[Any, ...]:
    """Words, letters only, that many documents of a domain have, and few of the others."""
    inside = [Counter[str]() for _ in range(count)]
    for document, label in zip(text.to_pylist(), labels):
        inside[label].update({w for w in document[:4000].lower().split() if w.isalpha()})
    sizes = np.bincount(labels, minlength=count)
    # Of each domain the mean counts the same, however many documents it has.
    usual: Counter[str] = Counter()
    for own, size in zip(inside, sizes):
        usual.update({word: n / size / count for word, n in own.items()})
    found = []
    for own, size in zip(inside, sizes):
        gain = {w: n / size * np.log(n / size / usual[w]) for w, n in own.items() if n > 1}
        found.append(tuple(sorted(gain, key=lambda w, gain=gain: (-gain[w], w))[:WORDS_SHOWN]))
    return tuple(found)
