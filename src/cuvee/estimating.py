"""From a rehearsal to the whole: amounts, time, memory and disk."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cuvee.core import Shares
from cuvee.engine.watch import Clocks
from cuvee.export.space import DRAWING, SHUFFLING
from cuvee.export.write import SHARD_BYTES as SHARD
from cuvee.export.write import SPILL_BYTES as SPILL
from cuvee.rehearsal import Passed, Rehearsal, Written, by_source
from cuvee.sources.glimpse import Look

MIB = 1 << 20
SURE = 2.0
"""Standard errors to either side: the real number lies between in 19 of 20 cases."""
RATIO = 0.05
"""Standard error of the tokens of a byte, as a part of them, where too few glimpses tell it."""
LEAST = 0.02
"""Part of a number that is left open even where glimpses agree."""
SPILL_COPIES, SHARD_COPIES = 3.0, 1.9
"""How often a job holds its text, as measured (`benchmarks/planning.py`)."""
ALL_JOBS = 2 << 30
"""Bytes that all such jobs together may hold."""
LENGTH, DRAWN = 4, 25
"""Bytes of a document's length, in memory and among the results that a stopped command goes on
from; and of a document that was drawn."""
HELD_OUT = 1 << 30
"""Bytes that are read to hold out a target."""
SHORT = 0.05
"""Seconds that are not worth a line."""
REPORT = MIB // 16
"""Bytes of the report and of all that is not data."""


@dataclass(frozen=True, slots=True)
class Range:
    """A number that is not known exactly.

    Args:
        low: It is hardly less.
        mid: Most likely.
        high: It is hardly more.
    """

    low: float
    mid: float
    high: float

    @staticmethod
    def around(mid: float, error: float, least: float = LEAST) -> "Range":
        """By its standard error; 0 is exact."""
        half = max(SURE * error, least * mid) if error else 0.0
        return Range(max(mid - half, 0.0), mid, mid + half)

    def plus(self, other: "Range") -> "Range":
        """The sum, both at their worst."""
        return Range(self.low + other.low, self.mid + other.mid, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the work.

    Args:
        what: It is.
        seconds: That it takes, as busy as this machine is now.
        work: Seconds that it would take if the machine did nothing else.
        reads: Bytes of the sources' files that it reads.
    """

    what: str
    seconds: float
    work: float
    reads: float = 0.0

    @staticmethod
    def of(what: str, clocks: Clocks, reads: float = 0.0) -> "Step":
        """By both clocks."""
        return Step(what, float(max(clocks)), float(min(clocks)), reads)


@dataclass(frozen=True, slots=True, eq=False)
class Amounts:
    """What the sources hold: by source, the number and its standard error.

    Args:
        text: Bytes of text.
        documents: That they hold.
        tokens: That they hold.
        scale: How much more text a source has than was counted.
        again: How much more it has than was read.
        disk: Bytes of their files.
    """

    text: Float[np.ndarray, "sources 2"]
    documents: Float[np.ndarray, "sources 2"]
    tokens: Float[np.ndarray, "sources 2"]
    scale: Float[np.ndarray, "sources"]
    again: Float[np.ndarray, "sources"]
    disk: Float[np.ndarray, "sources"]

    @staticmethod
    def of(found: Rehearsal) -> "Amounts":
        """From looks and a count of what was looked at."""
        survey = found.passes[-1].survey
        text = np.array([one.total([g.seen_text for g in one.glimpses]) for one in found.looks])
        documents = np.array([one.total([g.seen for g in one.glimpses]) for one in found.looks])
        tokens = np.array([
            _tokens(one, row, counted, size)
            for one, row, counted, size in zip(
                found.looks, text, survey.lengths, survey.text_bytes
            )
        ])  # fmt: skip
        looked = np.array([max(one.text, 1) for one in found.looks], float)
        seen = np.array([max(one.seen_text, 1) for one in found.looks], float)
        disk = np.array([one.disk for one in found.looks], float)
        return Amounts(text, documents, tokens, text[:, 0] / looked, text[:, 0] / seen, disk)


