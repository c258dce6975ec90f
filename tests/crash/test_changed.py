"""Begun otherwise: what is there is not gone on with, and the difference is named."""

from pathlib import Path

import pytest
from soak.process import Started
from soak.world import SOURCES, TARGET, build
from tests.crash.world import one_line, tree

from cuvee.cli import demo, main

BLEND = ("blend", *SOURCES, *TARGET, "--budget", "2k", "--method", "natural", "--quiet")


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A folder with the sources and an interrupted dataset."""
    folder = tmp_path_factory.mktemp("begun") / "world"
    build(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*BLEND, "--out", "d"]) == 0
        Path("d/manifest.json").unlink()
    return folder


def refused(capsys, *words):
    capsys.readouterr()
    before = tree(Path("d"))
    assert main([*words, "--out", "d", "--resume"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert tree(Path("d")) == before
    return said.err


def message(difference: str) -> str:
    return (
        f"cuvee: d cannot be resumed, it was begun otherwise: {difference}. "
        "Choose another folder.\n"
    )


SETTINGS = {
    "budget": (("--budget", "3k"), "setting budget was 2000, is 3000"),
    "seed": (("--seed", "1"), "setting seed was 0, is 1"),
    "method": (("--method", "uniform"), "setting method was natural, is uniform"),
    "format": (("--format", "jsonl.zst"), "setting format was parquet, is jsonl.zst"),
    "epochs": (("--max-epochs", "2"), "setting max_epochs was 4.0, is 2.0"),
    "floor": (("--min-share", "0.1"), "setting min_share was 0.0, is 0.1"),
    "target tokens": (("--target-tokens", "500"), "setting target_tokens was 60000, is 500"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(begun, monkeypatch, capsys, name):
    words, difference = SETTINGS[name]
    monkeypatch.chdir(begun)
    assert refused(capsys, *BLEND, *words) == message(difference)


def test_content(begun, monkeypatch, capsys):
    monkeypatch.chdir(begun)
    before = Path("web.jsonl").read_bytes()
    Path("web.jsonl").write_bytes(before + b'{"text": "one more"}\n')
    said = refused(capsys, *BLEND)
    Path("web.jsonl").write_bytes(before)
    start = "cuvee: d cannot be resumed, it was begun otherwise: content of source web: web.jsonl"
    assert said.startswith(f"{start} was blake2b:")
    assert said.count("\n") == 1


def test_files_that_came_or_went(begun, monkeypatch, capsys):
    monkeypatch.chdir(begun)
    Path("books/new.txt").write_text("another book")
    said = refused(capsys, *BLEND)
    Path("books/new.txt").unlink()
    assert said == message("content of source books: books/new.txt is new")
    Path("books/00.txt").rename("moved.txt")
    said = refused(capsys, *BLEND)
    Path("moved.txt").rename("books/00.txt")
    assert said == message("content of source books: books/00.txt is gone")


def test_without_resume(begun, monkeypatch, capsys):
    monkeypatch.chdir(begun)
    assert main([*BLEND, "--out", "d"]) == 2
    assert capsys.readouterr().err == (
        "cuvee: d holds a dataset that was interrupted: choose another folder, or finish it with "
        "--resume (resume=True).\n"
    )


def test_rerun_of_another_recipe(begun, monkeypatch, capsys):
    monkeypatch.chdir(begun)
    recipe = Path("d/recipe.json").read_bytes()
    Path("other.json").write_bytes(recipe.replace(b'"seed": 0', b'"seed": 5'))
    said = refused(capsys, "rerun", "other.json", "--quiet")
    assert said == message("setting seed was 0, is 5")


def test_demo(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "FILES", 3)
    demo._library.cache_clear()
    try:
        assert main(["demo", "--budget", "2k", "--out", "d", "--quiet"]) == 0
        Path("d/manifest.json").unlink()
        said = refused(capsys, "demo", "--budget", "3k", "--quiet")
    finally:
        demo._library.cache_clear()
    assert said == message("setting budget was 2000, is 3000")


def test_another_comparison_takes_nothing_from_a_killed_one(world):
    """It keeps finished parts, too; those of another question are not its own."""
    words = ("compare", *SOURCES, *TARGET, "--methods", "uniform", "--seeds", "1", "--quiet",
             "--out", "OUT/d")  # fmt: skip
    place, fresh = world.place(), world.place("fresh")
    killed = Started((*words, "--budget", "4k"), place, event="comparison.json")
    assert killed.wait(120) == -9
    assert any(".cuvee/jobs" in name for name in tree(place.out))
    world.again(place, *words, "--budget", "6k")
    world.again(fresh, *words, "--budget", "6k")
    assert [*tree(place.out)] == [*tree(fresh.out)] == ["d/comparison.html", "d/comparison.json"]
    both = [tree(p.out)["d/comparison.json"].split(b'"seconds"')[0] for p in (place, fresh)]
    assert both[0] == both[1]


def test_a_file_where_the_folder_should_be(world):
    place = world.place()
    (place.out / "d").write_text("dear")
    one_line(Started((*BLEND, "--out", "OUT/d"), place), 2, f"cannot write {place.out}/d")
    assert (place.out / "d").read_text() == "dear"
