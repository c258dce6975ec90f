"""A look at little of a source tells how much it holds."""

import pytest
from tests.planning.world import FORMS, held, spec, texts

from cuvee import CuveeError
from cuvee.sources import open_source
from cuvee.sources.glimpse import look


@pytest.fixture(scope="module")
def documents():
    return texts(1_200_000)


@pytest.mark.parametrize("form", FORMS)
def test_text_and_documents_lie_within_three_standard_errors(tmp_path, documents, form):
    """Which a right look misses once in 100 times or so; the seed is fixed."""
    source = open_source("a", spec(tmp_path, form, documents))
    (tmp_path / "look").mkdir()
    found = look(source, 1 << 16, tmp_path / "look", seed=1)
    many, size = held(source)
    for real, values in (
        (size, [g.seen_text for g in found.glimpses]), (many, [g.seen for g in found.glimpses])
    ):  # fmt: skip
        mid, error = found.total(values)
        assert abs(mid - real) <= 3 * error + 0.03 * real
        assert error < 0.3 * real
    assert found.text < 0.6 * size
    assert not found.counted


@pytest.mark.parametrize("form", FORMS)
def test_a_small_source_is_read_whole_and_told_exactly(tmp_path, form):
    source = open_source("a", spec(tmp_path, form, texts(30_000)))
    found = look(source, 1 << 20, tmp_path, seed=0)
    many, size = held(source)
    assert found.whole
    assert found.counted
    assert found.total([g.seen_text for g in found.glimpses]) == (size, 0)
    assert found.total([g.seen for g in found.glimpses]) == (many, 0)
    read = [t for p in found.pieces() for b in found.read(p) for t in b.text.to_pylist()]
    assert len(read) == many


@pytest.mark.parametrize("form", FORMS)
def test_the_counted_documents_are_those_whose_bytes_are_stated(tmp_path, documents, form):
    source = open_source("a", spec(tmp_path, form, documents))
    (tmp_path / "look").mkdir()
    found = look(source, 1 << 16, tmp_path / "look", seed=2)
    for glimpse in found.glimpses:
        read = [t for batch in glimpse.read() for t in batch.text.to_pylist()]
        assert sum(len(text.encode()) for text in read) == glimpse.text
    assert held(found)[1] == found.text


def test_glimpses_are_spread_over_the_file(tmp_path):
    """The last tenth of the file has documents of another length; both ends are seen."""
    short, long = ["ab"] * 60_000, ["word " * 100] * 4_000
    source = open_source("a", spec(tmp_path, "jsonl", short + long))
    found = look(source, 1 << 16, tmp_path, seed=0)
    each = [g.text / max(g.seen, 1) for g in found.glimpses]
    assert min(each) < 10
    assert max(each) > 400


def test_the_same_seed_looks_at_the_same_places(tmp_path, documents):
    source = open_source("a", spec(tmp_path, "jsonl", documents))
    one, two = (look(source, 1 << 16, tmp_path, seed=5) for _ in range(2))
    assert [g.piece for g in one.glimpses] == [g.piece for g in two.glimpses]


def test_a_damaged_file_is_named(tmp_path):
    source = open_source("a", spec(tmp_path, "jsonl.gz", texts(20_000)))
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CuveeError, match=r"a\.jsonl\.gz"):
        look(source, 1 << 20, tmp_path, seed=0)
