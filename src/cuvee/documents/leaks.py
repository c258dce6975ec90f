"""Which test documents stand in which sources, and how much of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int64

from cuvee.attributes.overlap import Tests
from cuvee.attributes.spans import running
from cuvee.core.data import Piece, Source

MOST_LEAKS = 1000
"""Test documents that a report describes one by one."""
MOST_PLACES = 5
"""Documents of the sources that it names for each."""
BEGINNING = 80
"""Characters of a test document that it shows."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The longest passage that a document shares with the tests.

    Args:
        text: Its beginning.
        size: Bytes of all of it.
    """

    text: str
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """N-grams of the tests in a source, or a piece of it.

    Args:
        source: Which.
        pieces: Of it.
        counts: Documents of each piece.
        rows: Documents that hold any, rising.
        grams: N-grams that they hold, each once a document.
        passages: By document, of the first ones.
        keys: Of every document's content, if they were asked for.
        unread: Records that are no documents.
    """

    source: Source
    pieces: tuple[Piece, ...]
    counts: tuple[int, ...]
    rows: Int64[np.ndarray, "pairs"]
    grams: Int64[np.ndarray, "pairs"]
    passages: Mapping[int, Passage]
    keys: pa.ChunkedArray | None
    unread: int = 0

    @staticmethod
    def joined(source: Source, parts: Sequence["Found"]) -> "Found":
        """All pieces of a source; documents are numbered over all of them."""
        counts = tuple(n for part in parts for n in part.counts)
        starts = running(np.array(counts, np.int64)).tolist()
        chunks = [c for part in parts if part.keys is not None for c in part.keys.chunks]
        none = np.zeros(0, np.int64)
        return Found(
            source, tuple(piece for part in parts for piece in part.pieces), counts,
            np.concatenate([none, *(p.rows + first for p, first in zip(parts, starts))]),
            np.concatenate([none, *(p.grams for p in parts)]),
            {row + first: passage for p, first in zip(parts, starts)
             for row, passage in p.passages.items()},
            pa.chunked_array(chunks, pa.uint64()), sum(p.unread for p in parts),
        )  # fmt: skip

    def places(self) -> Iterator[tuple[Piece, int, int]]:
        """Each piece, its first document, and its number among the documents of the same file."""
        first, before = 0, dict[str, int]()
        for piece, count in zip(self.pieces, self.counts):
            yield piece, first, before.get(piece.path, 0)
            before[piece.path] = before.get(piece.path, 0) + count
            first += count

    def where(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Where documents stand: the file, and the number among the documents of that."""
        known = list(self.places())
        ends = np.cumsum(self.counts)
        found = []
        for row in rows:
            piece, first, before = known[int(np.searchsorted(ends, row, side="right"))]
            path = piece.path or self.source.name
            found.append({"path": path, "row": row - first + before})
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """Documents of a source and test documents that share n-grams, by document."""

    row: Int64[np.ndarray, "pairs"]
    document: Int64[np.ndarray, "pairs"]
    share: Float[np.ndarray, "pairs"]


