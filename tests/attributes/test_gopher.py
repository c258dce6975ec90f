"""Every number of Gopher's rules against the same counted in plain Python."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.attributes.gopher import DUPLICATE, TOP, Gopher
from cuvee.core import CuveeError

STOP = ["the", "be", "to", "of", "and", "that", "have", "with"]


def plain(text):
    """The numbers of one document, one thing after another."""
    words = [w.decode() for w in text.encode().split()]
    count = max(len(words), 1)
    lines = [b.strip().decode() for b in text.encode().split(b"\n") if b.strip()]
    found = {
        "words": len(words),
        "word_length": sum(map(len, words)) / count,
        "hashes": text.count("#") / count,
        "ellipses": (text.count("...") + text.count("…")) / count,
        "alphabetic_words": sum(any(letter(c) for c in w) for w in words) / count,
        "stop_words": len({lower(w) for w in words} & set(STOP)),
        "bullet_lines": part(lines, [line[0] in "•-*" for line in lines]),
        "ellipsis_lines": part(lines, [line.endswith(("...", "…")) for line in lines]),
    }
    for name, parts in (("line", lines), ("paragraph", paragraphs(text))):
        again = [p in parts[:i] for i, p in enumerate(parts)]
        found[f"duplicate_{name}s"] = part(parts, again)
        found[f"duplicate_{name}_chars"] = part(parts, again, [len(p) for p in parts])
    for n in TOP:
        found[f"top_{n}"] = part(words, in_the_top(words, n), [len(w) for w in words])
    for n in DUPLICATE:
        found[f"duplicate_{n}"] = part(words, in_a_copy(words, n), [len(w) for w in words])
    return found


def letter(c):
    if c.isascii():
        return c.isalpha()
    return not any(a <= ord(c) <= b for a, b in ((0x80, 0xBF), (0x2000, 0x207F), (0x3000, 0x303F)))


def lower(word):
    return "".join(c.lower() if ord(c) < 256 else c for c in word)


def part(things, marked, weights=None):
    weights = weights or [1] * len(things)
    return sum(w for w, m in zip(weights, marked) if m) / max(sum(weights), 1)


def paragraphs(text):
    found, current = [], []
    for line in [*text.encode().split(b"\n"), b""]:
        if line.strip():
            current.append(line)
        elif current:
            found.append(b"\n".join(current).strip().decode())
            current = []
    return found


def in_the_top(words, n):
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    counts = Counter(grams)
    several = [g for g in counts if counts[g] > 1]  # in the order of their first place
    if not several:
        return [False] * len(words)
    top = max(several, key=lambda g: (counts[g], sum(map(len, g))))
    inside = {i + j for i, g in enumerate(grams) if g == top for j in range(n)}
    return [i in inside for i in range(len(words))]


def in_a_copy(words, n):
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    seen, inside = set(), set()
    for i, gram in enumerate(grams):
        if gram in seen:
            inside |= {i + j for j in range(n)}
        seen.add(gram)
    return [i in inside for i in range(len(words))]


def score(*texts, method=None):
    return (method or Gopher()).score(pa.array(texts, pa.large_string()))


SOME = (
    "a", "the", "of", "THE", "x9", "...", "…", "#", "•", "-", "é", "É,", "日本", "“no”", "—", "42"
)  # fmt: skip
words = st.sampled_from(SOME)
gaps = st.sampled_from([" ", " ", " ", "  ", "\n", "\n\n", "\t", "\n \n", "\r\n", ""])
documents = st.one_of(
    st.lists(st.tuples(words, gaps), max_size=60).map(lambda w: "".join(a + b for a, b in w)),
    st.text(max_size=40),
    st.tuples(st.text("ab \n", max_size=12), st.integers(1, 9)).map(lambda t: t[0] * t[1]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(documents, min_size=1, max_size=5))
def test_equal_to_plain_python(texts):
    table = score(*texts)
    for i, text in enumerate(texts):
        for name, wanted in plain(text).items():
            got = table.column(f"gopher_{name}")[i].as_py()
            assert got == pytest.approx(np.float32(wanted), rel=1e-6), (name, text)


RNG = np.random.default_rng(1)
VOCABULARY = ["the", "of", "and", "that", *(f"{a}{b}" for a in "bcdfglmnrst" for b in
              ("ale", "ore", "ind", "ump", "eat", "oil", "ust", "ank", "ever", "ill"))]  # fmt: skip
GOOD = "\n".join(" ".join(RNG.choice(VOCABULARY, 12)) for _ in range(30))


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        (GOOD, ""),
        ("too short by far", "words"),
        (" ".join(f"internationalisation{i}" for i in range(90)), "word_length"),
        (GOOD + " #" * 80, "hashes"),
        (GOOD + " ..." * 80, "ellipses"),
        ("\n".join(f"- {line}" for line in GOOD.split("\n")), "bullet_lines"),
        ("\n".join(f"{line} ..." for line in GOOD.split("\n")), "ellipsis_lines"),
        (GOOD + " 1234" * 200, "alphabetic_words"),
        (" ".join(f"wort{i}" for i in range(200)), "stop_words"),
        ("\n".join(["that line of the list"] * 20), "duplicate_lines"),
        (" ".join([*GOOD.split(), *("onward again" for _ in range(60))]), "top_2"),
    ],
)
def test_first_rule_that_fails_is_named(text, failed):
    table = score(text)
    assert table.column("gopher_failed")[0].as_py() == failed
    assert table.column("gopher_keep")[0].as_py() == (not failed)


def test_bounds_themselves_pass():
    text = " ".join(["the and"] * 25)
    loose = {f"most_top_{n}": 1.0 for n in TOP} | {f"most_duplicate_{n}": 1.0 for n in DUPLICATE}
    method = Gopher(least_words=50, most_words=50, **loose)
    assert score(text, method=method).column("gopher_failed")[0].as_py() == ""
    assert score(text + " a", method=method).column("gopher_failed")[0].as_py() == "words"


def test_other_languages_have_other_stop_words():
    german = " ".join(f"der Ast{i} und das Blatt{i}" for i in range(20))
    method = Gopher(stop_words="der die das und in zu den mit")
    assert score(german, method=method).column("gopher_stop_words")[0].as_py() == 3
    assert score(german).column("gopher_stop_words")[0].as_py() == 0


def test_documents_of_many_blocks_are_one_by_one():
    texts = [GOOD * 3, "short", GOOD * 300, "", GOOD]
    whole = score(*texts)
    single = pa.concat_tables([score(text) for text in texts])
    assert whole.equals(single.combine_chunks()) or whole == single


@pytest.mark.parametrize(
    "wrong",
    [{"least_words": -1}, {"least_words": 9, "most_words": 3}, {"least_length": 11.0},
     {"stop_words": " "}],
)  # fmt: skip
def test_wrong_settings_are_one_line(wrong):
    with pytest.raises(CuveeError) as error:
        Gopher(**wrong)
    assert "\n" not in str(error.value)
