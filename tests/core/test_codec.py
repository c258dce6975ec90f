"""Results of jobs as bytes and back."""

from collections import OrderedDict
from dataclasses import dataclass

import hypothesis.extra.numpy as hnp
import numpy as np
import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from cuvee.core import CuveeError, Estimate, Trial
from cuvee.core.codec import Unknown, from_bytes, to_bytes
from cuvee.core.data import Piece, Reject

plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(),
    st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010)),
)  # fmt: skip
keys = st.one_of(st.integers(), st.text(), st.tuples(st.integers(), st.text()))
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(keys, inner)
    ),
)
kinds = st.sampled_from(["<u4", "<i8", "<f8", "<f4", "|b1", "<U3", "|S2", ">i2", "<c16"])


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return repr(a) == repr(b) if isinstance(a, float) else a == b


@given(values)
def test_plain_values_come_back(value):
    assert same(from_bytes(to_bytes(value)), value)


@given(kinds.flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, min_side=0))))
def test_arrays_come_back_to_the_bit(array):
    back = from_bytes(to_bytes(array))
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    back.flags.writeable = True  # whoever gets it may go on with it


def test_numbers_of_numpy_keep_their_type():
    for number in (np.float32(0.1), np.int64(-3), np.bool_(True), np.uint64(2**63)):
        back = from_bytes(to_bytes(number))
        assert (type(back), back) == (type(number), number)


def test_sparse_rows_come_back():
    array = csr_array(np.array([[0, 1.5], [2, 0], [0, 0]]))
    back = from_bytes(to_bytes(array))
    assert (back.shape, back.dtype) == (array.shape, array.dtype)
    assert (back.toarray() == array.toarray()).all()
    assert (back.indptr.dtype, back.indices.dtype) == (array.indptr.dtype, array.indices.dtype)


def test_nouns_come_back():
    trial = Trial(np.array([0.25, 0.75]), 100.0, after=Trial(np.array([1.0, 0.0]), 5.0))
    back = from_bytes(to_bytes((trial, Reject("a:1", "why", "\ud800"), Piece("p", 0, 3))))
    assert back[0].key() == trial.key()
    assert back[1:] == (Reject("a:1", "why", "\ud800"), Piece("p", 0, 3))
    losses = Estimate(np.array([[1.0], [2.0]]), "nats", "seeds", np.array([1.4]))
    found = from_bytes(to_bytes(losses))
    assert (found.draws == losses.draws).all()
    assert (found.mean, found.unit, found.spread) == (1.4, "nats", "seeds")


@dataclass
class Own:
    value: int = 3


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, Own(), lambda: 0, np.array([object()]), OrderedDict, 1j]
)
def test_other_values_are_not_kept(value):
    with pytest.raises(Unknown, match="cannot be kept"):
        to_bytes([value])


def packed(tree):
    head = orjson.dumps(tree)
    whole = len(head).to_bytes(8, "little") + head
    return zstandard.ZstdCompressor().compress(whole)


@pytest.mark.parametrize(
    "name", ["os:system", "cuvee.core.files:write_whole", "cuvee.core.data:Source",
             "cuvee.core.nothing:X", "subprocess:Popen", "builtins:eval", "cuvee.core.data:"],
)  # fmt: skip
def test_nothing_but_dataclasses_of_cuvee_is_built(name):
    with pytest.raises(CuveeError, match="not the results of a job"):
        from_bytes(packed({name: {"path": "x"}}))


@given(st.binary(max_size=200))
def test_strange_bytes_are_refused(data):
    with pytest.raises(CuveeError, match="not the results of a job"):
        from_bytes(data)


@given(st.data())
def test_damaged_bytes_are_refused(data):
    whole = bytearray(to_bytes([1, "two", np.arange(50), {"three": (4.0,)}]))
    at = data.draw(st.integers(4, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = from_bytes(bytes(whole))
    except CuveeError:
        return
    assert same(found[:2], [1, "two"])  # a bit that says nothing, such as of the frame's header
    assert (found[2] == np.arange(50)).all()
