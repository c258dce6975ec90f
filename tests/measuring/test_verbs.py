"""`cuvee measure` from files and arrays to numbers: what is opened, chosen, refused and shown."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cuvee
from cuvee import CuveeError
from cuvee.cli import main
from cuvee.core.sample import Sample
from cuvee.engine.local import Local
from cuvee.measuring.samples import Asked, samples

WORDS = ["red", "green", "blue", "iron", "gold", "salt", "stone", "river"]


def texts(seed, start=0, count=80):
    rng = np.random.default_rng(seed)
    return [" ".join(WORDS[i] for i in start + rng.integers(5, size=12)) for _ in range(count)]


@pytest.fixture
def points():
    rng = np.random.default_rng(0)
    return rng.standard_normal((300, 2)), rng.standard_normal((200, 2)) + 1


@pytest.fixture
def place(tmp_path, monkeypatch, points):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", points[0])
    np.save("b.npy", points[1])
    x = points[0]
    table = pa.table({"u": x[:, 0], "v": x[:, 1], "kind": np.where(x[:, 0] > 0, "up", "down")})
    pq.write_table(table, "t.parquet")
    for name, start in (("one", 0), ("two", 3), ("three", 0)):
        lines = [json.dumps({"text": text}) for text in texts(len(name), start)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    return tmp_path


def test_arrays_and_files_give_the_same_number(place, points):
    one = cuvee.measure(*points, method="frechet")
    two = cuvee.measure("a.npy", "b.npy", method="frechet")
    assert one.value == two.value
    assert one.interval == two.interval
    assert two.names == ("a", "b")
    assert two.sizes == (300, 200)
    assert one.interval[0] < one.value < one.interval[1]
    assert one.null is not None
    assert float(one) == one.value
    assert "frechet of a (300) and b (200)" in str(one)


def test_the_seed_decides(points):
    first, again, other = (
        cuvee.measure(*points, method="frechet", seed=seed).interval for seed in (1, 1, 2)
    )
    assert first == again != other


def test_text_is_measured_through_its_features(place):
    apart = cuvee.measure("one.jsonl", "two.jsonl", method="energy")
    alike = cuvee.measure("one.jsonl", "three.jsonl", method="energy")
    assert apart.value > alike.value
    assert apart.sizes == (80, 80)


def test_all_views_of_text(place):
    seen = samples({"one": "one.jsonl", "two": "two.jsonl"}, Asked(), Local())
    for sample in seen:
        assert sample.points.shape[0] == 80
        assert sample.labels is None
        assert sample.symbols.sum() >= 80 * 12
        assert len(sample.texts) <= 80
    with pytest.raises(CuveeError, match="no classes"):
        assert seen[0].classes


def test_classes_have_the_same_number_in_both():
    a, b = np.array(["x", "y", "x", "x"]), np.array(["z", "y", "y", "z"])
    seen = samples({"a": a, "b": b}, Asked(), Local())
    assert seen[0].kinds == seen[1].kinds == ("x", "y", "z")
    assert seen[1].labels.tolist() == [2, 1, 1, 2]
    assert seen[0].symbols.sum(axis=0).tolist() == [3, 1, 0]


def test_pairs_are_a_table_and_a_page(place):
    found = cuvee.measure_pairs(
        {name: f"{name}.jsonl" for name in ("one", "two", "three")}, method="token_js"
    )
    values = found.values
    assert np.isnan(np.diag(values)).all()
    assert values[0, 1] == values[1, 0] > values[0, 2]
    found.report("pairs.html")
    page = (place / "pairs.html").read_text()
    assert page.count("<rect") == 6
    assert "default-src 'none'" in page
    with pytest.raises(CuveeError, match=r"ends with \.html"):
        found.report("pairs.txt")


def test_names_from_data_are_escaped():
    rng = np.random.default_rng(1)
    found = cuvee.measure_pairs(
        {f"<b>{i}": rng.standard_normal((60, 2)) for i in range(2)}, method="frechet"
    )
    assert "<b>0" not in found._repr_html_()
    assert "&lt;b&gt;0" in found._repr_html_()


def test_several_methods_and_why_others_are_left_out(points):
    few = cuvee.measure_all(points[0][:25, :1], points[1][:25, :1])
    assert {"mmd", "energy"} <= {one.method for one in few.found}
    assert all(why for why in few.left.values())
    one = cuvee.measure_all(points[0][:8], points[1][:8], methods="frechet")
    assert one["frechet"].notes
    with pytest.raises(CuveeError, match="was not measured"):
        one["nonsense"]
    with pytest.raises(CuveeError, match="knn_kl: "):
        cuvee.measure_all(points[0][:3], points[1][:3], methods="knn_kl")


def test_command_line(place, capsys):
    assert main(["measure", "a.npy", "b.npy", "--method", "frechet", "--quiet", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["low"] < said["value"] < said["high"]
    assert main(["measure", "a.npy", "b.npy", "--methods", "frechet"]) == 0
    assert "frechet" in capsys.readouterr().out
    words = ["measure", "p=one.jsonl", "q=two.jsonl", "--pairs", "--method", "frechet"]
    assert main([*words, "--out", "h.html"]) == 0
    assert "frechet, " in capsys.readouterr().out
    assert (place / "h.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.npy", "one.jsonl", "--method", "frechet"], "expected the same kind of both"),
        (["a.npy", "--method", "frechet"], "there is one: give another"),
        (["none.npy", "b.npy", "--method", "frechet"], "there is none"),
        (["a.npy", "b.npy", "--method", "frechett"], "Did you mean 'frechet'"),
        (["t.parquet", "t.parquet", "--x", "w", "--method", "frechet"], "unknown column 'w'"),
        (["t.parquet", "t.parquet", "--x", "u,kind", "--method", "frechet"], "holds text"),
        (["a.npy", "b.npy", "a.npy", "--method", "frechet"], "add --pairs"),
        (["a.npy", "--pairs", "--method", "frechet"], "two or more"),
        (["a.npy", "b.npy", "--method", "frechet", "--out", "x.txt"], "expected .json"),
        (["a.npy", "b.npy", "--method", "frechet", "--out", "a.npy"], "expected .json, or .html"),
        (["a.npy", "b.npy", "--method", "x", "--methods", "y"], "give one of them"),
        (["bad.npy", "b.npy", "--method", "frechet"], "expected a .npy file"),
        (["holes.npy", "b.npy", "--method", "frechet"], "row 2 of holes is not finite"),
        (["wide.npy", "b.npy", "--method", "frechet"], "3 columns"),
        (["one.npy", "b.npy", "--method", "frechet"], "has 1 rows"),
        (["empty.jsonl", "one.jsonl", "--method", "frechet"], "nothing to read"),
    ],
)
def test_bad_input_is_one_clear_line(place, capsys, words, message):
    (place / "bad.npy").write_bytes(b"not an array")
    (place / "empty.jsonl").write_bytes(b"")
    np.save("holes.npy", np.array([[1.0, 2], [1, 2], [np.nan, 2], [3, 4]]))
    np.save("wide.npy", np.ones((50, 3)))
    np.save("one.npy", np.ones((1, 2)))
    assert main(["measure", *words]) != 0
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_samples_of_ones_own_are_taken(points):
    given = Sample.of_points(points[0])
    assert cuvee.measure(given, points[1], method="frechet").sizes == (300, 200)


def test_no_divergence_is_beyond_what_is_possible():
    """Also where no word is in common, and what halves differ by is taken off."""
    rng = np.random.default_rng(0)
    sea, code = (
        w.split() for w in ("red sea sky sun tree wood wind", "def for in if else try pass")
    )
    one, two = (
        [" ".join(words[i] for i in row) for row in rng.integers(7, size=(60, 200))]
        for words in (sea, code)
    )
    far = cuvee.measure(one, two, method="token_js")
    assert far.value == pytest.approx(np.log(2), abs=0.02)
    assert max(far.value, *far.interval) <= np.log(2) + 1e-12
