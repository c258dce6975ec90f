"""Domains in text without labels."""

import argparse
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cuvee.cli.discover import discover as command
from cuvee.core.clusters import kmeans, nearest
from cuvee.core.errors import CuveeError
from cuvee.sources import open_source
from cuvee.sources.clusters import merged, pruned
from cuvee.sources.discover import discover
from cuvee.testing.proxies import language


@pytest.fixture(scope="module")
def mixed():
    """Three languages shuffled together, and which is which."""
    texts = [text for i in range(3) for text in language(i, 80, 0)]
    label = np.repeat(np.arange(3), 80)
    order = np.random.default_rng(0).permutation(len(texts))
    return [texts[i] for i in order], label[order]


def purity(found, truth):
    table = np.zeros((found.max() + 1, truth.max() + 1))
    np.add.at(table, (found, truth), 1)
    return table.max(axis=1).sum() / len(truth)


def test_languages_are_told_apart(mixed):
    texts, truth = mixed
    found = discover(texts, domains=3)
    labels = found.assign(texts)
    assert found.names == ("domain_00", "domain_01", "domain_02")
    assert set(labels) == {0, 1, 2}
    assert purity(labels, truth) == 1
    assert purity(found.assign([t for i in range(3) for t in language(i, 20, 5)]),
                  np.repeat(np.arange(3), 20)) == 1  # fmt: skip


def test_very_many_very_short_documents_do_not_take_all_domains(mixed):
    texts, truth = mixed
    short = [" ".join(text.split()[i : i + 3]) for text in language(3, 40, 0) for i in range(60)]
    labels = discover(texts + short, domains=4).assign(texts)
    assert purity(labels, truth) > 0.95


def test_same_seed_same_domains_and_order_of_assignment_does_not_matter(mixed):
    texts, _ = mixed
    one, two = discover(texts, domains=4, seed=3), discover(texts, domains=4, seed=3)
    assert np.array_equal(one.centers, two.centers)
    assert one.words == two.words
    assert np.array_equal(one.assign(texts[::-1])[::-1], two.assign(texts))


def test_files_hold_every_document_once_and_are_whole(mixed, tmp_path):
    texts, _ = mixed
    source = tmp_path / "all.parquet"
    pq.write_table(pa.table({"text": texts}), source)
    found = discover(str(source), domains=3, sample=30_000)
    files, sizes = found.write(tmp_path / "out")
    assert sizes == found.sizes()
    assert sum(size.documents for size in sizes) == len(texts)
    written = [pq.read_table(file)["text"].to_pylist() for file in files]
    assert sorted(t for part in written for t in part) == sorted(texts)
    for i, part in enumerate(written):
        assert part == [t for t in texts if found.assign([t])[0] == i], "in the source's order"
        assert len(part) == sizes[i].documents
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f.name for f in files]


def test_a_failure_on_the_way_leaves_no_file(mixed, tmp_path):
    texts, _ = mixed
    calls = []

    def breaks():
        calls.append(1)
        yield from texts
        if len(calls) > 6:
            raise RuntimeError("the disk went away")

    found = discover(open_source("x", breaks), domains=2)
    calls.extend([1] * 9)
    with pytest.raises(RuntimeError):
        found.write(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_bad_input_is_one_clear_line(mixed):
    texts, _ = mixed
    for give, ask, match in (
        (["one text", "another"], 3, "3 domains need as many different documents, got 2"),
        (["the same"] * 50, 2, "got 1 in the sample"),
        (["", ""], 2, "no document of one character"),
        ([], 2, "the list is empty"),
        (texts, 0, "domains and sample must be 1 or more"),
    ):
        with pytest.raises(CuveeError, match=match) as caught:
            discover(give, domains=ask)
        assert "\n" not in str(caught.value)
    with pytest.raises(CuveeError, match="clusters at least domains"):
        discover(texts, domains=5, clusters=4)


def test_documents_without_known_words_get_a_domain_too(mixed):
    found = discover(mixed[0], domains=3)
    assert found.assign(["", "Zzyzx!", "\x00"]).shape == (3,)
    assert found.assign([]).shape == (0,)


def test_clusters_by_hand():
    rng = np.random.default_rng(0)
    spots = np.array([[0.0, 0], [10, 0], [10, 1], [0, 30]])
    points = np.repeat(spots, 25, axis=0) + 0.01 * rng.standard_normal((100, 2))
    weights = np.ones(100)
    centers, labels = kmeans(points, 4, rng, weights=weights)
    assert len(centers) == 4
    assert len({tuple(labels[i : i + 25]) for i in range(0, 100, 25)}) == 4
    assert np.array_equal(nearest(points, centers), labels)
    domain = merged(centers, np.bincount(labels), 3)
    assert domain[labels[25]] == domain[labels[50]] == 0, "the two nearest, now the largest"
    assert len(set(domain)) == 3


def test_tiny_and_loose_clusters_are_dropped_but_never_too_many():
    rng = np.random.default_rng(0)
    tight = [c + 0.1 * rng.standard_normal((50, 2)) for c in ((0, 0), (9, 0), (0, 9), (9, 9))]
    loose = np.array([40.0, 40]) + 5 * rng.standard_normal((50, 2))
    points = np.vstack([*tight, loose, [[-50.0, 0]]])
    labels = np.repeat(np.arange(6), [50] * 5 + [1])
    centers = np.array([points[labels == i].mean(axis=0) for i in range(6)])
    weights = np.ones(len(points))
    kept, moved = pruned(points, weights, centers, labels, 2)
    assert np.allclose(kept, centers[:4])
    assert moved[-1] in (0, 2)
    assert len(pruned(points, weights, centers, labels, 5)[0]) == 5
    weights[-1] = 40  # now as heavy as the others
    assert len(pruned(points, weights, centers, labels, 2)[0]) == 5


def test_command(mixed, tmp_path, capsys):
    source = tmp_path / "all.parquet"
    pq.write_table(pa.table({"text": mixed[0]}), source)
    options = argparse.Namespace(
        path=str(source), domains=3, clusters=None, out=str(tmp_path / "out"), seed=0,
        text_column=None, json=False, quiet=False,
    )  # fmt: skip
    command(options)
    printed = capsys.readouterr().out
    assert printed.count("domain_0") >= 6
    assert "cuvee blend domain_00=" in printed
    options.json, options.out = True, None
    command(options)
    rows = json.loads(capsys.readouterr().out)["domains"]
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    assert sum(row["documents"] for row in rows) == len(mixed[0])
