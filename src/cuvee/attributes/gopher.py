"""The rules of thumb by which Gopher's training text was filtered, each as a number."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt64

from cuvee.attributes.spans import (
    Block,
    Spans,
    blocks,
    characters,
    is_blank,
    is_letter,
    later,
    lines,
    lowered,
    repeats,
    running,
    runs,
    then,
)
from cuvee.core.contents import hashed
from cuvee.core.errors import CuveeError

if TYPE_CHECKING:
    import pyarrow as pa

TOP = (2, 3, 4)
"""Lengths of the n-gram that is looked for most often."""
DUPLICATE = (5, 6, 7, 8, 9, 10)
"""Lengths of n-grams that were there before."""
HASH, DOT = ord("#"), ord(".")
POINTS = "…".encode()
PIECES = ("line", "paragraph")


@dataclass(frozen=True, slots=True)
class Gopher:
    """Length, symbols, lines and repetition of each document, and whether it passes all rules.

    Words are what stands between blanks (of ASCII), lines and paragraphs what has a word in it,
    without the blanks around it. Something is a duplicate if the same stands earlier in the
    document; characters covered by several duplicate n-grams count once; blanks are no characters
    of an n-gram. Characters beyond ASCII count as letters, save the usual signs. `gopher_failed`
    names the first rule that a document fails.

    Args:
        least_words: Of a document.
        most_words: Of a document.
        least_length: Of the words of a document on average, in characters.
        most_length: The same.
        most_symbols: For each word: `#` signs, and ellipses, each.
        most_bullets: Part of the lines that begin with a bullet.
        bullets: Characters that are bullets.
        most_ellipsis_lines: Part of the lines that end with an ellipsis.
        least_alphabetic: Part of the words with a letter.
        least_stop_words: Different ones of `stop_words` in a document.
        stop_words: Small words of the language, with blanks between.
        most_duplicate_lines: Part of the lines; also of the paragraphs.
        most_duplicate_chars: Part of the characters in duplicate lines; also paragraphs.
        most_top_2: Part of the characters in the most frequent pair of words.
        most_top_3: The same of three words.
        most_top_4: The same of four words.
        most_duplicate_5: Part of the characters in duplicate n-grams of 5 words.
        most_duplicate_6: The same of 6 words.
        most_duplicate_7: The same of 7 words.
        most_duplicate_8: The same of 8 words.
        most_duplicate_9: The same of 9 words.
        most_duplicate_10: The same of 10 words.

    Fails when: the language is not English (other stop words), or has no blanks between words;
    code, tables and verse break rules that are made for prose.

    References: Rae et al., "Scaling Language Models: Methods, Analysis & Insights from Training
    Gopher", 2021, appendix A.1, https://arxiv.org/abs/2112.11446
    """

    least_words: int = 50
    most_words: int = 100_000
    least_length: float = 3.0
    most_length: float = 10.0
    most_symbols: float = 0.1
    most_bullets: float = 0.9
    bullets: str = "•-*"
    most_ellipsis_lines: float = 0.3
    least_alphabetic: float = 0.8
    least_stop_words: int = 2
    stop_words: str = "the be to of and that have with"
    most_duplicate_lines: float = 0.3
    most_duplicate_chars: float = 0.2
    most_top_2: float = 0.2
    most_top_3: float = 0.18
    most_top_4: float = 0.16
    most_duplicate_5: float = 0.15
    most_duplicate_6: float = 0.14
    most_duplicate_7: float = 0.13
    most_duplicate_8: float = 0.12
    most_duplicate_9: float = 0.11
    most_duplicate_10: float = 0.1

    learns: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for low, high in (("least_words", "most_words"), ("least_length", "most_length")):
            if not 0 <= getattr(self, low) <= getattr(self, high):
                raise CuveeError(f"gopher: expected 0 <= {low} <= {high}.")
        if not self.stop_words.split() and self.least_stop_words:
            raise CuveeError("gopher: without stop_words, least_stop_words must be 0.")

    def columns(self) -> tuple[str, ...]:
        """One for each rule's number, `gopher_failed` and `gopher_keep`."""
        return tuple(f"gopher_{name}" for name in (*self._rules(), "failed", "keep"))

    def score(self, text: "pa.LargeStringArray") -> "pa.Table":
        """Numbers by rule; `gopher_keep` is whether none fails."""
        import pyarrow as pa

        found = [self._signals(block) for block in blocks(text)] or [self._signals(NOTHING)]
        rules, columns = self._rules(), {}
        failed = np.full(len(text), len(rules))
        for place, (name, (least, most)) in reversed(list(enumerate(rules.items()))):
            values = np.concatenate([one[name] for one in found])
            failed[(values < np.float32(least)) | (values > np.float32(most))] = place
            columns[f"gopher_{name}"] = pa.array(values)
        names = pa.array([*rules, ""])
        columns["gopher_failed"] = names.take(pa.array(failed))
        columns["gopher_keep"] = pa.array(failed == len(rules))
        return pa.table({name: columns[name] for name in self.columns()})

    def _rules(self) -> dict[str, tuple[float, float]]:
        """Bounds of each number, those within them included."""
        none = -np.inf
        return {
            "words": (self.least_words, self.most_words),
            "word_length": (self.least_length, self.most_length),
            "hashes": (none, self.most_symbols),
            "ellipses": (none, self.most_symbols),
            "bullet_lines": (none, self.most_bullets),
            "ellipsis_lines": (none, self.most_ellipsis_lines),
            "alphabetic_words": (self.least_alphabetic, np.inf),
            "stop_words": (self.least_stop_words, np.inf),
            **{f"duplicate_{p}s": (none, self.most_duplicate_lines) for p in PIECES},
            **{f"duplicate_{p}_chars": (none, self.most_duplicate_chars) for p in PIECES},
            **{f"top_{n}": (none, getattr(self, f"most_top_{n}")) for n in TOP},
            **{f"duplicate_{n}": (none, getattr(self, f"most_duplicate_{n}")) for n in DUPLICATE},
        }

    def _signals(self, block: Block) -> Mapping[str, Float32[np.ndarray, "documents"]]:
        data, n = block.data, len(block)
        words = runs(~is_blank(data), block)
        chars, letters = characters(data), running(is_letter(data))
        count = np.bincount(words.document, minlength=n)
        size = chars[words.ends] - chars[words.starts]
        alphabetic = letters[words.ends] > letters[words.starts]
        found = {
            "words": count,
            "word_length": _part(np.bincount(words.document, size, n), count),
            "hashes": _part(block.totals(data == HASH), count),
            "ellipses": _part(_ellipses(block), count),
            "alphabetic_words": _part(np.bincount(words.document, alphabetic, n), count),
            "stop_words": self._stop_words(words, data, n),
        }
        line, paragraph = lines(words, data)
        found["bullet_lines"] = _portion(_starts_with(line, data, self.bullets), line, n)
        found["ellipsis_lines"] = _portion(_ends_in_ellipsis(line, data), line, n)
        for name, spans in zip(PIECES, (line, paragraph)):
            again = np.zeros(len(spans), bool)
            places, group = repeats(spans.document, hashed(data, spans.starts, spans.ends))
            again[places[later(group)]] = True
            found[f"duplicate_{name}s"] = _portion(again, spans, n)
            held = chars[spans.ends] - chars[spans.starts]
            found[f"duplicate_{name}_chars"] = _portion(again, spans, n, held)
        ids = hashed(data, words.starts, words.ends)
        found |= {
            name: _portion(covered, words, n, size) for name, covered in _grams(ids, words, size)
        }
        return {name: np.asarray(values, np.float32) for name, values in found.items()}

    def _stop_words(self, words: Spans, data: np.ndarray, n: int) -> Int64[np.ndarray, "documents"]:
        """How many different ones each document has."""
        small = lowered(data)
        length = words.ends - words.starts
        count = np.zeros(n, np.int64)
        for word in dict.fromkeys(self.stop_words.lower().split()):
            letters = np.frombuffer(word.encode(), np.uint8)
            at = np.flatnonzero(length == len(letters))
            for j, letter in enumerate(letters):
                at = at[small[words.starts[at] + j] == letter]
            has = np.zeros(n, bool)
            has[words.document[at]] = True
            count += has
        return count


