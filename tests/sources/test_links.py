"""Links, names and headers that a user may well have, and that are read as they are meant."""

import gzip
import os
from pathlib import Path

import pyarrow as pa
import pytest

from cuvee.core.errors import CuveeError
from cuvee.core.spelled import spelled
from cuvee.sources import open_source
from cuvee.sources.beginning import shortened
from cuvee.testing.sources import documents, save_dataset

LINES = b'{"text": "a few words"}\n' * 10


def linked(folder, name, to):
    folder.mkdir(exist_ok=True)
    (folder / name).symlink_to(to)


def test_a_link_out_of_a_folder_is_refused_whatever_the_files_are(tmp_path):
    (tmp_path / "key.jsonl").write_bytes(LINES)
    (tmp_path / "key.txt").write_text("a key")
    for name in ("key.jsonl", "key.txt"):
        folder = tmp_path / name.replace(".", "-")
        linked(folder, name, tmp_path / name)
        with pytest.raises(CuveeError, match=r"links to .*key\..*, outside of the folder"):
            open_source("s", folder)
        assert len(documents(open_source("s", f"{folder}/*"))) in (1, 10)
        assert len(documents(open_source("s", folder / name))) in (1, 10)


def test_a_link_out_of_a_saved_dataset_is_refused(tmp_path):
    save_dataset(tmp_path / "other", ["a key"], pa.string())
    save_dataset(tmp_path / "saved", ["mine"], pa.string())
    file = next((tmp_path / "saved").glob("*.arrow"))
    file.unlink()
    file.symlink_to(next((tmp_path / "other").glob("*.arrow")))
    with pytest.raises(CuveeError, match="outside of the folder"):
        open_source("s", tmp_path / "saved")


def test_links_within_a_folder_are_read_and_loops_are_not(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("one")
    linked(tmp_path / "in", "b.txt", "a.txt")
    linked(tmp_path / "in", "loop", ".")
    linked(tmp_path / "in", "itself", "itself")
    linked(tmp_path / "in", "gone", "nowhere")
    assert documents(open_source("s", tmp_path / "in")) == ["one", "one"]


def test_lists_homes_and_file_addresses_are_single_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("a,b.txt").write_text("")
    Path("c.txt").write_text("")
    assert spelled("w0.jsonl, w1.jsonl") == ("w0.jsonl", "w1.jsonl")
    assert spelled("a,b.txt") == ("a,b.txt",)
    assert spelled("*,b.txt") == ("*,b.txt",)
    assert spelled("*.txt,w/*.jsonl") == ("*.txt", "w/*.jsonl")
    assert spelled("~/c.txt") == (str(tmp_path / "c.txt"),)
    assert spelled(f"file://{tmp_path}/c.txt,file:///d") == (f"{tmp_path}/c.txt", "/d")
    assert spelled("s3://b/x,1,s3://b/y") == ("s3://b/x,1", "s3://b/y")
    assert spelled("a" * 5000) == ("a" * 5000,)


@pytest.mark.parametrize("header", ['"text, clean"', '"text; or ""body"""', "clean"])
def test_marks_in_quotes_are_part_of_a_name(tmp_path, header):
    (tmp_path / "a.csv").write_text(f"{header}\nwords\n")
    assert documents(open_source("s", tmp_path / "a.csv")) == ["words"]


@pytest.mark.parametrize("header", ["text;id", "id\ttext", "text|id"])
def test_marks_of_another_format_are_no_name(tmp_path, header):
    (tmp_path / "a.csv").write_text(f"{header}\nwords\n")
    with pytest.raises(CuveeError, match="columns apart by"):
        open_source("s", tmp_path / "a.csv")


@pytest.mark.parametrize("zeros", [1, 512, 10_000])
def test_zeros_between_and_after_gzip_members(tmp_path, zeros):
    path = tmp_path / "a.jsonl.gz"
    filled = gzip.compress(LINES) + bytes(zeros)
    path.write_bytes(filled * 2)
    assert len(documents(open_source("s", path))) == 20
    short, used = shortened(str(path), 1 << 20, tmp_path, "s")
    assert gzip.decompress(short.read_bytes()) == LINES * 2
    assert used <= os.path.getsize(path)  # noqa: PTH202
