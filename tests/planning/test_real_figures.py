"""Memory and disk of a real command, in a process of its own, beside what was stated."""

from benchmarks.planning import ratio


def test_they_come_out_as_stated(tmp_path):
    """The three sizes of the benchmark are larger; here memory is mostly that of libraries."""
    found, said = ratio(tmp_path, 4e6, workers=2)
    assert found["outside"] == 0, said
    assert 0.7 < found["memory"] < 1.3, said
    assert 0.6 < found["kept"] < 1.4, said
