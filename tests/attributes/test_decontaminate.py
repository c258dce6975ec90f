"""What leaked, against the same found by looking at every pair of documents."""

import re

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.attributes.overlap import Overlap
from cuvee.core import CuveeError
from cuvee.documents.decontaminating import Rule, decontaminate
from cuvee.documents.sidecars import read_sidecar
from cuvee.sources import open_source

WORDS = [f"w{i}" for i in range(400)]


def text_of(seed, length=60):
    return " ".join(np.random.default_rng(seed).choice(WORDS, length))


def words_of(text):
    lower = "".join(c.lower() if ord(c) < 256 else c for c in text)
    return re.findall("(?:[a-z0-9]|[^\x00-\xbf\u2000-\u207f\u3000-\u303f])+", lower)


def grams_of(text, n):
    words = words_of(text)
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def by_hand(source, tests, n, shortest):
    """Share of each test document in each document, and in all of them."""
    lengths = [min(len(words_of(t)), n) for t in tests]
    looked = [grams_of(t, size) if size >= shortest else [] for t, size in zip(tests, lengths)]
    pairs, seen = {}, [set() for _ in tests]
    for i, document in enumerate(source):
        held = {size: set(grams_of(document, size)) for size in set(lengths) if size}
        for j, grams in enumerate(looked):
            hits = [g for g in grams if g in held[lengths[j]]]
            if hits:
                pairs[i, j] = len(hits) / len(grams)
                seen[j] |= set(hits)
    leaked = [sum(g in s for g in grams) / max(len(grams), 1) for grams, s in zip(looked, seen)]
    return pairs, leaked


few = st.sampled_from(["a", "b", "C", "c", "é", "É…", "7", "a,", "“b”", "a’b", "b."])
documents = st.lists(few, max_size=14).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(documents, min_size=1, max_size=6), st.lists(documents, min_size=1, max_size=4),
    st.integers(2, 5), st.integers(1, 3),
)  # fmt: skip
def test_equal_to_looking_at_every_pair(source, tests, n, shortest):
    shortest = min(n, shortest)
    wanted, leaked = by_hand(source, tests, n, shortest)
    if all(len(words_of(t)) < shortest for t in tests):
        with pytest.raises(CuveeError, match="no test document has"):
            decontaminate({"s": source}, {"t": tests}, rule=Rule(n, shortest))
        return
    found = decontaminate({"s": source}, {"t": tests}, rule=Rule(n, shortest))
    pairs = found.shared["s"]
    got = dict(zip(zip(pairs.row.tolist(), pairs.document.tolist()), pairs.share.tolist()))
    assert got == pytest.approx(wanted)
    assert found.share.tolist() == pytest.approx(leaked)
    assert found.contaminated["s"].tolist() == sorted({i for i, _ in wanted})


def planted(tmp_path, rows=400):
    """A source of two files in which some tests stand; the numbers of these documents."""
    tests = [text_of(10_000 + i) for i in range(20)]
    texts = [text_of(i) for i in range(rows)]
    texts[7] = f"{text_of(9000)} {tests[3].upper()} {text_of(9001)}"
    texts[250] = f"Look: {' '.join(tests[5].split()[10:40])}! {text_of(9002)}"
    texts[399] = tests[3]
    table = pa.table({"id": range(rows), "text": texts, "lang": ["en"] * rows})
    folder = tmp_path / "web"
    folder.mkdir()
    pq.write_table(table.slice(0, 300), folder / "a.parquet", row_group_size=100)
    pq.write_table(table.slice(300), folder / "b.parquet")
    return str(folder), tests, [7, 250, 399]


