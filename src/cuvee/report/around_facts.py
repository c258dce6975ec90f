"""What lies around an answer, as checked values: `landscape` and `likeness` of `blend.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cuvee.report.facts import Value, finite, value, visible


@dataclass(frozen=True, slots=True)
class Stop:
    """The objective at another share of a source, as a change from the blend's."""

    share: float
    change: Value
    allowed: bool


@dataclass(frozen=True, slots=True)
class SourceView:
    """What a source buys, and where more of it buys nothing.

    Args:
        name: Safe to print.
        share: Of the blend.
        cap: The largest share that the limits allow.
        more: What one step more gives: above 0 is better.
        without: What the objective rises by without it.
        best: The best share, all others in proportion.
        flat: Shares that cannot be told from the best.
        line: The objective along its share.
    """

    name: str
    share: float
    cap: float | None
    more: Value
    without: Value
    best: Value
    flat: tuple[float, float] | None
    line: tuple[Stop, ...]


@dataclass(frozen=True, slots=True)
class Surface:
    """The objective over the shares of two sources, as changes from the blend's."""

    sources: tuple[str, str]
    points: tuple[tuple[float, float, Value, bool], ...]


@dataclass(frozen=True, slots=True)
class More:
    """What more tokens give.

    Args:
        tokens: In all.
        gain: With the same shares.
        epochs: Of each source then.
        run_out: Sources beyond their cap.
        again: Shares that would be chosen then; empty if that is not known.
        again_gain: What those give over the same shares.
        why: Why they are not known.
    """

    tokens: float
    gain: Value
    epochs: Mapping[str, float | None]
    run_out: tuple[str, ...]
    again: Mapping[str, float | None]
    again_gain: Value
    why: str


@dataclass(frozen=True, slots=True)
class Around:
    """Everything around the answer; what is missing is empty.

    Args:
        step: Of `SourceView.more`.
        sources: What each buys.
        unseen: How many sources of small shares that is not known of.
        surfaces: Pairs of the largest.
        more: More tokens.
        why: Why nothing of these is known.
        differ: Divergence by pair of sources, with its interval.
        unit: Of it.
        words: That were told apart.
        copies: Documents of the first that stand in the second.
        documents: That were looked at, by source.
        partly: Sources of which only a part was looked at.
        looked: Bytes of text in all.
        left_out: Sources that were not compared, and why.
        unlike: Why sources were not compared at all.
    """

    step: float
    sources: tuple[SourceView, ...]
    unseen: int
    surfaces: tuple[Surface, ...]
    more: tuple[More, ...]
    why: str
    differ: Mapping[tuple[str, str], Value]
    unit: str
    words: int
    copies: Mapping[tuple[str, str], int]
    threshold: float
    documents: Mapping[str, int]
    partly: tuple[str, ...]
    looked: float
    left_out: Mapping[str, str]
    unlike: str


def around(answer: Mapping[str, Any]) -> Around:
    """The facts around an answer; all empty if it has none."""
    land, like = answer.get("landscape") or {}, answer.get("likeness") or {}
    sample, differ = like.get("sample") or {}, like.get("difference") or {}
    copies = like.get("copies") or {}
    return Around(
        step=finite(land.get("step")) or 0.01,
        sources=tuple(_source(n, row) for n, row in (land.get("sources") or {}).items()),
        unseen=len(land.get("left_out") or ()),
        surfaces=tuple(_surface(row) for row in land.get("surfaces") or ()),
        more=tuple(_more(row) for row in land.get("more_tokens") or ()),
        why=visible(land.get("not_computed", "")),
        differ={_pair(row["sources"]): value(row) for row in differ.get("pairs") or ()},
        unit=visible(differ.get("unit", "nats")),
        words=int(finite(differ.get("words")) or 0),
        copies={
            (visible(a), visible(b)): int(finite(count) or 0)
            for a, row in (copies.get("documents") or {}).items()
            for b, count in row.items()
        },
        threshold=finite(copies.get("threshold")) or 1.0,
        documents={visible(n): int(finite(r.get("documents")) or 0) for n, r in sample.items()},
        partly=tuple(visible(n) for n, r in sample.items() if not r.get("whole")),
        looked=sum(finite(row.get("bytes")) or 0.0 for row in sample.values()),
        left_out={visible(n): visible(w) for n, w in (like.get("left_out") or {}).items()},
        unlike=visible(like.get("not_computed", "")),
    )  # fmt: skip


def _pair(names: Sequence[object]) -> tuple[str, str]:
    return visible(names[0]), visible(names[1])


def _source(name: str, row: Mapping[str, Any]) -> SourceView:
    ends = [finite((row.get("flat") or {}).get(key)) for key in ("low", "high")]
    stops = [
        Stop(share, value(stop), bool(stop.get("within_limits", True)))
        for stop in row.get("line") or ()
        if (share := finite(stop.get("share"))) is not None
    ]
    return SourceView(
        visible(name), finite(row.get("share")) or 0.0, finite(row.get("cap")),
        value(row.get("one_step_more")), value(row.get("without_it")),
        value(row.get("best_share")),
        (ends[0], ends[1]) if ends[0] is not None and ends[1] is not None else None,
        tuple(sorted(stops, key=lambda stop: stop.share)),
    )  # fmt: skip


def _surface(row: Mapping[str, Any]) -> Surface:
    points = []
    for point in row.get("points") or ():
        a, b = (finite(share) for share in point["shares"])
        if a is not None and b is not None:
            points.append((a, b, value(point), bool(point.get("within_limits", True))))
    return Surface(_pair(row["sources"]), tuple(points))


def _more(row: Mapping[str, Any]) -> More:
    again = row.get("chosen_again") or {}
    return More(
        finite(row.get("tokens")) or 0.0, value(row.get("gain")),
        {visible(n): finite(e) for n, e in (row.get("epochs") or {}).items()},
        tuple(map(visible, row.get("run_out") or ())),
        {visible(n): finite(s) for n, s in (again.get("shares") or {}).items()},
        value(again.get("gain_over_same_shares")), visible(again.get("not_computed", "")),
    )  # fmt: skip
