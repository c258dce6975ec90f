"""Are exactly the passages found that stand twice, and does one of each stay?

All runs of 50 words of five kinds of text with many copies in them (source code, manuals) are
looked up in full. Cut must be the words of every run but its first, in the order of documents by
their hash; afterwards no run may stand twice within what was one stretch, and no word be lost.
"""

import hashlib
import re
import time
from collections import Counter

import numpy as np
from evidence.copied import texts

from cuvee.clean.spans import Spans
from cuvee.testing.clean import stays
from cuvee.testing.evidence import Finding
from cuvee.testing.planted_copies import Listed

N = 50
KINDS = ("c", "man_en", "perl", "pydoc", "python")


def run() -> Finding:
    documents = tuple(t for t in texts(*KINDS) if t.isascii())
    items = Listed(documents, 300)
    begin = time.perf_counter()
    found = Spans(words=N).find(items)
    seconds = time.perf_counter() - begin
    expected, repeated = plain(documents)
    left = list(stays(found, items).elements())
    got = Counter(tuple(words(text)) for text in left)
    same = got == expected
    again = Spans(words=N).find(Listed(tuple(left), 300))
    rest = 0 if again.cuts is None else len(again.cuts)
    lost = len({w for t in documents for w in words(t)} - {w for t in left for w in words(t)})
    total, kept = (sum(len(words(t)) for t in some) for some in (documents, left))
    holds = same and not lost
    return Finding(
        claim="What stays is to the word what a full search through all runs of 50 words leaves; "
        "no word is lost.",
        measured=f"Of {len(documents)} documents of {total} words, {repeated} runs of {N} words "
        f"stand more than once; {total - kept} words went, {'exactly' if same else 'not'} those of "
        f"the full search; {lost} words are lost. A second run finds {rest} passages, made by the "
        "cuts of the first.",
        holds=bool(holds),
        numbers={
            "documents": len(documents), "words": total, "repeated_runs": repeated,
            "words_cut": total - kept, "equal_to_full_search": same, "words_lost": lost,
            "passages_of_a_second_run": rest, "seconds": round(seconds, 2),
        },
    )  # fmt: skip


def words(text: str) -> list[str]:
    """Runs of letters and digits, long ones cut after 24."""
    found = re.findall("[a-z0-9]+", text.lower())
    return [word[i : i + 24] for word in found for i in range(0, len(word), 24)]


def rank(text: str) -> tuple[int, int]:
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def plain(documents: tuple[str, ...]) -> tuple[Counter[tuple[str, ...]], int]:
    """What a full search leaves of each different document, and how many runs stand twice."""
    first: dict[tuple[str, ...], tuple[str, int]] = {}
    repeated: set[tuple[str, ...]] = set()
    left: Counter[tuple[str, ...]] = Counter()
    for text in sorted(set(documents), key=rank):
        run = words(text)
        cut = np.zeros(len(run) + 1, int)
        for i in range(len(run) - N + 1):
            window = tuple(run[i : i + N])
            if first.setdefault(window, (text, i)) != (text, i):
                repeated.add(window)
                cut[i] += 1
                cut[i + N] -= 1
        gone = np.cumsum(cut)[:-1] > 0
        stays_ = tuple(w for w, g in zip(run, gone) if not g)
        if stays_ or not run:
            left[stays_] += 1
    return left, len(repeated)
