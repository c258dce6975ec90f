"""Documents by what is known of them."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cuvee.core import CuveeError
from cuvee.documents.describing import attributes
from cuvee.documents.filtering import Condition, filter_documents
from cuvee.testing.planted_texts import language


@pytest.fixture
def world(tmp_path):
    """A source with its attributes."""
    texts = [*language(1, 60, 0), *["again and again " * n for n in range(1, 20)], "", " "]
    for i, part in enumerate((texts[:50], texts[50:])):
        table = pa.table({"text": part, "n": [50 * i + j for j in range(len(part))]})
        pq.write_table(table, tmp_path / f"{i}.parquet")
    source = {"web": str(tmp_path / "*.parquet")}
    attributes(source, "gopher,compression", tmp_path / "known")
    return source, tmp_path / "known", texts


def test_all_conditions_hold_of_what_is_written(world, tmp_path):
    source, known, texts = world
    out = tmp_path / "out" / "kept.parquet"
    out.parent.mkdir()
    where = ["gopher_words>=40", "compression_ratio<2.5"]
    found = filter_documents(source, known, where, out)
    tables = [pq.read_table(f) for a in ("gopher", "compression")
              for f in sorted((known / a / "web").iterdir())]  # fmt: skip
    words = pa.concat_tables(tables[:2])["gopher_words"].to_pylist()
    ratio = pa.concat_tables(tables[2:])["compression_ratio"].to_pylist()
    wanted = [i for i, (w, r) in enumerate(zip(words, ratio)) if w >= 40 and r and r < 2.5]
    kept = pq.read_table(out)
    assert kept["n"].to_pylist() == wanted
    assert kept["text"].to_pylist() == [texts[i] for i in wanted]
    assert 0 < len(wanted) < 60
    assert found.kept == {"web": len(wanted)}
    assert found.failed["gopher_words>=40"] == sum(w < 40 for w in words)
    assert found.failed["compression_ratio<2.5"] == sum(not r or r >= 2.5 for r in ratio)


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("a_keep", [True, False, None], [1, 0, 0]),
        ("a_keep=false", [True, False, None], [0, 1, 0]),
        ("a_code=en", ["en", "de", None], [1, 0, 0]), ("a_code!=en", ["en", "de", None], [0, 1, 0]),
        ("a_n < 2", [1, 2, 3], [1, 0, 0]), ("a_n>=2", [1.0, 2.0, None], [0, 1, 0]),
        ("a_n=2", [1, 2, 3], [0, 1, 0]),
    ],
)  # fmt: skip
def test_conditions(text, values, holds):
    found = Condition.parse(text).holds(pa.chunked_array([pa.array(values)]))
    assert found.astype(int).tolist() == holds


def test_single_precision_is_compared_as_such():
    column = pa.chunked_array([pa.array([0.1, 0.2], pa.float32())])
    assert Condition.parse("a_share<=0.1").holds(column).tolist() == [True, False]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("gopher_wurds>3", "Did you mean 'gopher_words'"),
        ("language_code=en", "unknown attribute 'language_code'"),
        ("gopher_words>many", "holds numbers"),
        ("gopher_keep>1", "compare by = or !="),
        ("gopher_keep=maybe", "true or false"),
        ("gopher_failed<words", "compare by = or !="),
        ("gopher words", "expected COLUMN"),
        ("gopher_words>1e9", "no document is left"),
        ([], "at least one condition"),
    ],
)
def test_bad_conditions_are_one_line(world, tmp_path, where, said):
    source, known, _ = world
    with pytest.raises(CuveeError, match=said) as error:
        filter_documents(source, known, where, tmp_path / "kept.jsonl")
    assert "\n" not in str(error.value)


def test_what_is_not_known_or_not_known_any_more_is_said(world, tmp_path):
    source, known, _ = world
    with pytest.raises(CuveeError, match="run `cuvee attributes`"):
        filter_documents(source, tmp_path / "none", "gopher_keep", tmp_path / "kept.jsonl")
    pq.write_table(pa.table({"text": ["new"]}), tmp_path / "0.parquet")
    with pytest.raises(CuveeError, match="has changed since"):
        filter_documents(source, known, "gopher_keep", tmp_path / "kept.jsonl")
