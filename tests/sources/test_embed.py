"""Documents as points: alike in words, close in space; the same every time; bounded reading."""

import numpy as np
import pyarrow as pa
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.data import Batch, Data, Piece
from cuvee.core.embedding import BUCKETS, Embedding, counted
from cuvee.core.units import Words
from cuvee.engine.local import Local
from cuvee.sources.embed import LOOK, embed, sample
from cuvee.sources.memory import Memory

SEA = [f"the ship {i} sailed over the wide sea with salt and wind" for i in range(40)]
CODE = [f"def f{i}(x): return x + {i} if x else None" for i in range(40)]


def data(**sources):
    parts = {name: Memory(name, texts) for name, texts in sources.items()}
    target = Memory("sea_target", SEA[:10])
    return Data(tuple(parts.values()), (target,), Words(), Local(1))


def test_words_and_neighbouring_pairs_are_counted():
    counts = counted(pa.array(["a b a b", "a", "", "a b"], pa.large_string())).toarray()
    assert counts.shape == (4, BUCKETS)
    assert counts.sum(axis=1).tolist() == [4 + 3, 1, 0, 2 + 1]
    # "a" and " a" differ: " b" twice; "a b", " b a" and " a b" once each.
    assert sorted(counts[0][counts[0] > 0]) == [1, 1, 1, 1, 1, 2]
    assert (counts[3] <= counts[0]).all(), "all of it is in the first text, too"


def test_hashes_are_the_same_on_every_machine():
    text = pa.array(["word pair"], pa.large_string())
    assert np.flatnonzero(counted(text).toarray()[0]).tolist() == [10724, 46406, 53865]


def test_heavier_texts_turn_the_axes():
    counts = counted(pa.array(SEA + CODE, pa.large_string()))
    for heavy in (np.r_[np.full(40, 99.0), np.ones(40)], np.r_[np.ones(40), np.full(40, 99.0)]):
        axis = Embedding.of(counts, heavy, 1, default_rng(0)).axes[:, 0]
        shown = np.abs(counts @ axis)
        assert (shown[:40].mean() > shown[40:].mean()) == (heavy[0] > heavy[-1])


def test_texts_without_a_common_word_are_still_told_apart():
    texts = ["apples", "bricks", "clouds"]
    points = Embedding.fit(texts).transform(texts)
    assert np.allclose(points @ points.T, np.eye(3), atol=1e-5)


def test_alike_is_close():
    found = embed(data(sea=SEA, code=CODE), dims=8)
    assert [p.shape for p in found["sources"]] == [(40, 8), (40, 8)]
    (target,) = found["targets"]
    near, far = (float((target @ cloud.T).mean()) for cloud in found["sources"])
    assert near > far + 0.3
    lengths = np.linalg.norm(np.vstack([*found["sources"], target]), axis=1)
    assert np.allclose(lengths, 1)


def test_the_same_every_time():
    one, two = (embed(data(sea=SEA, code=CODE), documents=10, dims=4, seed=3) for _ in range(2))
    for a, b in zip(one["sources"], two["sources"]):
        assert np.array_equal(a, b)
    other = embed(data(sea=SEA, code=CODE), documents=10, dims=4, seed=4)
    assert not np.array_equal(one["sources"][0], other["sources"][0])


def test_fewer_texts_than_dims():
    texts = ["the sea is wide", "the wide wide road", "the road is a sea"]
    points = Embedding.fit(texts, dims=64).transform(texts)
    assert points.shape == (3, 3)
    assert np.allclose(np.linalg.norm(points, axis=1), 1)
    # What only one text says is no direction, and these say nothing else that differs.
    alike = Embedding.fit(SEA[:3], dims=64).transform(SEA[:3])
    assert alike.shape == (3, 1)
    assert np.allclose(alike, alike[0])
    unknown = Embedding.fit(SEA[:3], dims=2).transform(["", "zzz qqq"])
    assert np.isfinite(unknown).all()


class Endless:
    """Would never stop giving documents."""

    name = "endless"
    read_so_far = 0

    def pieces(self):
        return (Piece("", 0, 1),)

    def read(self, piece):
        while True:
            self.read_so_far += 1
            yield Batch(pa.array([f"document {self.read_so_far}"], pa.large_string()))


def test_reading_is_bounded():
    source = Endless()
    assert len(sample(source, 5)) == 5
    assert source.read_so_far <= LOOK * 5


def test_a_sample_leaves_no_part_of_the_read_documents_out():
    texts = [str(i) for i in range(100)]
    kept = [int(t) for seed in range(200) for t in sample(Memory("n", texts), 10, seed)]
    assert abs(np.mean(kept) - 49.5) < 4 * 28.9 / np.sqrt(2000)


def test_no_text_is_an_error():
    with pytest.raises(CuveeError, match="'empty' has no document with text"):
        embed(data(empty=["  ", ""]))
    with pytest.raises(CuveeError, match="none of 1 texts has a word"):
        Embedding.fit([" "])
    with pytest.raises(CuveeError, match="dims >= 1"):
        Embedding.fit(SEA, dims=0)