NOTHING = Block(np.zeros(0, np.uint8), np.zeros(1, np.int64))


def _part(value: np.ndarray, of: np.ndarray) -> np.ndarray:
    return value / np.maximum(of, 1)


def _portion(
    marked: Bool[np.ndarray, "spans"], spans: Spans, n: int, weight: np.ndarray | None = None
) -> np.ndarray:
    """Part of each document's spans that is marked; 0 where there are none."""
    some = np.flatnonzero(marked)
    if not len(some):
        return np.zeros(n)
    if weight is None:
        every, mine = np.bincount(spans.document, minlength=n), None
    else:
        every, mine = np.bincount(spans.document, weight, n), weight[some]
    return _part(np.bincount(spans.document[some], mine, n), every)


def _ellipses(block: Block) -> Int64[np.ndarray, "documents"]:
    """Three dots in a row, or the character."""
    dots = runs(block.data == DOT, block)
    three = np.bincount(dots.document, (dots.ends - dots.starts) // 3, len(block))
    data = block.data
    sign = np.zeros(len(data), bool)
    sign[2:] = (data[:-2] == POINTS[0]) & (data[1:-1] == POINTS[1]) & (data[2:] == POINTS[2])
    return three + block.totals(sign)


def _ends_in_ellipsis(line: Spans, data: np.ndarray) -> Bool[np.ndarray, "lines"]:
    found = np.zeros(len(line), bool)
    for form in (b"...", POINTS):
        ends = line.ends - line.starts >= len(form)
        for j, byte in enumerate(form):
            ends &= data[np.maximum(line.ends - len(form) + j, 0)] == byte
        found |= ends
    return found


def _starts_with(line: Spans, data: np.ndarray, signs: str) -> Bool[np.ndarray, "lines"]:
    found = np.zeros(len(line), bool)
    for sign in signs:
        form = sign.encode()
        begins = line.ends - line.starts >= len(form)
        for j, byte in enumerate(form):
            begins &= data[np.minimum(line.starts + j, len(data) - 1)] == byte
        found |= begins
    return found


def _grams(
    ids: UInt64[np.ndarray, "words"], words: Spans, size: Int64[np.ndarray, "words"]
) -> Iterator[tuple[str, Bool[np.ndarray, "words"]]]:
    """The words that lie in the most frequent n-gram, or in a duplicate one, for each n.

    An n-gram that stands twice begins with one of n - 1 words that does: so of the many n-grams
    only few are looked at from n = 3 on.
    """
    sizes, last = running(size), len(ids)
    places, keys = np.arange(last), ids
    for n in range(2, DUPLICATE[-1] + 1):
        inside = places + n <= last
        places, keys = places[inside], keys[inside]
        same = words.document[places] == words.document[places + n - 1]
        places = places[same]
        keys = then(keys[same], ids[places + n - 1])
        found, group = repeats(words.document[places], keys)
        at = places[found]
        if n in TOP:
            yield f"top_{n}", _covered(at[_most(words.document[at], at, group, sizes, n)], n, last)
        if n in DUPLICATE:
            yield f"duplicate_{n}", _covered(at[later(group)], n, last)
        rise = np.sort(found)
        places, keys = places[rise], keys[rise]


def _most(
    document: np.ndarray, at: np.ndarray, group: np.ndarray, sizes: np.ndarray, n: int
) -> Bool[np.ndarray, "some"]:
    """The most frequent n-gram of each document: of equals the longest, then the first."""
    first = np.flatnonzero(~later(group))
    count = np.bincount(group, minlength=len(first))
    start = at[first]
    length = sizes[start + n] - sizes[start]
    order = np.lexsort((start, -length, -count, document[first]))
    best = np.zeros(len(first), bool)
    best[order[np.diff(document[first][order], prepend=-1) > 0]] = True
    return best[group]


def _covered(starts: np.ndarray, n: int, words: int) -> Bool[np.ndarray, "words"]:
    """Words in any of some n-grams."""
    change = np.bincount(starts, minlength=words + 1) - np.bincount(starts + n, minlength=words + 1)
    return np.cumsum(change)[:words] > 0
