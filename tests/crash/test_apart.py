"""What is written never lies in what is read, where the next run would take it for text."""

from pathlib import Path

import pytest
from soak.world import build
from tests.crash.world import tree

from cuvee.cli import main
from cuvee.core import CuveeError
from cuvee.core.apart import check_apart

INSIDE = [
    ("data", "data/mixed"),
    ("data", "data"),
    ("data", "data/a/b/mixed"),
    ("data/", "./data/../data/mixed"),
    (".", "mixed"),
    ("data/**", "data/mixed"),
    ("data/**/*.parquet", "data/mixed"),
    ("data/**/*.parquet", "data"),
    ("**/*.jsonl", "mixed"),
    ("*/*.parquet", "mixed"),
    ("mixed*/data/*.parquet", "mixed7"),
    ("data/*", "data/mixed"),
    ("one.jsonl, data", "data/mixed"),
    (["one.jsonl", "data"], "data/mixed"),
    ("one.jsonl, data/*", "data/mixed"),
    ("data/**/*.parquet,one.jsonl", "data/mixed"),
    ("s3://bucket/a, data", "data/mixed"),
    ("link", "data/mixed"),
    ("one.jsonl", "one.jsonl"),
]
APART = [
    ("data", "mixed"),
    ("data/*.jsonl", "data-mixed"),
    ("data/*.parquet", "data/mixed"),
    ("data/*.txt", "data"),
    ("data/**/*.csv.gz", "data/mixed"),
    ("one.jsonl", "mixed"),
    ("data/a", "data/b"),
    ("(in memory)", "mixed"),
    ("s3://bucket/data/**", "mixed"),
    (["a text, which is no path", "and\nanother"], "mixed"),
    (lambda: iter(["text"]), "mixed"),
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("link").symlink_to("data")
    Path("one.jsonl").write_text("")
    return tmp_path


@pytest.mark.parametrize(("source", "out"), INSIDE)
def test_inside(here, source, out):
    with pytest.raises(CuveeError, match=r"lies in source 'web' .*choose a place outside"):
        check_apart(Path(out), {"web": source})
    with pytest.raises(CuveeError, match="lies in the target"):
        check_apart(Path(out), {}, source)


@pytest.mark.parametrize(("source", "out"), APART)
def test_apart(here, source, out):
    check_apart(Path(out), {"web": source}, {"val": source})


def test_a_file_is_only_itself(here):
    check_apart(Path("table.csv"), {"web": "*.jsonl"}, file=True)
    with pytest.raises(CuveeError, match="lies in source"):
        check_apart(Path("table.csv"), {"web": "*.csv"}, file=True)


COMMANDS = {
    "blend": ("blend", "books=books", "--target", "val.jsonl", "--budget", "2k", "--out"),
    "compare": ("compare", "books=books", "--target", "val.jsonl", "--budget", "2k",
                "--methods", "uniform", "--out"),
    "discover": ("discover", "books", "--domains", "2", "--out"),
    "trial": ("trial", "books=books", "--target", "val.jsonl", "--budget", "2k", "--shares",
              "books=1", "--out"),
    "export": ("export", "mixed", "--to", "mds", "--out"),
}  # fmt: skip


def test_addresses_of_this_machine(here):
    with pytest.raises(CuveeError, match="lies in source 'web'"):
        check_apart(Path("data/mixed"), {"web": f"file://{here}/data"})
    with pytest.raises(CuveeError, match="lies in source 'web'"):
        check_apart(Path("data/mixed"), {"web": f"file://{here}/one.jsonl,file://{here}/data"})
    with pytest.raises(CuveeError, match="lies in the dataset"):
        check_apart(Path("data/mixed"), {}, mixed="data")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses(tmp_path, monkeypatch, capsys, name):
    build(tmp_path / "world")
    monkeypatch.chdir(tmp_path / "world")
    if name == "export":
        assert main([*COMMANDS["blend"], "mixed", "--quiet"]) == 0
        capsys.readouterr()
    before = tree(tmp_path)
    assert main([*COMMANDS[name], "books/mixed"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("cuvee: --out books/mixed lies in ")
    assert said.err.count("\n") == 1
    assert tree(tmp_path) == before
    assert not Path("books/mixed").exists()
