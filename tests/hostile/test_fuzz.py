"""The fuzzer itself: it counts, and it finds what is wrong. The soak runs it at full size."""

import orjson
from soak import fuzz as fuzzer
from soak.fuzz_targets import FORMATS, TARGETS


def test_every_reader_has_its_share():
    assert {name.partition(".")[0] for name in TARGETS} >= FORMATS
    many = fuzzer.shares(1_000_000, list(TARGETS))
    assert set(many) == set(TARGETS)
    assert sum(many.values()) >= 1_000_000
    assert min(many.values()) > 20_000


def test_some_hundred_inputs_crash_nothing(tmp_path):
    out = tmp_path / "fuzz.json"
    words = ["--inputs", "1000", "--readers", "jsonl", "arrow", "--kept", str(tmp_path / "kept")]
    assert fuzzer.main([*words, "--out", str(out)]) == 0
    found = orjson.loads(out.read_bytes())["fuzz"]
    assert found["inputs"] >= 1000
    assert found["crashes"] == 0
    assert not list((tmp_path / "kept").iterdir())
    for row in found["readers"]:
        assert row["inputs"] == row["read"] + row["refused"]
        assert row["read"] > 20
        assert row["refused"] > 20


def test_a_crash_is_counted_and_kept(tmp_path, monkeypatch):
    """A limit of memory that nothing can keep stands for a reader that crashes."""
    monkeypatch.setattr(fuzzer, "LIMIT", 1)
    monkeypatch.setattr(fuzzer, "MOST", 1)
    row = fuzzer.fuzz("jsonl", 1_000_000, fuzzer.Ask(1, tmp_path))
    assert (row["crashes"], len(list(tmp_path.iterdir()))) == (1, 1)
    assert "out-of-memory" in row["told"][0]
    assert 0 <= row["inputs"] - row["read"] - row["refused"] <= 1
