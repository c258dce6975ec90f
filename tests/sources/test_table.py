"""Rows of numbers: what is taken for arrays, what comes back, and what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cuvee import CuveeError
from cuvee.core.rows import Rows, RowUnits, decode, encode
from cuvee.sources import open_source
from cuvee.sources.part import Apart, Renamed, Without, hold_out, sample
from cuvee.sources.table import holds_rows, is_table, read_rows

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 3)), np.arange(30) % 3


@pytest.mark.parametrize(
    "spec",
    [
        (X, Y), [X, Y], {"x": X, "y": Y}, (X.tolist(), Y.tolist()),
        {"x": X.tolist(), "y": Y.tolist()}, (X, list(map(int, Y))),
    ],
    ids=["tuple", "list", "mapping", "lists", "mapping of lists", "mixed"],
)  # fmt: skip
def test_ways_to_say_the_same_table(spec):
    source = open_source("a", spec)
    assert holds_rows(source)
    assert source.fingerprint() == open_source("b", (X, Y)).fingerprint()
    rows = read_rows(source)
    assert_array_equal(rows.x, X)
    assert_array_equal(rows.y, Y)


@pytest.mark.parametrize(
    "spec",
    [
        ["one text", "another"], "x.npz", {"x": "val.npz"}, {"x": ["a text"], "y": ["another"]},
        {"val": X}, np.array(["a text", "another"]), [np.str_("a"), np.str_("b")],
        [{"text": "a"}, {"text": "b"}], [], {"x": (X, Y)},
    ],
)  # fmt: skip
def test_what_is_no_table(spec):
    assert not is_table(spec)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int32, np.uint8, bool])
def test_numbers_come_back_to_the_bit(kind):
    x = (RNG.normal(size=(50, 4)) * 100).astype(kind)
    back = read_rows(open_source("a", (x, Y[:1].repeat(50)))).x
    assert_array_equal(back.astype(kind), x)


def test_extreme_numbers_come_back_to_the_bit():
    bits = RNG.integers(0, 2**63, 20_000).view(np.float64)
    x = bits[np.isfinite(bits)][:9_000].reshape(-1, 3)
    x[0] = [np.nextafter(0, 1), np.finfo(float).max, -0.0]
    back = decode([row.encode() for row in encode(Rows(x))]).x
    assert_array_equal(back.view(np.int64), x.view(np.int64))


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        ([0, 1, 2], "whole numbers"), ([0.0, 1.5, 2.0], "numbers with a point"),
        ([True, False, True], "true and false"), (['say "yes"', "[a],[b]", "ü"], "text"),
        (np.array(["a", "b", "a"], object), "text"),
    ],
)  # fmt: skip
def test_labels_keep_their_kind(y, kind):
    rows = read_rows(open_source("a", (X[:3], y)))
    assert rows.kind == kind
    assert rows.labels.tolist() == list(y)


def test_a_row_is_one_unit_with_an_identity():
    text = next(open_source("a", (X, Y)).read(open_source("a", (X, Y)).pieces()[0])).text
    (cut,) = RowUnits().cut(text)
    assert cut.offsets.tolist() == list(range(31))
    assert len(set(cut.ids.tolist())) == 30
    (again,) = RowUnits().cut(text.take([3, 3]))
    assert again.ids.tolist() == [cut.ids[3]] * 2
    assert RowUnits().head("a row", 1) == "a row"
    assert RowUnits().head("a row", 0) == ""


def test_rows_stay_out_and_are_held_out_whole():
    x = RNG.normal(size=(400, 60))  # longer as text than what a document may be cut to
    source = open_source("a", (x, np.arange(400) % 2))
    part, whole = hold_out(source, 20_000, seed=0, cut=False)
    held = read_rows(part)
    assert 10 < len(held) <= 40
    assert_array_equal(read_rows(whole).x, held.x)
    rest = read_rows(Without(source, Apart.of(b for p in whole.pieces() for b in whole.read(p))))
    assert len(rest) + len(held) == 400
    assert not set(map(bytes, rest.x)) & set(map(bytes, held.x))
    assert 10 < len(read_rows(sample(source, 20_000, 0, cut=False))) < 30


def test_a_source_under_another_name_still_holds_rows():
    class Own:
        name, holds = "own", "rows"

        def pieces(self):
            return ()

        read = fingerprint = pieces

    assert holds_rows(open_source("mine", Own()))
    assert not holds_rows(Renamed(open_source("a", ["a text"]), "b"))


def spoiled(value, row=4, column=1):
    x = X.astype(type(value) if isinstance(value, float) else object)
    x[row, column] = value
    return x


BAD = {
    "nan": ((spoiled(float("nan")), Y), r"a: x\[4, 1\] is nan, expected a finite number"),
    "infinity": ((spoiled(float("inf")), Y), r"a: x\[4, 1\] is inf"),
    "text in x": ((spoiled("red"), Y), r"a: x\[4, 1\] is 'red', expected a number"),
    "None in x": ((spoiled(None), Y), r"a: x\[4, 1\] is None"),
    "texts in x": (([["1", "2"]], [1]), r"x\[0, 0\] is .*'1'.*, expected a number"),
    "array of texts": ((np.array([["1", "b"]]), [1]), r"x\[0, 0\] is .*'1'.*, expected a number"),
    "too few labels": ((X, Y[:-1]), r"x has 30 rows, and y the shape \(29,\), expected \(30,\)"),
    "a column of labels": ((X, Y[:, None]), r"use y.ravel\(\)"),
    "one axis": ((X[:, 0], Y), r"x has the shape \(30,\), expected \(rows, features\)"),
    "three axes": ((X[None], Y), r"x has the shape \(1, 30, 3\)"),
    "no rows": ((X[:0], Y[:0]), r"x has the shape \(0, 3\)"),
    "no features": ((X[:, :0], Y), r"x has the shape \(30, 0\)"),
    "ragged": (([[1.0, 2.0], [1.0]], [0, 1]), "all rows must have the same length"),
    "nan in y": ((X, np.where(Y == 1, np.nan, 0.0)), r"a: y\[1\] is nan"),
    "None in y": ((X[:2], np.array(["a", None])), r"y\[1\] is None, expected labels of one kind"),
    "kinds in y": ((X[:2], np.array(["a", 1], object)), r"y\[1\] is 1"),
    "dates in y": ((X[:2], np.array(["2020", "2021"], "M8[Y]")), "y holds datetime64"),
    "complex x": ((X + 1j, Y), "expected a number"),
    "quantities as whole numbers": (
        (np.zeros((300, 1)), np.arange(300)), "300 different whole numbers in 300 rows"),
    "three arrays": ((X, Y, Y), r"expected \(x, y\), got 3 arrays"),
    "another key": ({"x": X, "y": Y, "w": Y}, "called x and y, got 'w', too"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_told_in_one_line(case):
    spec, message = BAD[case]
    with pytest.raises(CuveeError, match=message) as caught:
        open_source("a", spec)
    assert "\n" not in str(caught.value)


def test_letters_as_whole_numbers_are_classes():
    assert len(read_rows(open_source("a", (X[:26], np.arange(26))))) == 26


def test_npz_files_and_globs(tmp_path):
    for i in range(3):
        np.savez(tmp_path / f"{i}.npz", x=X[i::3], y=Y[i::3])
    rows = read_rows(open_source("a", str(tmp_path / "*.npz")))
    assert_array_equal(rows.x, np.concatenate([X[i::3] for i in range(3)]))
    np.savez_compressed(tmp_path / "packed.npz", x=X)
    assert read_rows(open_source("a", tmp_path / "packed.npz")).y is None


def save(path, **arrays):
    np.savez(path, **arrays)


FILES = {
    "no x": (lambda p: save(p, features=X), "expected an array called x, found features"),
    "objects": (lambda p: save(p, x=spoiled("red"), y=Y), "Python objects instead of numbers"),
    "cut short": (lambda p: p.write_bytes(b"PK\x03\x04 and no more"), "numpy.savez wrote, but"),
    "no zip": (lambda p: p.write_bytes(b"hello"), "numpy.savez wrote, but"),
    "lengths": (lambda p: save(p, x=X, y=Y[1:]), r"a.npz: x has 30 rows, and y the shape \(29,\)"),
    "nan": (lambda p: save(p, x=spoiled(float("nan")), y=Y), r"a.npz: x\[4, 1\] is nan"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_bad_files_are_told_in_one_line(case, tmp_path):
    write, message = FILES[case]
    write(tmp_path / "a.npz")
    with pytest.raises(CuveeError, match=message) as caught:
        open_source("a", str(tmp_path / "a.npz"))
    assert "\n" not in str(caught.value)


def test_documents_that_are_no_rows():
    for bad in (b"hello", b'{"x":[1,"a"]}', b'{"x":[1,null]}', b'{"y":1}', b'{"x":1}'):
        with pytest.raises(CuveeError, match="expected rows of one table as JSON"):
            decode([bad])
    with pytest.raises(CuveeError, match="labels of the kinds int, str"):
        decode([b'{"x":[1],"y":1}', b'{"x":[1],"y":"b"}'])
    with pytest.raises(CuveeError, match="no labels"):
        _ = decode([b'{"x":[1]}']).labels
