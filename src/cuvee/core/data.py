"""Text on its way through cuvee: pieces, batches, units, and the one pass over the sources."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from jaxtyping import Int, UInt

from cuvee.core.errors import CuveeError
from cuvee.core.threads import keep_memory

if TYPE_CHECKING:
    import pyarrow as pa

    from cuvee.core.rows import Rows

MOST_REJECTS = 1000
"""Unreadable records of a source that are kept for a look; all are counted."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a source that is read in one go; a source's pieces are always the same.

    Args:
        path: File, or "" for memory.
        start: First byte, row group or item, as the source defines it.
        stop: One past the last.
    """

    path: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not be read: where it stands, why, and how it begins."""

    place: str
    reason: str
    sample: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some documents of a piece, in order.

    Args:
        text: No nulls; documents of no characters are allowed.
        rejected: Records between them that are no documents.
        left_out: Documents between them that were set apart, as those of the targets are.
        gaps: Numbers of all these others among the records of the batch, from 0; only a source
            that can `pick` must know them.
    """

    text: "pa.LargeStringArray"
    rejected: tuple[Reject, ...] = ()
    left_out: int = 0
    gaps: tuple[int, ...] = ()


class Source(Protocol):
    """A named, re-readable stream of documents."""

    @property
    def name(self) -> str:
        """What the user calls it."""
        ...

    def pieces(self) -> tuple[Piece, ...]:
        """How it can be read in parallel; tens of megabytes each where the format allows."""
        ...

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The documents of a piece, always in the same order; a megabyte or so at a time."""
        ...

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of the content by file, so that a change can be named."""
        ...


class Picking(Source, Protocol):
    """A source that saves itself the work on records that nobody asks for."""

    def pick(self, piece: Piece, records: Int[np.ndarray, "wanted"]) -> Iterator[tuple[int, Batch]]:
        """Some records of a piece.

        Args:
            piece: Of this source.
            records: Their numbers in the piece, those of rejected ones counted; sorted, each once.

        Returns:
            For each stretch of the piece, to its end: how many records it holds, and those asked
            for among them.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Documents cut into units.

    Args:
        ids: Identity of each unit; equal text, equal id.
        offsets: Document d has the units `ids[offsets[d]:offsets[d + 1]]`.
        bounds: Unit i spans `bounds[i]:bounds[i + 1]` of what was cut, in bytes.
        rows: The numbers of the documents, where each is a row of a table.
    """

    ids: UInt[np.ndarray, "units"]
    offsets: Int[np.ndarray, "documents+1"]
    bounds: Int[np.ndarray, "units+1"] | None = None
    rows: "Rows | None" = None


class Tally(Protocol):
    """A statistic of one piece."""

    def add(self, cut: Cut) -> None:
        """Count some whole documents."""
        ...

    def result(self) -> Any:
        """What was counted; results of other pieces can be added to it with `+`."""
        ...


class Units(Protocol):
    """What a token is."""

    @property
    def name(self) -> str:
        """For tables and recipes."""
        ...

    def cut(self, text: "pa.LargeStringArray") -> Iterator[Cut]:
        """Units of the documents, in order, some documents at a time."""
        ...

    def head(self, text: str, units: int) -> str:
        """The longest start of a text that has at most so many units."""
        ...


class Engine(Protocol):
    """Where jobs run."""

    def __call__(
        self,
        job: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        label: str,
        holds: int = 0,
        light: bool = False,
    ) -> Iterator[Result]:
        """Results of `job(item)` in the order of the items, whatever the number of workers.

        Args:
            job: The work.
            items: What it is done on.
            label: Of this stage, for whoever watches.
            holds: About how many bytes one job keeps in memory.
            light: Each job takes milliseconds and reads no data: not worth sending elsewhere.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What one pass over the sources found.

    Args:
        lengths: Units of each document, by source, by piece.
        rejected: Records that are no documents, by source; the first `MOST_REJECTS` of them.
        quarantined: How many there are.
        left_out: Documents that stand in a target, too, by source.
        text_bytes: Bytes of text, by source.
        gaps: Numbers of the records that are no documents or were set apart, by source, by piece.
    """

    lengths: tuple[tuple[UInt[np.ndarray, "documents"], ...], ...]
    rejected: tuple[tuple[Reject, ...], ...]
    quarantined: tuple[int, ...]
    left_out: tuple[int, ...]
    text_bytes: tuple[int, ...]
    gaps: tuple[tuple[UInt[np.ndarray, "gaps"], ...], ...]

    @property
    def available(self) -> np.ndarray:
        """Tokens that each source holds."""
        return np.array([sum(float(p.sum(dtype=np.int64)) for p in s) for s in self.lengths])


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Sources, targets and the means to go through them.

    Args:
        sources: To choose from.
        targets: Text on which a low loss is wanted; none of it may stand in a source.
        units: What a token is.
        engine: Where the work runs.
        strict: Refuse records that are no documents instead of counting them.
        unread: Records of each target that are no documents.
    """

    sources: tuple[Source, ...]
    targets: tuple[Source, ...]
    units: Units
    engine: Engine
    strict: bool = False
    unread: tuple[tuple[Reject, ...], ...] = ()

    def survey(self, start: Callable[[], Tally] | None = None) -> tuple[Survey, list[Any]]:
        """One pass over all sources.

        Args:
            start: Makes an empty tally; every piece of a source fills one of its own.

        Returns:
            The survey, and each source's sum of results.

        Raises:
            CuveeError: A record is no document, and `strict` was asked for.
        """
        jobs = [(i, piece) for i, s in enumerate(self.sources) for piece in s.pieces()]
        lengths, gaps = ([[] for _ in self.sources] for _ in range(2))
        rejected: list[list[Reject]] = [[] for _ in self.sources]
        quarantined, left_out, sizes_ = ([0] * len(self.sources) for _ in range(3))
        sums: list[Any] = [start().result() if start else None for _ in self.sources]
        results = self.engine(partial(self._visit, start), jobs, label="reading sources")
        for (i, _), (sizes, others, bad, out, size, result) in zip(jobs, results):
            lengths[i].append(sizes)
            gaps[i].append(others)
            quarantined[i] += len(bad)
            rejected[i].extend(bad[: MOST_REJECTS - len(rejected[i])])
            left_out[i] += out
            sizes_[i] += size
            if start is not None:
                sums[i] = sums[i] + result
        survey = Survey(
            tuple(map(tuple, lengths)), tuple(map(tuple, rejected)), tuple(quarantined),
            tuple(left_out), tuple(sizes_), tuple(map(tuple, gaps)),
        )  # fmt: skip
        return survey, sums

    def _visit(
        self, start: Callable[[], Tally] | None, job: tuple[int, Piece]
    ) -> tuple[np.ndarray, np.ndarray, list[Reject], int, int, Any]:
        keep_memory()
        i, piece = job
        sizes: list[np.ndarray] = [np.zeros(0, np.uint32)]
        bad: list[Reject] = []
        gaps: list[int] = []
        left_out = size = seen = 0
        tally = start() if start else None
        for batch in checked(self.sources[i].read(piece), self.strict):
            bad.extend(batch.rejected)
            left_out += batch.left_out
            size += text_bytes(batch.text)
            gaps.extend(seen + gap for gap in batch.gaps)
            seen += len(batch.text) + len(batch.gaps)
            for cut in self.units.cut(batch.text):
                sizes.append(np.diff(cut.offsets).astype(np.uint32))
                if tally is not None:
                    tally.add(cut)
        found = None if tally is None else tally.result()
        return np.concatenate(sizes), np.array(gaps, np.uint32), bad, left_out, size, found


def batches(source: Source) -> Iterator[Batch]:
    """All documents of a source, piece by piece."""
    for piece in source.pieces():
        yield from source.read(piece)


def text_bytes(text: "pa.LargeStringArray") -> int:
    """Bytes of the documents themselves."""
    offsets = text.buffers()[1]
    if not len(text) or offsets is None:
        return 0
    ends = np.frombuffer(offsets, np.int64)
    return int(ends[text.offset + len(text)] - ends[text.offset])


def checked(batches: Iterable[Batch], strict: bool) -> Iterator[Batch]:
    """The batches; with `strict`, the first rejected record is an error."""
    for batch in batches:
        if strict and batch.rejected:
            bad = batch.rejected[0]
            raise CuveeError(
                f"{bad.place}: {bad.reason}: {bad.sample[:60]!r}. Mend it, or leave out --strict."
            )
        yield batch
