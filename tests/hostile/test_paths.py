"""Tricks in names of files and folders: read, or refused in one line; nothing else is touched."""

import os
from pathlib import Path

import pytest
from tests.hostile.corpus import GOOD, lines
from tests.hostile.world import build, run, tree

from cuvee.core.errors import CuveeError
from cuvee.sources import open_source
from cuvee.testing.sources import documents

ODD = (
    "-rf", "--out", "new\nline", "tab\there", "a" * 255, "ü" * 127, "<script>", "$(rm *)", "con",
    " spaces ", "*", "[a]", "?", "~", "%00", "\\", "a,b", "a=b", "\x1b[31m", "\u202eright", "nul.",
)  # fmt: skip


def refused(call) -> str:
    with pytest.raises(CuveeError) as caught:
        call()
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_files_of_any_name_are_documents(tmp_path):
    for name in ODD:
        (tmp_path / name).write_text(f"the file {name}")
    assert sorted(documents(open_source("s", tmp_path))) == sorted(f"the file {n}" for n in ODD)


@pytest.mark.parametrize("name", ODD)
def test_a_file_of_any_name_is_found_by_it(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name[:200].encode()[:240].decode(errors="ignore") + ".jsonl").write_bytes(lines(b"bad"))
    (file,) = tmp_path.iterdir()
    for spec in (str(file), f"./{file.name}", "./*.jsonl"):
        source = open_source("s", spec)
        batches = [b for p in source.pieces() for b in source.read(p)]
        assert [text for b in batches for text in b.text.to_pylist()] == list(GOOD)
        assert sum(len(b.rejected) for b in batches) == 1


def test_names_that_are_no_text_are_refused(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")).write_text("a")
    assert "not UTF-8" in refused(lambda: open_source("s", tmp_path))


def test_loops_pipes_and_broken_links_are_passed_over(tmp_path):
    (tmp_path / "a.py").write_text("a")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert documents(open_source("s", tmp_path)) == ["a"]
    for name in ("pipe", "self", "broken"):
        refused(lambda name=name: open_source("s", tmp_path / name))
    assert "pipe or device" in refused(lambda: open_source("s", "/dev/null"))


@pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "sub/../../secret"])
def test_links_out_of_a_folder_of_documents_are_refused(tmp_path, place):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.py").write_text("a")
    (tmp_path / "secret").write_text("key")
    (folder / "b.py").symlink_to(place)
    message = refused(lambda: open_source("s", folder))
    assert "b.py: it links to" in message
    assert "outside of the folder" in message
    (folder / "b.py").unlink()
    (folder / "b.py").symlink_to("a.py")
    assert documents(open_source("s", folder)) == ["a", "a"]


def test_a_folder_that_is_a_link_is_read(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_text("a")
    (tmp_path / "link").symlink_to("real")
    assert documents(open_source("s", tmp_path / "link")) == ["a"]


@pytest.mark.parametrize("out", ["good.jsonl", "good.jsonl/x", "new\nline", "a" * 300, "nul\0", ""])
def test_odd_output_folders(tmp_path, capsys, monkeypatch, out):
    """A folder of that name, or one line; what was there stays as it is."""
    monkeypatch.chdir(tmp_path)
    build(tmp_path)
    before = tree(tmp_path)
    words = ("a=good.jsonl", "b=val.jsonl", "--budget", "1k", "--workers", "1", f"--out={out}")
    status, _, err = run(capsys, "blend", *words, "--method", "uniform", "--max-epochs", "inf")
    assert "Traceback" not in err
    if out == "new\nline":
        assert status == 0
        assert {*tree(tmp_path, tmp_path / out)} == {*before}
    else:
        assert status == 2
        assert err.count("\n") == 1
        assert tree(tmp_path) == before
