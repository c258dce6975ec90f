"""Slow references that loop in Python, and texts that are hard to cut."""

import numpy as np
from hypothesis import strategies as st

from cuvee.core.cutting import MAX_BYTES
from cuvee.core.data import Cut

BOS = b"<bos>", "not bytes"


def slow_class(byte: int) -> str:
    if byte >= 0x80 or chr(byte).isalpha():
        return "letter"
    if chr(byte) in "0123456789":
        return "digit"
    return "whitespace" if chr(byte) in " \t\n\v\f\r" else "punctuation"


def slow_cut(doc: bytes, max_bytes: int = MAX_BYTES, punctuation: str = "run") -> list[bytes]:
    """Read a document left to right, one unit at a time."""
    found, i = [], 0
    while i < len(doc):
        j = i
        if doc[i] == 0x20 and i + 1 < len(doc) and slow_class(doc[i + 1]) != "whitespace":
            j += 1
        kind = slow_class(doc[j])
        j += 1
        if not (kind == "punctuation" and punctuation == "each"):
            while j < len(doc) and slow_class(doc[j]) == kind and not joins(doc, j):
                j += 1
        found += [doc[k : min(k + max_bytes, j)] for k in range(i, j, max_bytes)]
        i = j
    return found


def slow_hash(unit: bytes) -> int:
    """What `cutting.hash_spans` computes, in Python integers."""
    value = len(unit) * 0x9E3779B97F4A7C15 % 2**64
    value = slow_mix(value ^ int.from_bytes(unit[:8], "little"))
    for k in range(8, len(unit), 8):
        value = slow_mix((value + int.from_bytes(unit[k : k + 8], "little")) % 2**64)
    return value


def slow_mix(x: int) -> int:
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
    return x ^ x >> 31


def joins(doc: bytes, j: int) -> bool:
    return doc[j] == 0x20 and j + 1 < len(doc) and slow_class(doc[j + 1]) != "whitespace"


def slow_events(docs, patterns):
    """Per pattern, (context, unit) at every position of every document."""
    return {
        p: [
            (tuple(doc[i - d] if i >= d else BOS for d in p), unit)
            for doc in docs
            for i, unit in enumerate(doc)
        ]
        for p in patterns
    }


SHORT = ["a", "b", "Z", "the", " ", " ", "  ", "\n", "\t", "0", "42", ".", "...", "\0", "\x7f"]
LONG = ["x" * 7, "x" * 8, "x" * 9, "x" * 16, "x" * 17, "y" * 40, " " * 20, "-" * 33]
OTHER = ["_", "/[`{@:", "é", "漢字", "🙂"]
PIECES = st.sampled_from([*(p.encode() for p in SHORT + LONG + OTHER), b"\xff"])
DOC = st.one_of(st.lists(PIECES, max_size=12).map(b"".join), st.binary(max_size=40))
DOCS = st.lists(DOC, max_size=8)
UNIT_DOCS = st.lists(st.lists(st.integers(0, 4), max_size=9), max_size=6)


def join_bytes(docs, lead: bytes = b""):
    offsets = np.cumsum([len(lead)] + [len(d) for d in docs])
    return np.frombuffer(lead + b"".join(docs) + lead, dtype=np.uint8), offsets


def join_units(docs):
    flat = np.array([u for doc in docs for u in doc], dtype=np.uint64)
    return Cut(flat, np.cumsum([0] + [len(d) for d in docs]))