def _tokens(
    one: Look, text: np.ndarray, counted: Sequence[np.ndarray], size: int
) -> tuple[float, float]:
    """Tokens of a source: those of its text; what targets take away of little counts as there."""
    each = np.array([float(lengths.sum(dtype=np.int64)) for lengths in counted])
    if one.counted:
        return float(each.sum()), 0.0
    mid = float(text[0] * each.sum() / max(size, 1))
    groups = [one.glimpses[piece.start : piece.stop] for piece in one.pieces()]
    sizes = np.array([max(sum(g.text for g in group), 1) for group in groups], float)
    per = each / sizes
    alike = RATIO / 2 if one.whole else RATIO
    error = alike if len(per) < 3 else float(per.std(ddof=1) / np.sqrt(len(per)) / per.mean())
    return mid, mid * float(np.hypot(error, text[1] / max(text[0], 1.0)))


def steps(
    found: Rehearsal, amounts: Amounts, workers: int, shares: Shares, budget: int, *,
    trials: Step, written: Written | None,
) -> tuple[Step, ...]:  # fmt: skip
    """All that is done, in order, with its seconds on so many workers."""
    largest = np.array([one.largest for one in found.looks])
    everything = float(amounts.disk.sum())
    hashed = _wall(np.outer(amounts.disk, found.hashing), 1.0, workers)
    zero = np.zeros(2)
    held = np.array([found.opening.get(one.name, zero) for one in found.looks])
    opening = np.minimum(amounts.text[:, 0], HELD_OUT) @ held + found.given
    done = [
        Step.of("start", found.starting),
        Step.of("targets", opening),
        Step.of("fingerprints", hashed, everything),
    ]
    for passed in found.passes:
        done += _passes(found, amounts, passed, workers, largest)
    if found.looking[0] > SHORT:
        more = float(amounts.scale.mean())
        done.append(Step.of("look at the words", found.looking * more, everything))
    done.append(trials)
    if written is not None:
        done += _writing(found, amounts, workers, largest, shares, budget, written)
        small = np.array([one.small for one in found.looks], float)
        again = _wall(np.outer(small, found.hashing), 1.0, workers)
        done.append(Step.of("fingerprints again", again, float(small.sum())))
    return tuple(done)


def _passes(
    found: Rehearsal, amounts: Amounts, passed: Passed, workers: int, largest: np.ndarray
) -> list[Step]:
    """The pass over the sources, and what a proxy that trains does beside."""
    stage = passed.watch.of("reading sources")
    jobs = np.maximum(by_source(found.looks, stage.seconds) - found.reading, 0.0)
    jobs = jobs * amounts.scale[:, None] + found.reading * amounts.again[:, None]
    pieces = sum(one.pieces_in_all for one in found.looks)
    between = stage.between / max(len(stage.seconds), 1) * pieces
    reads = float(amounts.disk.sum())
    count = _wall(jobs, largest, workers) + between + passed.fixed
    others = {s.label: s.total for s in passed.watch.stages if s.label != stage.label}
    return [
        Step.of("count", count, reads),
        *(
            Step.of(label, seconds * float(amounts.scale.mean()) / workers, reads)
            for label, seconds in others.items()
        ),
    ]


