"""Documents as points: alike in words, close in space; the same every time; bounded reading."""

from zlib import crc32

import numpy as np
import pyarrow as pa
import pytest

from cuvee.core import CuveeError
from cuvee.core.data import Batch, Data, Piece
from cuvee.core.units import Words
from cuvee.engine.local import Local
from cuvee.sources.embed import LOOK, Embedding, embed, hashed, sample
from cuvee.sources.memory import Memory

SEA = [f"the ship {i} sailed over the wide sea with salt and wind" for i in range(40)]
CODE = [f"def f{i}(x): return x + {i} if x else None" for i in range(40)]


def data(**sources):
    parts = {name: Memory(name, texts) for name, texts in sources.items()}
    target = Memory("sea_target", SEA[:10])
    return Data(tuple(parts.values()), (target,), Words(), Local(1))


def test_words_and_neighbouring_pairs_are_counted():
    counts = hashed(["a b a b", "", "b a"], 1 << 16).toarray()
    assert counts.sum(axis=1).tolist() == [4 + 3, 0, 2 + 1]
    assert sorted(counts[0][counts[0] > 0]) == [1, 2, 2, 2]  # ba once; a, b and ab twice
    order = counts[2].astype(bool) & counts[0].astype(bool)
    assert order.sum() == 3  # a, b and ba are in the first text, too


def test_hashes_are_the_same_on_every_machine():
    slot = (crc32(b"word") * 0xD6E8FEB86659FD93 % 2**64 >> 32) % 1000
    assert np.flatnonzero(hashed(["word"], 1000).toarray()[0]).tolist() == [slot]


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
    points = Embedding.fit(SEA[:3], dims=64).transform(SEA[:3])
    assert points.shape == (3, 3)
    assert np.allclose(np.linalg.norm(points, axis=1), 1)
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
