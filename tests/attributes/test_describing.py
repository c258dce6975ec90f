"""Attributes of files: written beside them, kept by content, read back in order."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cuvee.attributes import load
from cuvee.attributes.perplexity import Perplexity
from cuvee.core import CuveeError
from cuvee.core.contents import document_hashes
from cuvee.documents.describing import attributes
from cuvee.documents.sidecars import read_sidecar
from cuvee.sources import open_source
from cuvee.testing.planted_texts import language


def write(path, seed, rows=200, group=50):
    texts = [t * 3 for t in language(1, rows, seed)]
    pq.write_table(pa.table({"n": range(rows), "text": texts}), path, row_group_size=group)
    return texts


@pytest.fixture
def web(tmp_path):
    (tmp_path / "web").mkdir()
    texts = write(tmp_path / "web" / "a.parquet", 0) + write(tmp_path / "web" / "b.parquet", 1)
    return str(tmp_path / "web"), texts


def test_columns_are_those_of_the_texts(web, tmp_path):
    path, texts = web
    before = {f: f.read_bytes() for f in (tmp_path / "web").iterdir()}
    found = attributes({"web": path}, "gopher,compression:level=9", tmp_path / "known")
    assert found.documents == {"web": 400}
    array = pa.array(texts, pa.large_string())
    for name in ("gopher", "compression:level=9"):
        folder = name.partition(":")[0]
        known = read_sidecar(tmp_path / "known", folder, open_source("web", path))
        wanted = load(name).score(array)
        for column in wanted.column_names:
            assert known[column].to_pylist() == wanted[column].to_pylist()
        assert known["row"].to_pylist() == [*range(200)] * 2
        assert [p[-9:] for p in known["path"].to_pylist()] == ["a.parquet"] * 200 + [
            "b.parquet"
        ] * 200
        assert np.array_equal(known["key"].to_numpy(), document_hashes(array))
    assert {f: f.read_bytes() for f in (tmp_path / "web").iterdir()} == before
    share = np.mean(load("gopher").score(array)["gopher_keep"].to_pylist())
    assert found.columns["web"]["gopher_keep"]["share"] == pytest.approx(share)
    assert "web: 400 documents" in str(found)


def test_one_file_for_each_piece(web, tmp_path, monkeypatch):
    monkeypatch.setattr("cuvee.sources.parquet.PIECE", 1 << 15)
    path, texts = web
    attributes({"web": path}, "compression", tmp_path / "known", workers=2)
    source = open_source("web", path)
    files = sorted((tmp_path / "known" / "compression" / "web").iterdir())
    assert [f.name for f in files] == [f"{i:06d}.parquet" for i in range(len(source.pieces()))]
    assert len(files) > 2
    known = read_sidecar(tmp_path / "known", "compression", source)
    assert known["row"].to_pylist() == [*range(200)] * 2
    array = pa.array(texts, pa.large_string())
    assert known["compression_ratio"].to_pylist() == (
        load("compression").score(array)["compression_ratio"].to_pylist()
    )


def test_what_is_known_is_taken_and_what_changed_is_made_again(web, tmp_path):
    path, _ = web
    first = attributes({"web": path}, "compression", tmp_path / "known")
    assert (first.made, first.taken) == (2, 0)
    second = attributes({"web": path}, "compression", tmp_path / "known")
    assert (second.made, second.taken) == (0, 2)
    assert second.columns == first.columns
    with pytest.raises(CuveeError, match="or another column is read: run"):
        read_sidecar(tmp_path / "known", "compression", open_source("web", path, text="text"))
    texts = write(tmp_path / "web" / "b.parquet", 5)
    source = open_source("web", path)
    with pytest.raises(CuveeError, match="has changed since"):
        read_sidecar(tmp_path / "known", "compression", source)
    third = attributes({"web": path}, "compression", tmp_path / "known")
    assert (third.made, third.taken) == (1, 1)
    keys = read_sidecar(tmp_path / "known", "compression", source)["key"].to_numpy()
    assert np.array_equal(keys[200:], document_hashes(pa.array(texts, pa.large_string())))
    other = attributes({"web": path}, "compression:level=9", tmp_path / "known")
    assert (other.made, other.taken) == (2, 0)
    (tmp_path / "web" / "b.parquet").unlink()
    attributes({"web": path}, "compression:level=9", tmp_path / "known")
    assert len(list((tmp_path / "known" / "compression" / "web").iterdir())) == 1


def test_a_damaged_file_is_made_again(web, tmp_path):
    path, _ = web
    attributes({"web": path}, "compression", tmp_path / "known")
    part = tmp_path / "known" / "compression" / "web" / "000001.parquet"
    whole = part.read_bytes()
    part.write_bytes(whole[:100])
    source = open_source("web", path)
    with pytest.raises(CuveeError, match="no file of attributes"):
        read_sidecar(tmp_path / "known", "compression", source)
    assert attributes({"web": path}, "compression", tmp_path / "known").made == 1
    assert part.read_bytes() == whole


@pytest.mark.parametrize("reference", [None, list(language(1, 50, 9))])
def test_what_learns_is_fitted_to_the_reference_or_a_sample(web, tmp_path, reference):
    path, texts = web
    found = attributes({"web": path, "odd": list(language(2, 50, 0))}, "perplexity",
                       tmp_path / "known", reference=reference)  # fmt: skip
    nats = {name: c["perplexity_nats"]["mean"] for name, c in found.columns.items()}
    if reference is not None:
        assert nats["web"] < nats["odd"]
        fitted = load("perplexity").fit(pa.array(reference, pa.large_string()))
        wanted = fitted.score(pa.array(texts, pa.large_string()))["perplexity_nats"].to_numpy()
        assert nats["web"] == pytest.approx(wanted.mean())
    assert (
        attributes({"web": path}, "perplexity", tmp_path / "known", reference=reference).made == 0
    )


def test_overlap_with_a_reference(tmp_path):
    tests = list(language(1, 5, 9))
    texts = ["nothing of it", f"here: {tests[2]}"]
    attributes({"s": texts}, "overlap", tmp_path / "known", reference=tests)
    known = read_sidecar(tmp_path / "known", "overlap", open_source("s", texts))
    assert known["overlap_document"].to_pylist() == [None, 2]
    assert known["overlap_share"].to_pylist() == [0, 1]


@pytest.mark.parametrize(
    ("sources", "of", "more", "said"),
    [
        ({"s": ["text"]}, "gofer", {}, "Did you mean 'gopher'"),
        ({"s": ["text"]}, "gopher,gopher:least_words=3", {}, "gopher twice"),
        ({"s": ["text"]}, "overlap", {}, "give --reference"),
        ({"s": lambda: iter(())}, "gopher", {}, "s: no document was found"),
        ({"s": ["one"]}, "perplexity", {}, "2 or more different documents"),
        ({"s": [""]}, "perplexity", {}, "no document of one character"),
        ({"s": (np.zeros((3, 2)), np.zeros(3))}, "gopher", {}, "rows of numbers"),
        ({"a/b": ["text"]}, "gopher", {}, "no name of a folder"),
        ({"s": ["text"]}, "gopher", {"out": "s3://bucket/x"}, "on this machine"),
        ({"s": ["text"]}, "gopher", {"sample_bytes": 0}, "at least 1"),
    ],
)
def test_bad_input_is_one_line(tmp_path, sources, of, more, said):
    with pytest.raises(CuveeError, match=said) as error:
        attributes(sources, of, **{"out": tmp_path / "known", **more})
    assert "\n" not in str(error.value)


def test_nothing_is_written_into_the_data(web):
    with pytest.raises(CuveeError, match="choose a place outside"):
        attributes({"web": web[0]}, "gopher", f"{web[0]}/known")


def test_documents_without_text_are_described(tmp_path):
    found = attributes(["", "  ", "some words here"], "gopher,compression", tmp_path / "known")
    assert found.columns["text"]["compression_ratio"]["known"] == 2
    assert found.columns["text"]["gopher_words"]["most"] == 3


def test_records_that_cannot_be_read_are_counted(tmp_path):
    (tmp_path / "s.jsonl").write_text('{"text": "some words"}\nnot json\n{"text": "more"}\n')
    found = attributes({"s": str(tmp_path / "s.jsonl")}, "compression", tmp_path / "known")
    assert (found.documents, found.unread) == ({"s": 2}, {"s": 1})
    assert "s: 2 documents, 1 records could not be read" in str(found)
    known = read_sidecar(tmp_path / "known", "compression", open_source("s", tmp_path / "s.jsonl"))
    assert known["row"].to_pylist() == [0, 1]


def test_nothing_is_fitted_where_all_is_known(web, tmp_path, monkeypatch):
    attributes({"web": web[0]}, "perplexity", tmp_path / "known")
    monkeypatch.setattr(Perplexity, "fit", None)
    assert attributes({"web": web[0]}, "perplexity", tmp_path / "known").made == 0
    with pytest.raises(TypeError):
        attributes({"web": web[0]}, "perplexity:order=2", tmp_path / "known")
