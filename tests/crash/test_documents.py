"""Commands that look at documents: what is finished is accepted, everything else is left alone."""

import fcntl
import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import orjson
import pytest
from soak.commands import DOCUMENTS
from soak.process import Started
from soak.world import build
from tests.crash.world import World, one_line, tree, without_rights

from cuvee.cli import main

WORDS = {command.name: command.words for command in DOCUMENTS}
MAIN = {
    "choose": "chosen.parquet", "dedup": "kept.parquet", "dedup attributes": "known",
    "decontaminate cut": "clean.parquet",
}  # fmt: skip
"""What a command makes that is looked for when it is run again."""


def words_of(name: str, out: str) -> list[str]:
    return [word.replace("OUT", out) for word in WORDS[name] if word != "--quiet"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which every command has run once; what each said."""
    folder, said = tmp_path_factory.mktemp("made") / "world", {}
    build(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CUVEE_CACHE", str(folder.parent / "cache"))
        for name in MAIN:
            Path(name).mkdir()
            assert main([*words_of(name, name), "--quiet"]) == 0
            said[name] = tree(Path(name))
    return folder, said


@pytest.fixture(scope="module")
def wholes(tmp_path_factory):
    """What commands write undisturbed, by name; found out once."""
    world, found = World(tmp_path_factory.mktemp("wholes")), {}

    def whole(name: str) -> dict[str, bytes]:
        if name not in found:
            place = world.place(name)
            world.again(place, *WORDS[name])
            found[name] = tree(place.out)
        return found[name]

    return whole


def times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", MAIN)
def test_finished_work_is_accepted(made, monkeypatch, capsys, name):
    folder, trees = made
    monkeypatch.chdir(folder)
    before = times(Path(name))
    assert main(words_of(name, name)) == 0
    said = capsys.readouterr().out
    assert "there already, made by the same recipe; nothing was done." in said
    assert f"{name}/{MAIN[name]}" in said
    assert main([*words_of(name, name), "--json"]) == 0
    record = Path(name, f"{MAIN[name]}.json")
    record = record if record.exists() else Path(name, MAIN[name], "dedup.json")
    summary, recipe = orjson.loads(record.read_bytes()).values()
    assert orjson.loads(capsys.readouterr().out) == summary
    assert set(recipe) == {"settings", "fingerprints", "versions"}
    now = times(Path(name))
    assert {n for n in now if now[n] != before[n]} <= {f"{name}/report.json"}
    assert tree(Path(name)) == trees[name]


OTHERWISE = {
    "choose": (("-k", "2k-tokens"), "setting k was 3k-tokens, is 2k-tokens"),
    "dedup": (("--method", "exact"), "setting method was minhash, is exact"),
    "dedup attributes": (("--strict",), "setting strict was False, is True"),
    "decontaminate cut": (("--n", "12"), "setting rule was {'n': 13"),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_other_work_is_refused_and_the_difference_named(made, monkeypatch, capsys, name):
    folder, trees = made
    monkeypatch.chdir(folder)
    more, difference = OTHERWISE[name]
    assert main([*words_of(name, name), *more]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"cuvee: {name}/{MAIN[name]} is there, made otherwise: {difference}")
    assert said.err.count("\n") == 1
    assert tree(Path(name)) == trees[name]


@pytest.mark.parametrize(
    ("name", "source"), [("choose", "web.jsonl"), ("dedup attributes", "twice.jsonl")]
)
def test_other_content_is_refused(made, monkeypatch, capsys, name, source):
    folder, trees = made
    monkeypatch.chdir(folder)
    before = Path(source).read_bytes()
    Path(source).write_bytes(before + b'{"text": "one more"}\n')
    assert main(words_of(name, name)) == 2
    said = capsys.readouterr().err
    assert f"made otherwise: content of source web: {source} was blake2b:" in said
    assert said.count("\n") == 1
    Path(source).write_bytes(before)
    os.utime(source)
    assert main(words_of(name, name)) == 0, "the same bytes at another time are the same"
    assert tree(Path(name)) == trees[name]


def test_what_is_not_cuvees_is_left_alone(made, monkeypatch, capsys):
    folder, _ = made
    monkeypatch.chdir(folder)
    Path("own").mkdir()
    Path("own/kept.parquet.json").write_text('{"mine": 1}')
    assert main(words_of("dedup", "own")) == 2
    assert "kept.parquet.json exists, and is no record of cuvee" in capsys.readouterr().err
    Path("own/kept.parquet").write_text("mine")
    assert main(words_of("dedup", "own")) == 2
    assert "own/kept.parquet exists: choose another name" in capsys.readouterr().err
    assert sorted(path.name for path in Path("own").rglob("*")) == [
        "kept.parquet", "kept.parquet.json"
    ]  # fmt: skip
    assert Path("own/kept.parquet").read_text() == "mine"


@pytest.mark.parametrize(("name", "output"), [("dedup", "report.json"), ("attributes", "known")])
def test_one_writer(world, name, output):
    """Whoever comes second, to any of the outputs, is refused at once."""
    place = world.place()
    home = place.out / (output if "." not in output else f".{output}.work")
    (home / ".cuvee").mkdir(parents=True)
    with (home / ".cuvee" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        begun = Started(WORDS[name], place)
        one_line(begun, 2, f"another process is writing to {place.out}/{output}: wait for it")
        assert [*tree(place.out)] == [f"{home.name}/.cuvee/lock"]
    world.again(place, *WORDS[name])
    assert not list(place.out.rglob(".*"))


def test_two_at_once(world, wholes):
    """One makes it; the other is refused, or finds all done. What is written is right."""
    place = world.place()
    log = place.log.with_name("second")
    other = type(place)(place.work, place.out, place.cache, place.temporary, log)
    both = [Started(WORDS["dedup"], one) for one in (place, other)]
    ended = sorted((begun.wait(120), begun.said) for begun in both)
    assert [status for status, _ in ended] in ([0, 2], [0, 0]), ended
    assert ended[1][1] == "" or "another process is writing to" in ended[1][1]
    assert tree(place.out) == wholes("dedup")


@pytest.mark.parametrize("name", ["choose", "dedup", "attributes"])
def test_files_that_may_not_grow(world, wholes, name):
    """As on a full disk; with room again the same command gives what an undisturbed one gives."""
    whole, place = wholes(name), world.place()
    for size in (400, 1500):
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))
        one_line(
            Started(WORDS[name], place, first=limit), 2, f"write {place.out}/", "File too large"
        )
        shown = [n for n in tree(place.out) if not any(p.startswith(".") for p in n.split("/"))]
        assert all(tree(place.out)[n] == whole[n] for n in shown)
        assert not list(place.out.rglob("*.tmp"))
    world.again(place, *WORDS[name])
    assert tree(place.out) == whole


@pytest.mark.parametrize("name", ["dedup", "attributes"])
def test_no_right_to_write(world, name):
    (world.work / "mine").mkdir(mode=0o555)
    words = [word.replace("OUT", "mine") for word in WORDS[name]]
    command = [*without_rights(), sys.executable, "-m", "cuvee", *words]
    ran = subprocess.run(command, cwd=world.work, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith("cuvee: cannot write mine/")
    assert ran.stderr.count("\n") == 1
    assert not list((world.work / "mine").iterdir())


@pytest.mark.parametrize("name", ["choose", "decontaminate cut"])
def test_a_source_that_changes_meanwhile(world, wholes, name):
    """Nothing is written of it; restored, all is as it would have been."""
    whole, place = wholes(name), world.place()
    path = world.work / ("web.jsonl" if name == "choose" else "twice.jsonl")
    before = path.read_bytes()
    change = partial(path.write_bytes, before.replace(b"a", b"b"))
    begun = Started(WORDS[name], place, event="asked.json", then=change)
    one_line(begun, 2, "changed while cuvee was at work")
    assert tree(place.out) == {}
    path.write_bytes(before)
    world.again(place, *WORDS[name])
    assert tree(place.out) == whole


def test_work_of_another_recipe_is_not_gone_on_with(world):
    """What a killed command has left is dropped by one that asks for something else."""
    place, fresh = world.place(), world.place("fresh")
    killed = Started(WORDS["choose"], place, event=".chosen.parquet.tmp")
    assert killed.wait(120) == -9
    assert any("/parts/" in name for name in tree(place.out))
    assert any("/jobs/" in name for name in tree(place.out))
    assert "chosen.parquet.json" in tree(place.out)
    world.again(place, *WORDS["choose"], "-k", "1k-tokens")
    world.again(fresh, *WORDS["choose"], "-k", "1k-tokens")
    assert tree(place.out) == tree(fresh.out)
