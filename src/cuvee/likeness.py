"""How sources differ, and how much stands in several: from a part of each huge one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from cuvee.core import Estimate, stream
from cuvee.core.contents import document_hashes
from cuvee.core.data import Batch, Data, Engine, Piece, Source, text_bytes
from cuvee.core.rows import ROWS
from cuvee.core.threads import keep_memory
from cuvee.core.units import Words

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LOOK = 48 << 20
"""Bytes of text that are looked at, of all sources together."""
PIECES = 4
"""Places of a large source at which it is looked at."""
HASHED, WORDS, BLOCKS = 1 << 16, 4096, 32
"""Columns into which words are hashed; of these the most frequent ones are told apart; and groups
of documents, whose halves say how much a number varies."""
SPLITS = 4
FEW = BLOCKS
"""Documents below which a source is left out."""
MOST = 24
"""Sources that are compared with each other."""
NEAR = "minhash:permutations=64"
"""What counts as a copy, or nearly one."""


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How sources differ and overlap, worked out when it is asked for.

    Args:
        data: The sources, without what stands in the targets.
        sizes: Bytes of text of each.
        order: Numbers of the sources, the most important first.
        seed: Of everything random.
        engine: Where the work runs.
    """

    data: Data
    sizes: tuple[int, ...]
    order: tuple[int, ...]
    seed: int
    engine: Engine

    def to_dict(self) -> dict[str, Any]:
        """Plain names, numbers and lists."""
        if len(self.data.sources) < 2:
            return {"not_computed": "there is only one source."}
        if self.data.units.name == ROWS:
            return {"not_computed": "the sources hold rows of numbers; words are compared."}
        some = sorted(self.order[:MOST])
        parts = parts_of([self.data.sources[i] for i in some], [self.sizes[i] for i in some],
                         self.seed)  # fmt: skip
        looks = [self._counted(part) for part in parts]
        tall = {part.name: int(documents) for part, (documents, _, _) in zip(parts, looks)}
        told = {part.name: counts for part, (n, _, counts) in zip(parts, looks) if n >= FEW}
        left = {n: f"fewer than {FEW} documents" for n, size in tall.items() if size < FEW}
        left |= {self.data.sources[i].name: "not among the largest" for i in self.order[MOST:]}
        return {
            "sample": {
                part.name: {"bytes": int(size), "documents": tall[part.name], "whole": part.whole}
                for part, (_, size, _) in zip(parts, looks)
            },
            "difference": self._differences(told),
            "copies": self._copies(parts),
            "left_out": left,
        }

    def _counted(self, part: "Part") -> tuple[int, int, "csr_array"]:
        """Documents, bytes, and how often each word stands in each block of documents."""
        jobs = [(part, piece) for piece in part.pieces()]
        found = list(self.engine(_count, jobs, label="comparing sources", holds=LOOK))
        tables = [table for _, _, table in found]
        return sum(f[0] for f in found), sum(f[1] for f in found), sum(tables[1:], tables[0])

    def _differences(self, told: Mapping[str, "csr_array"]) -> dict[str, Any]:
        """Jensen-Shannon divergence of the words of each pair."""
        names, tables = list(told), frequent(list(told.values()))
        cells = list(combinations(range(len(names)), 2))
        job = partial(_differ, tables, self.seed)
        found = self.engine(job, cells, label="comparing sources", light=True)
        pairs = []
        for (i, j), one in zip(cells, found):
            low, high = one.interval(0.9)
            cell = {"mean": float(one.mean), "low": float(low), "high": float(high)}
            pairs.append({"sources": [names[i], names[j]], **cell})
        return {"method": "token_js", "unit": "nats", "words": WORDS, "pairs": pairs}

    def _copies(self, parts: "Sequence[Part]") -> dict[str, Any]:
        """Documents of each source that stand in each other one, exactly or nearly."""
        from cuvee import clean
        from cuvee.documents.deduplicating import Reading
        from cuvee.documents.duplicates import explain

        reading = Reading(tuple(parts), self.engine, False)
        finder = clean.load(NEAR)
        found = explain(NEAR, finder.find(reading), reading, 0)
        counts = {a: dict(zip(found.sources, row.tolist())) for a, row in
                  zip(found.sources, found.overlap)}  # fmt: skip
        threshold = float(getattr(finder, "threshold", 1.0))
        return {"method": NEAR, "threshold": threshold, "documents": counts}


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A source of which only some places are read.

    Args:
        source: All of it.
        places: That are read.
        most: Bytes of text read of each place.
        whole: Whether that is all of the source.
    """

    source: Source
    places: tuple[Piece, ...]
    most: int
    whole: bool

    @property
    def name(self) -> str:
        """As the source."""
        return self.source.name

    def pieces(self) -> tuple[Piece, ...]:
        """Those that are read."""
        return self.places

    def read(self, piece: Piece) -> Iterator[Batch]:
        """Whole documents from the beginning of the piece on, until enough."""
        left = self.most
        for batch in self.source.read(piece):
            size = text_bytes(batch.text)
            if size > left and not self.whole:
                sizes = np.diff(np.asarray(_offsets(batch)))
                some = max(1, int(np.searchsorted(np.cumsum(sizes), left, side="right")))
                yield Batch(batch.text.slice(0, some))
                return
            left -= size
            yield Batch(batch.text)

    def fingerprint(self) -> Mapping[str, str]:
        """As the source."""
        return self.source.fingerprint()


def parts_of(sources: Sequence[Source], sizes: Sequence[int], seed: int) -> list[Part]:
    """All of small sources, some places of large ones: `LOOK` bytes together."""
    each = _level(np.asarray(sizes, float))
    parts = []
    for source, size in zip(sources, sizes):
        pieces = source.pieces()
        if size <= each:
            parts.append(Part(source, pieces, size, True))
            continue
        count = min(PIECES, len(pieces))
        shift = stream(seed, "likeness", source.name).random()
        chosen = tuple(pieces[int((i + shift) * len(pieces) / count)] for i in range(count))
        parts.append(Part(source, chosen, max(1, int(each / count)), False))
    return parts


def _level(sizes: Float[np.ndarray, "sources"]) -> float:
    """Bytes of each source, the same of all that are larger, so that together they are `LOOK`."""
    left, rest = float(LOOK), len(sizes)
    for size in np.sort(sizes):
        if size * rest > left:
            return left / rest
        left, rest = left - size, rest - 1
    return float("inf")


def _offsets(batch: Batch) -> np.ndarray:
    from cuvee.core.cutting import text_buffers

    return text_buffers(batch.text)[1].astype(np.int64)


def _count(job: tuple[Part, Piece]) -> tuple[int, int, "csr_array"]:
    """Of one piece; a document's block is decided by its content."""
    from scipy.sparse import csr_array

    keep_memory()
    part, piece = job
    total = np.zeros(BLOCKS * HASHED, np.int64)
    documents = size = 0
    for batch in part.read(piece):
        documents, size = documents + len(batch.text), size + text_bytes(batch.text)
        blocks = (document_hashes(batch.text) % np.uint64(BLOCKS)).astype(np.int64)
        first, keys = 0, [np.zeros(0, np.int64)]
        for cut in Words().cut(batch.text):
            lengths = np.diff(cut.offsets)
            block = np.repeat(blocks[first : first + len(lengths)], lengths)
            first += len(lengths)
            keys.append(block * HASHED + (cut.ids % np.uint64(HASHED)).astype(np.int64))
        total += np.bincount(np.concatenate(keys), minlength=len(total))
    return documents, size, csr_array(total.reshape(BLOCKS, HASHED))


