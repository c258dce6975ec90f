"""Places that cannot be written to, or go away: one line says why, nothing is half-written."""

import os
import re
import resource
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from soak.process import Started
from tests.crash.world import BLEND, OUT, one_line, tree, without_rights

RESUME = (*BLEND, *OUT, "--resume")
TINY = "transformer:size=40k:vocabulary=300:context=32:tokens=2k:draws=4"


def test_files_that_may_not_grow(world, whole):
    """The system itself refuses to write on; nothing is pretended."""
    place = world.place()
    for kilobytes in (1, 3, 6):
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (kilobytes * 1000,) * 2)
        begun = Started(RESUME, place, first=limit)
        one_line(begun, 2, f"cannot write {place.out}/d", "File too large")
        assert not [name for name in tree(place.out) if name.endswith(".tmp")]
        assert "d/manifest.json" not in tree(place.out)
    world.again(place, *RESUME)
    assert tree(place.out) == whole


SMALL_DISK = """
set -e
mount -t tmpfs -o size={size}k tmpfs disk
set +e
{command} > said 2>&1
echo $? > status
ls -A disk/d > left
mount -o remount,size=64m disk
set -e
{command} --resume --quiet
cp -r disk/d finished
"""


@pytest.mark.parametrize("size", [40, 64])
def test_disk_full(world, size):
    """A disk of its own where the system lets us have one, else a limit to the size of files."""
    own = shutil.which("unshare")
    space = [own, "-rm"] if own else []
    allowed = own and subprocess.run([*space, "true"], check=False).returncode == 0
    (world.work / "disk").mkdir()
    if not allowed:
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (500, 500))
        one_line(Started(RESUME, world.place(), first=limit), 2, "File too large")
        return
    words = [*BLEND, "--out", "disk/d"]
    script = SMALL_DISK.format(size=size, command=" ".join([sys.executable, "-m", "cuvee", *words]))
    subprocess.run([*space, "sh", "-c", script], cwd=world.work, check=True)
    said = (world.work / "said").read_text()
    assert (world.work / "status").read_text() == "2\n", said
    # Found out before the work, if the work alone would not fit, or else in the middle of it.
    assert re.search("no space is left: free some|are free: free some", said), said
    assert said.startswith("cuvee: cannot write disk/d")
    assert said.count("\n") == 1
    assert "manifest.json" not in (world.work / "left").read_text()
    assert "manifest.json" in tree(world.work / "finished")


def test_no_right_to_write(world):
    """A folder that may be read but not written to, by somebody who is not above such rights."""
    (world.work / "mine").mkdir(mode=0o555)
    command = [*without_rights(), sys.executable, "-m", "cuvee", *BLEND, "--out", "mine/d"]
    ran = subprocess.run(command, cwd=world.work, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith("cuvee: cannot write mine/d")
    assert "no permission to write there: choose another place." in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not list((world.work / "mine").iterdir())


@pytest.mark.parametrize("format", ["parquet"])
def test_two_at_once(world, whole, format):
    """One writes, the other one is refused; what is written is right."""
    words = (*BLEND, *OUT, "--format", format)
    alone = world.place("alone")
    world.again(alone, *words)
    for number in range(2):
        place = world.place(f"both{number}")
        logs = [place, type(place)(**{**_parts(place), "log": place.log.with_name("second")})]
        both = [Started(words, each) for each in logs]
        ended = sorted((begun.wait(120), begun.said) for begun in both)
        assert [status for status, _ in ended] == [0, 2], ended
        refusal = ended[1][1]
        assert "another process is writing to" in refusal or "d holds a" in refusal
        assert refusal.count("\n") == 1
        assert tree(place.out) == tree(alone.out)


def _parts(place) -> dict[str, Path]:
    return {name: getattr(place, name) for name in type(place).__slots__}


@pytest.mark.parametrize("moment", ["recipe.json", "part-00001"])
def test_output_removed_meanwhile(world, whole, moment):
    place = world.place()
    remove = partial(shutil.rmtree, place.out / "d", True)
    begun = Started((*BLEND, *OUT), place, event=moment, then=remove)
    one_line(begun, 2, f"{place.out}/d", "No such file or directory")
    assert "d/manifest.json" not in tree(place.out)
    shutil.rmtree(place.out / "d", ignore_errors=True)
    world.again(place, *BLEND, *OUT)
    assert tree(place.out) == whole


def test_shards_removed_meanwhile(world, whole):
    """The last file of all says that all others are there: so they are looked for."""
    place = world.place()
    shard = place.out / "d" / "data" / "part-00000.parquet"
    begun = Started((*BLEND, *OUT), place, event="trials.parquet", then=shard.unlink)
    one_line(begun, 2, "part-00000.parquet", "was removed or changed while cuvee was at work")
    assert "d/manifest.json" not in tree(place.out)
    world.again(place, *RESUME)
    assert tree(place.out) == whole


CHANGES = {
    "removed": lambda path: path.unlink(),
    "shorter": lambda path: os.truncate(path, path.stat().st_size // 2),
    "longer": lambda path: path.write_bytes(path.read_bytes() * 2),
    "other": lambda path: path.write_bytes(path.read_bytes().replace(b"a", b"b")),
}


def _change(kind: str, path: Path) -> None:
    CHANGES[kind](path)


@pytest.mark.parametrize(
    ("kind", "moment"),
    [*((kind, "part-00001") for kind in CHANGES), (next(iter(CHANGES)), "recipe.json")],
)
def test_source_changed_meanwhile(world, whole, kind, moment):
    """It is said, and nothing stays under a final name; restored, all is as it was."""
    place, path = world.place(), world.work / "web.jsonl"
    before = path.read_bytes()
    change = partial(_change, kind, path)
    one_line(Started((*BLEND, *OUT), place, event=moment, then=change), 2, "web.jsonl")
    assert "d/manifest.json" not in tree(place.out)
    assert kind == "removed" or not [n for n in tree(place.out) if n.startswith("d/data")]
    path.write_bytes(before)
    world.again(place, *RESUME)
    assert tree(place.out) == whole


@pytest.mark.parametrize("cache", ["a file", 100_000])
def test_cache_that_cannot_be_written(world, cache):
    place = world.place()
    words = ("trial", *BLEND[1:8], "--proxy", TINY, "--shares", "web=.5,code=.5,books=0",
             "--out", "OUT/losses.csv", "--quiet")  # fmt: skip
    first = None
    if cache == "a file":
        place.cache.rmdir()
        place.cache.write_text("")
    else:
        first = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (cache, cache))
    one_line(Started(words, place, first=first), 2, f"cannot write {place.cache}")
    assert tree(place.out) == {}
    if cache == "a file":
        place.cache.unlink()
    world.again(place, *words)
    assert list(tree(place.out)) == ["losses.csv"]
    assert not [name for name in tree(place.cache) if name.endswith(".tmp")]