@dataclass(frozen=True, slots=True, eq=False)
class Leaks:
    """What of the tests was found in the sources.

    Args:
        found: Of each source.
        tests: The n-grams.
        targets: Names of the targets, and the number of the first document of each.
        texts: Documents of each target.
        counted: Which n-grams are rare enough to be a sign of a leak.
        shared: By source.
        contaminated: Rows of the contaminated documents, by source.
        share: Part of each test document's n-grams that stand anywhere in the sources.
        kept: Documents that were written, by source; if none were, those that are clean.
        unread: Records of each target that are no documents.
    """

    found: tuple[Found, ...]
    tests: Tests
    targets: Mapping[str, int]
    texts: tuple[pa.LargeStringArray, ...]
    counted: Bool[np.ndarray, "grams"]
    shared: Mapping[str, Shared]
    contaminated: Mapping[str, Int64[np.ndarray, "documents"]]
    share: Float[np.ndarray, "test_documents"]
    kept: dict[str, int]
    unread: Mapping[str, int]

    @staticmethod
    def of(
        found: Sequence[Found], tests: Tests, names: Sequence[str],
        texts: Sequence[pa.LargeStringArray], unread: Sequence[int], share: float, common: int,
    ) -> "Leaks":  # fmt: skip
        """What is a leak by the rule that a share, and what is common, make."""
        size = len(tests.lookup)
        holders = sum(
            (np.bincount(one.grams, minlength=size) for one in found), np.zeros(size, np.int64)
        )
        counted = (holders <= common) | (not common)
        shared, contaminated = {}, {}
        for one in found:
            some = counted[one.grams]
            pairs = Shared(*tests.shares(one.rows[some], one.grams[some]))
            shared[one.source.name] = pairs
            enough = pairs.share >= max(share - 1e-12, 0)
            contaminated[one.source.name] = np.unique(pairs.row[enough])
        gram = np.repeat(np.arange(size), np.diff(tests.first))
        seen = (counted & (holders > 0))[gram]
        leaked = np.bincount(tests.owner, tests.often * seen, len(tests.places))
        starts = running(np.array([len(text) for text in texts])).tolist()
        kept = {
            one.source.name: sum(one.counts) - len(contaminated[one.source.name]) for one in found
        }
        return Leaks(
            tuple(found), tests, dict(zip(names, starts)), tuple(texts), counted, shared,
            contaminated, leaked / np.maximum(tests.places, 1), kept, dict(zip(names, unread)),
        )  # fmt: skip

    @property
    def whole(self) -> int:
        """Test documents of which every n-gram stands in the sources."""
        return int(np.count_nonzero(self._is_whole()))

    @property
    def leaked(self) -> int:
        """Test documents of which anything does."""
        return int(np.count_nonzero(self.share))

    def by_target(self) -> dict[str, dict[str, Any]]:
        """How much of each target leaked."""
        found = {}
        for (name, first), text in zip(self.targets.items(), self.texts):
            mine = slice(first, first + len(text))
            checked = self.tests.places[mine] > 0
            found[name] = {
                "documents": len(text),
                "too_short": int((~checked).sum()),
                "leaked": int(np.count_nonzero(self.share[mine])),
                "whole": int(np.count_nonzero(self._is_whole()[mine])),
                "share": float(self.share[mine][checked].mean()) if checked.any() else None,
            }
        return found

    def by_source(self) -> dict[str, dict[str, int]]:
        """How many documents of each source hold test text."""
        return {
            one.source.name: {
                "documents": sum(one.counts),
                "contaminated": len(self.contaminated[one.source.name]),
                "kept": self.kept[one.source.name],
            }
            for one in self.found
        }

    def notes(self) -> list[str]:
        """What to know, in sentences."""
        said = []
        for name, found in self.by_target().items():
            checked = found["documents"] - found["too_short"]
            if checked and found["whole"] == checked:
                said.append(
                    f"everything of {name} that can be checked ({_documents(checked)}) stands in "
                    "the sources: what was trained on them knows it, and its score there says "
                    "nothing."
                )
            if not checked:
                said.append(f"no document of {name} is long enough to be looked for.")
            elif found["too_short"]:
                said.append(
                    f"{_documents(found['too_short'])} of {name} could not be looked for: too "
                    "short to tell from chance."
                )
        unread = {one.source.name: one.unread for one in self.found} | dict(self.unread)
        said += [
            f"{count:,} record{'s' * (count != 1)} of {name} could not be read."
            for name, count in unread.items() if count
        ]  # fmt: skip
        said += [
            f"nothing of {name} is left." for name, n in self.kept.items() if not n
        ]  # fmt: skip
        return said

    def details(self) -> Iterator[dict[str, Any]]:
        """Leaked test documents, those first of which most leaked, and where they stand."""
        order = np.argsort(-self.share, kind="stable")[: min(self.leaked, MOST_LEAKS)]
        places = self._places(order)
        for document in order.tolist():
            name, number = self._named(document)
            text = self.texts[list(self.targets).index(name)][number].as_py()
            yield {
                "target": name, "document": number, "share": float(self.share[document]),
                "begins": text[:BEGINNING], "found_in": places.get(document, []),
            }  # fmt: skip

    def table(self, source: str) -> pa.Table:
        """A row for each document of a source: what it holds of the tests, and if it is clean."""
        one = next(one for one in self.found if one.source.name == source)
        total, shared = sum(one.counts), self.shared[source]
        share, document = np.zeros(total, np.float32), np.full(total, -1)
        turn = np.lexsort((shared.document, -shared.share, shared.row))
        top = turn[np.diff(shared.row[turn], prepend=-1) > 0]
        share[shared.row[top]], document[shared.row[top]] = shared.share[top], shared.document[top]
        starts = np.array(list(self.targets.values()))
        target = np.searchsorted(starts, document, side="right") - 1
        none = document < 0
        keep = np.ones(total, bool)
        keep[self.contaminated[source]] = False
        names = pa.array([*self.targets]).take(pa.array(target, mask=none))
        number = pa.array(document - starts[target], mask=none)
        grams = np.bincount(one.rows[self.counted[one.grams]], minlength=total)
        return pa.table({
            "decontaminate_grams": pa.array(grams), "decontaminate_share": pa.array(share),
            "decontaminate_target": names, "decontaminate_document": number,
            "decontaminate_keep": pa.array(keep),
        })  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee decontaminate --json` prints it."""
        return {
            "sources": self.by_source(), "targets": self.by_target(), "notes": self.notes(),
            "leaks": list(self.details()), "leaks_in_all": self.leaked,
        }  # fmt: skip

    def __str__(self) -> str:
        lines = []
        for name, t in self.by_target().items():
            share = "not known" if t["share"] is None else f"{t['share']:.1%} of its n-grams"
            lines.append(
                f"{name}: {t['leaked']:,} of {t['documents']:,} documents leaked, {t['whole']:,} "
                f"as a whole; {share}"
            )
        for name, s in self.by_source().items():
            lines.append(
                f"{name}: {s['contaminated']:,} of {s['documents']:,} documents hold test text; "
                f"{s['kept']:,} kept"
            )
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes())])

    def _is_whole(self) -> Bool[np.ndarray, "test_documents"]:
        return self.share >= 1 - 1e-9

    def _named(self, document: int) -> tuple[str, int]:
        """Target of a test document, and its number there."""
        name = [name for name, first in self.targets.items() if first <= document][-1]
        return name, document - self.targets[name]

    def _places(self, wanted: np.ndarray) -> dict[int, list[dict[str, Any]]]:
        """Documents of the sources that hold most of each of some test documents."""
        found: dict[int, list[dict[str, Any]]] = {}
        for one in self.found:
            pairs = self.shared[one.source.name]
            some = np.flatnonzero(np.isin(pairs.document, wanted))
            some = some[np.lexsort((pairs.row[some], -pairs.share[some], pairs.document[some]))]
            first = np.diff(pairs.document[some], prepend=-1) > 0
            turn = np.arange(len(some)) - np.maximum.accumulate(
                np.where(first, np.arange(len(some)), 0)
            )
            best = some[turn < MOST_PLACES]
            rows = pairs.row[best].tolist()
            for i, row, where in zip(best.tolist(), rows, one.where(rows)):
                passage = one.passages.get(row)
                found.setdefault(int(pairs.document[i]), []).append({
                    "source": one.source.name, **where, "share": float(pairs.share[i]),
                    "text": None if passage is None else passage.text,
                    "bytes": None if passage is None else passage.size,
                })  # fmt: skip
        return {
            document: sorted(places, key=lambda place: -place["share"])[:MOST_PLACES]
            for document, places in found.items()
        }


def _documents(count: int) -> str:
    return f"{count:,} document{'s' * (count != 1)}"