def _writing(
    found: Rehearsal, amounts: Amounts, workers: int, largest: np.ndarray, shares: Shares,
    budget: int, written: Written,
) -> list[Step]:  # fmt: skip
    text = drawn_text(amounts, shares, budget)
    if written.index:  # no text is read for it
        alone = written.writing / max(written.text, 1.0) * text / min(workers, len(found.looks))
        return [Step.of("write the index", alone)]
    reading = found.reading * (amounts.again * (shares > 0))[:, None]
    looked = max(sum(one.text for one in found.looks), 1)
    # What drawing took beyond the reading of what it was drawn from.
    each = np.maximum(written.drawing - found.reading.sum(axis=0) * written.held / looked, 0.0)
    spilled = each / max(written.text, 1.0) * text
    draw = _wall(reading, largest, min(workers, ALL_JOBS // (4 * SPILL))) + spilled / workers
    shards = max(round(text / SHARD), 1)
    together = min(workers, ALL_JOBS // (4 * SHARD), shards)
    write = written.writing / max(written.text, 1.0) * text / together
    reads = float((amounts.disk * (shares > 0)).sum())
    return [Step.of("draw documents", draw, reads), Step.of("write shards", write)]


def _wall(
    seconds: Float[np.ndarray, "sources 2"], largest: np.ndarray | float, workers: int
) -> Clocks:
    """Seconds until the last of some workers is done; a piece is one worker's."""
    alone = (seconds.T * largest).max(axis=1, initial=0.0)
    return np.maximum(seconds.sum(axis=0) / workers, alone)


def drawn_text(amounts: Amounts, shares: Shares, budget: int) -> float:
    """Bytes of text of a mixture."""
    return float((_each(amounts) * shares).sum()) * budget


def _each(amounts: Amounts) -> Float[np.ndarray, "sources"]:
    """Bytes of text of a token, by source."""
    return amounts.text[:, 0] / np.maximum(amounts.tokens[:, 0], 1.0)


def disk(
    found: Rehearsal, amounts: Amounts, shares: Shares, budget: int, sure: bool, written: Written
) -> tuple[Range, Range]:
    """Bytes at the peak, while spill files and shards lie side by side, and those that stay.

    Args:
        found: What was measured.
        amounts: What the sources hold.
        shares: Of the mixture, as far as they are known.
        budget: Its tokens.
        sure: Whether these shares come from a search.
        written: A little of it.
    """
    text, each = drawn_text(amounts, shares, budget), _each(amounts)
    low, high = (text, text) if sure else (each.min() * budget, each.max() * budget)
    scale = max(written.text, 1.0)
    kept = LENGTH * float(amounts.documents[:, 0].sum())

    def sized(per: float, more: float) -> Range:
        return Range(0.85 * low * per + more, text * per + more, 1.15 * high * per + more)

    stays = sized(written.shards / scale, REPORT)
    return stays.plus(sized(written.spill / scale, kept)), stays


AROUND = 130e6
"""Bytes that comparing the sources with each other takes, for the report."""


def memory(
    found: Rehearsal, amounts: Amounts, workers: int, shares: Shares, budget: int,
    written: Written | None,
) -> float:  # fmt: skip
    """Bytes at the peak: of the pass over the sources, or of the writing."""
    documents, tokens = amounts.documents[:, 0], np.maximum(amounts.tokens[:, 0], 1.0)
    counting = found.memory[1] + LENGTH * float(documents.sum())
    if written is None:
        return counting
    drawn = documents / tokens * shares * budget
    shuffling = float((SHUFFLING * documents * (shares > 0) + DRAWING * drawn).max())
    kept = found.memory[0] + LENGTH * float(documents.sum()) + DRAWN * float(drawn.sum())
    if written.index:
        return max(counting, kept + shuffling)
    text = drawn_text(amounts, shares, budget)
    pieces = [one.pieces_in_all for one in found.looks]
    each = _each(amounts) * shares * budget / np.maximum(pieces, 1)
    spilling = min(float(each.max()), SPILL) * SPILL_COPIES
    spilling *= min(workers, ALL_JOBS // (4 * SPILL), sum(pieces))
    shards = max(round(text / SHARD), 1)
    gathering = text / shards * SHARD_COPIES * min(workers, ALL_JOBS // (4 * SHARD), shards)
    return max(counting, kept + max(shuffling, spilling, gathering, AROUND))