def test_clean_documents_are_written_with_all_columns(tmp_path):
    source, tests, dirty = planted(tmp_path)
    found = decontaminate({"web": source}, {"exam": tests}, out=tmp_path / "kept.parquet",
                          report=tmp_path / "report.json")  # fmt: skip
    kept = pq.read_table(tmp_path / "kept.parquet")
    assert kept.column_names == ["id", "text", "lang"]
    assert kept["id"].to_pylist() == [i for i in range(400) if i not in dirty]
    assert found.by_source() == {"web": {"documents": 400, "contaminated": 3, "kept": 397}}
    assert found.by_target()["exam"] == {
        "documents": 20, "too_short": 0, "leaked": 2, "whole": 1,
        "share": pytest.approx((1 + 18 / 48) / 20),
    }  # fmt: skip
    report = orjson.loads((tmp_path / "report.json").read_bytes())
    first, second = report["leaks"]
    assert (first["document"], first["share"]) == (3, 1.0)
    assert [(p["path"][-9:], p["row"], p["share"]) for p in first["found_in"]] == [
        ("a.parquet", 7, 1.0), ("b.parquet", 99, 1.0),
    ]  # fmt: skip
    assert first["found_in"][0]["text"] == tests[3].upper()[:240]
    assert second["document"] == 5
    assert second["found_in"][0]["text"].startswith(" ".join(tests[5].split()[10:14]))
    assert "web: 3 of 400 documents hold test text; 397 kept" in str(found)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_answer_does_not_depend_on_workers(tmp_path, workers):
    source, tests, _ = planted(tmp_path)
    found = decontaminate({"web": source}, {"exam": tests}, workers=workers)
    assert found.to_dict() == decontaminate({"web": source}, {"exam": tests}, workers=1).to_dict()


def test_passages_are_cut(tmp_path):
    source, tests, _ = planted(tmp_path)
    out = tmp_path / "kept.jsonl"
    found = decontaminate({"web": source}, {"exam": tests}, out=out, rule=Rule(cut=True))
    rows = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    texts = {row["id"]: row["text"] for row in rows}
    assert texts[7] == f"{text_of(9000)}\n\n{text_of(9001)}"
    assert texts[250] == f"Look:\n\n! {text_of(9002)}"
    assert texts[0] == text_of(0)
    assert 399 not in texts, "nothing of it is left"
    assert found.kept == {"web": 399}
    again = decontaminate({"clean": str(out)}, {"exam": tests})
    assert again.leaked == 0


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int32(), pa.string()), pa.binary(), pa.string()])
def test_text_of_any_kind_is_cut(tmp_path, kind):
    texts = [f"before {text_of(1)} {text_of(2)}", text_of(3), text_of(3)]
    column = pa.array(texts).dictionary_encode() if "dictionary" in str(kind) else pa.array(texts)
    pq.write_table(pa.table({"a": [1, 2, 3], "text": column.cast(kind)}), tmp_path / "s.parquet")
    source, out = {"s": str(tmp_path / "s.parquet")}, tmp_path / "kept.jsonl"
    report = tmp_path / "report.json"
    decontaminate(
        source, {"t": [text_of(1), text_of(3)]}, out=out, rule=Rule(cut=True), report=report
    )
    (row,) = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert row["a"] == 1
    assert row["text"] in (f"before\n\n{text_of(2)}", repr(f"before\n\n{text_of(2)}".encode()))
    assert orjson.loads(report.read_bytes())["sources"]["s"]["kept"] == 1


def test_cut_ends_between_characters():
    test = " ".join(f"é{i}Ü" for i in range(14))
    source = [f"«{test}» ja", "x"]
    tests = Overlap().fit(pa.array([test], pa.large_string()))
    hits = tests.find(pa.array(source, pa.large_string()))
    raw = source[0].encode()
    assert raw[hits.start[0] : hits.stop[-1]].decode() == test


