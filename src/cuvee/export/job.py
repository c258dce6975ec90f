"""What all the jobs of one dataset share, whether it is written out or only its index."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt

from cuvee.contracts import Format
from cuvee.core.data import Data, Piece, Survey
from cuvee.export.plan import Draw, draw, whole_tokens


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One dataset.

    Args:
        out: Its folder.
        data: Sources and units.
        survey: Tokens of each document, as the sources were surveyed.
        draws: What is taken of each source.
        text_bytes: About how much text that is.
        shards: How many files the dataset has.
        format: Of the shards.
    """

    out: Path
    data: Data
    survey: Survey
    draws: tuple[Draw, ...]
    text_bytes: int
    shards: int
    format: Format

    @property
    def spill(self) -> Path:
        """Folder of the spill files; gone when the dataset is finished."""
        return self.out / ".cuvee" / "spill"

    def shard_name(self, shard: int) -> str:
        """File of a shard, relative to the dataset."""
        return f"data/part-{shard:05d}{self.format.suffix}"


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A piece among the others.

    Args:
        source: Its number.
        piece: Of the source, counted from 0.
        at: Where it lies.
        first: Number of its first document, counted over the source.
        count: Documents that it holds.
        gaps: Numbers of its records that are none, or were set apart; None: that is not known.
    """

    source: int
    piece: int
    at: Piece
    first: int
    count: int
    gaps: UInt[np.ndarray, "gaps"] | None = None


def planned(
    out: Path,
    data: Data,
    survey: Survey,
    shares: np.ndarray,
    tokens: int,
    *,
    format: Format,
    seed: int,
    shard_bytes: int,
) -> Job:
    """Decide which documents are drawn, and how many shards they fill."""
    names = [source.name for source in data.sources]
    asked = whole_tokens(shares, tokens)
    draws = tuple(
        draw(np.concatenate([np.zeros(0, np.uint32), *pieces]), int(n), name, seed)
        for pieces, n, name in zip(survey.lengths, asked, names)
    )
    available = survey.available
    size = sum(n * b / max(a, 1) for n, b, a in zip(asked, survey.text_bytes, available))
    shards = max(1, round(size / shard_bytes))
    return Job(out, data, survey, draws, round(size), shards, format)


def stretches(job: Job) -> list[Stretch]:
    """Every piece of every source."""
    found = []
    surveyed = zip(job.data.sources, job.survey.lengths, job.survey.gaps)
    for i, (source, lengths, others) in enumerate(surveyed):
        first = 0
        for j, (piece, sizes, gaps) in enumerate(zip(source.pieces(), lengths, others)):
            found.append(Stretch(i, j, piece, first, len(sizes), gaps))
            first += len(sizes)
    return found


def manifest(job: Job, written: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """What was asked and what was written: documents and tokens, by source."""
    total = sum(tokens for _, tokens in written)
    sources = {}
    for i, (source, (documents, tokens)) in enumerate(zip(job.data.sources, written)):
        available = float(job.survey.available[i])
        sources[source.name] = {
            "tokens_asked": job.draws[i].asked,
            "tokens_written": tokens,
            "share_written": tokens / max(total, 1),
            "documents": documents,
            "tokens_available": int(available),
            "documents_available": sum(map(len, job.survey.lengths[i])),
            "epochs": tokens / available if available else 0.0,
            "quarantined": job.survey.quarantined[i],
            "left_out_as_target": job.survey.left_out[i],
        }
    return {"unit": job.data.units.name, "tokens": total, "sources": sources}
