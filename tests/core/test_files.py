"""Files that are either whole or not there; recipes; errors."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cuvee.core import CuveeError, unknown
from cuvee.core.files import sha256, whole_file, write_whole
from cuvee.core.recipe import Recipe, to_json, versions


def test_whole_file(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    write_whole(path, lambda p: p.write_text("newer"))
    assert path.read_text() == "newer"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert sha256(path) == hashlib.sha256(b"newer").hexdigest()


def test_several_may_write_one_shared_file(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path, shared=True) as one, whole_file(path, shared=True) as two:
        one.write_text("first")
        two.write_text("second")
    assert path.read_text() == "first"  # it ended last
    with pytest.raises(RuntimeError), whole_file(path, shared=True) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt(), CuveeError("told")])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(error)), whole_file(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "no space is left: free some .* then resume"),
        (errno.EDQUOT, "no space is left"),
        (errno.EACCES, "no permission to write there: choose another place"),
        (errno.EPERM, "no permission to write there"),
        (errno.EROFS, "read-only: choose another place"),
        (errno.EIO, "Input/output error"),
    ],
)
@pytest.mark.parametrize("call", ["write_bytes", "fsync", "replace"])
def test_file_system_errors_are_one_line(tmp_path, monkeypatch, number, message, call):
    def refuse(*args, **settings):
        raise OSError(number, os.strerror(number))

    owner = os if call == "fsync" else Path
    monkeypatch.setattr(owner, call, refuse)
    with pytest.raises(CuveeError, match=message) as caught:
        write_whole(tmp_path / "a.txt", lambda p: p.write_bytes(b"x"))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "a.txt") in str(caught.value)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_synced_are_fine(tmp_path, monkeypatch):
    def refuse(handle):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    write_whole(tmp_path / "a.txt", lambda p: p.write_bytes(b"x"))
    assert (tmp_path / "a.txt").read_bytes() == b"x"


def test_missing_folder_is_told(tmp_path):
    with pytest.raises(CuveeError, match="No such file or directory"):
        write_whole(tmp_path / "none" / "a.txt", lambda p: p.write_bytes(b"x"))


KILLED = """
import os, signal, sys
from pathlib import Path
from cuvee.core.files import whole_file
real = Path.replace
Path.replace = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
with whole_file(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
"""


def test_killed_between_write_and_rename(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    write_whole(path, lambda p: p.write_text("new"))
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_synced_before_the_rename_and_after(tmp_path, monkeypatch):
    calls = []
    real_sync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda h: (calls.append("sync"), real_sync(h)))
    monkeypatch.setattr(Path, "replace", lambda a, b: (calls.append("rename"), real_replace(a, b)))
    write_whole(tmp_path / "a.txt", lambda p: p.write_bytes(b"x"))
    assert calls == ["sync", "rename", "sync"]


def recipe(**changes):
    settings = {"budget": "10M", "seed": 0, **changes}
    return Recipe(settings, {"source web": {"a.txt": "h1"}}, {"numpy": "2.0"})


def test_recipe_comes_back(tmp_path):
    recipe().save(tmp_path / "recipe.json")
    assert Recipe.load(tmp_path / "recipe.json") == recipe()
    assert Recipe.load(tmp_path / "recipe.json").changes(recipe()) == []


def test_changes_are_named():
    new = Recipe(
        {"budget": "20M", "method": "x" * 60}, {"source web": {"a.txt": "h2", "b.txt": "h3"}}, {}
    )
    assert new.changes(recipe()) == [
        "setting budget was 10M, is 20M",
        "setting seed is gone",
        "setting method is new",
        "content of source web: a.txt was h1, is h2",
        "content of source web: b.txt is new",
        "version of numpy is gone",
    ]
    assert len(recipe(seed="y" * 99).changes(recipe())[0]) < 80


NUMBER = b'{"settings": 3, "fingerprints": {}, "versions": {}}'


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"settings": {}}', b"null", NUMBER])
def test_recipes_that_are_none(tmp_path, content):
    (tmp_path / "recipe.json").write_bytes(content)
    with pytest.raises(CuveeError, match=r"not a recipe\.json"):
        Recipe.load(tmp_path / "recipe.json")
    with pytest.raises(CuveeError, match="cannot read the recipe"):
        Recipe.load(tmp_path / "none.json")


def test_versions_name_what_decides_about_bytes():
    found = versions()
    assert {"python", "cuvee", "numpy", "pyarrow", "zstandard"} <= set(found)
    assert found["numpy"] == np.__version__


def test_json():
    assert to_json({"a": np.float64(0.5), "b": np.arange(2)}) == (
        b'{\n  "a": 0.5,\n  "b": [\n    0,\n    1\n  ]\n}\n'
    )


def test_unknown_names_the_nearest():
    assert str(unknown("room", "mixx", ["mix", "sources"])) == (
        "unknown room 'mixx'. Did you mean 'mix'? Known: mix, sources."
    )
    assert str(unknown("room", "zzz", [])) == "unknown room 'zzz'. Known: none."


def test_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CuveeError, match="no plain file"):
        write_whole(tmp_path / "pipe", lambda p: p.write_text("x"))
    assert not (tmp_path / "pipe").is_file()