def test_side_car_says_the_same(tmp_path):
    source, tests, dirty = planted(tmp_path)
    decontaminate({"web": source}, {"other": [text_of(5, 9)], "exam": tests},
                  attributes=tmp_path / "known")  # fmt: skip
    known = read_sidecar(tmp_path / "known", "decontaminate", open_source("web", source))
    assert len(known) == 400
    assert known["row"].to_pylist() == [*range(300), *range(100)]
    keep = known["decontaminate_keep"].to_numpy()
    assert np.flatnonzero(~keep).tolist() == sorted([5, *dirty])
    row = known.slice(250, 1).to_pylist()[0]
    assert (row["decontaminate_target"], row["decontaminate_document"]) == ("exam", 5)
    assert row["decontaminate_share"] == pytest.approx(18 / 48)
    assert row["decontaminate_grams"] == 18
    assert known["decontaminate_target"][0].as_py() is None


def test_share_and_common_allow_more():
    test, other = text_of(1), text_of(2)
    piece = " ".join(test.split()[:20])
    source = [piece, test, other, f"{other} more"]
    half = decontaminate({"s": source}, {"t": [test, other]}, rule=Rule(share=0.5))
    assert half.contaminated["s"].tolist() == [1, 2, 3]
    rare = decontaminate({"s": source}, {"t": [test, other]}, rule=Rule(common=1))
    assert rare.contaminated["s"].tolist() == [1], "what stands in two documents is no sign"
    assert rare.share[1] == 0


def test_a_target_that_leaked_as_a_whole_is_said(tmp_path):
    tests = [text_of(1), text_of(2), "too short to tell"]
    found = decontaminate({"s": [*tests, text_of(3)]}, {"exam": tests})
    assert found.notes() == [
        "everything of exam that can be checked (2 documents) stands in the sources: what was "
        "trained on them knows it, and its score there says nothing.",
        "1 document of exam could not be looked for: too short to tell from chance.",
    ]
    assert not decontaminate({"s": [text_of(1), text_of(3)]}, {"exam": tests}).notes()[1:]


def test_what_could_not_be_read_is_said(tmp_path):
    (tmp_path / "s.jsonl").write_text(f'{{"text": "{text_of(1)}"}}\nnot json\n')
    (tmp_path / "t.jsonl").write_text(f'{{"text": "{text_of(2)}"}}\n{{"text": 3}}\n[]\n')
    found = decontaminate({"s": str(tmp_path / "s.jsonl")}, str(tmp_path / "t.jsonl"))
    assert found.notes() == [
        "1 record of s could not be read.",
        "2 records of t could not be read.",
    ]


def test_short_tests_are_looked_for_as_a_whole():
    test = text_of(1, 9)
    source = [f"x {test} y", " ".join(test.split()[:8]), text_of(2)]
    found = decontaminate({"s": source}, {"t": [test, text_of(3)]})
    assert found.contaminated["s"].tolist() == [0]


@pytest.mark.parametrize(
    ("sources", "against", "more", "said"),
    [
        ({"s": [text_of(1)]}, {"t": ["short"]}, {}, "no test document has 8 words"),
        ({"s": [text_of(1)]}, {"t": [""]}, {}, "no test document has 8 words"),
        (
            {"s": [text_of(1)]},
            {"t": lambda: iter(())},
            {},
            "t: expected test documents, found none",
        ),
        ({"s": lambda: iter(())}, {"t": [text_of(1)]}, {}, "s: no document was found"),
        ({"s": [text_of(1)]}, {"t": [text_of(1)]}, {"out": "x.parquet"}, "nothing would be left"),
        ({"s": [text_of(1)]}, {"t": [text_of(1)]}, {"out": "x.txt"}, "ends with .parquet"),
        ({"s": (np.zeros((3, 2)), np.zeros(3))}, {"t": [text_of(1)]}, {}, "rows of numbers"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, sources, against, more, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CuveeError, match=said) as error:
        decontaminate(sources, against, **more)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 5}, {"share": 1.5}, {"common": -1}])
def test_wrong_rules_are_one_line(wrong):
    with pytest.raises(CuveeError) as error:
        Rule(**wrong)
    assert "\n" not in str(error.value)