def frequent(tables: "Sequence[csr_array]") -> list[Float[np.ndarray, "blocks words"]]:
    """Counts by block of the words most frequent in all sources alike; others count as one word."""
    if not tables:
        return []
    sums = [np.asarray(t.sum(axis=0), float).ravel() for t in tables]
    common = np.sum([s / max(s.sum(), 1.0) for s in sums], axis=0)
    kept = np.sort(np.argsort(-common, kind="stable")[: WORDS - 1])
    found = []
    for table in tables:
        some = np.asarray(table[:, kept].todense(), np.float64)
        rest = np.asarray(table.sum(axis=1), float).reshape(-1, 1) - some.sum(axis=1, keepdims=True)
        found.append(np.hstack([some, rest]))
    return found


def _differ(tables: Sequence[np.ndarray], seed: int, cell: tuple[int, int]) -> Estimate:
    """One pair."""
    from cuvee.core.resampling import contrasted
    from cuvee.measure.token_divergences import LARGEST, jensen_shannon

    def of_blocks(one: np.ndarray, two: np.ndarray) -> float:
        return jensen_shannon(one.sum(axis=0), two.sum(axis=0))

    rng = stream(seed, "likeness", *cell)
    i, j = cell
    return contrasted(
        of_blocks,
        tables[i],
        tables[j],
        rng=rng,
        unit="nats",
        ceiling=LARGEST,
        splits=SPLITS,
        nulls=0,
    )


__all__ = ["Likeness", "Part", "frequent", "parts_of"]
