"""Every block of code in the README and in docs/ runs; links and tables of methods hold.

Blocks run page by page, in order, in a folder with the files that `world.build` makes:

- ```python blocks share one namespace; one that begins with `# name.py` is written to that file;
- of ```sh and ```console blocks the lines `cuvee ...`, `python -m cuvee ...` and `python name.py`
  run, with exit status 0; lines of other programs do not;
- blocks of any other kind, ```text above all, do not run.
"""

import doctest
import json
import re
import runpy
import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest
from tests.docs.world import build

import cuvee
from cuvee import driver
from cuvee.cli import main
from cuvee.cli.methods import ROOMS

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *TUTORIALS]
LINKING = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
KINDS = {"python", "sh", "console", "text"}
OTHER_PROGRAMS = {"pip", "make", "git", "cd"}
BLOCK = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
LINK = re.compile(r"\]\(([^)\s]+)\)")
WORDS = {ROOT / "README.md": 850_000} | dict.fromkeys(TUTORIALS, 30_000)
"""Of each source, where a page asks for another budget."""
TABLE = re.compile(r"<!-- methods: (\w+) -->\n\n((?:\|.*\n)+)")


def name(page: Path) -> str:
    """For the test's id."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[tuple[str, str]]:
    """Kind and content of each block of code."""
    return [(kind, content) for _, kind, content in BLOCK.findall(page.read_text("utf-8"))]


def commands(content: str) -> list[list[str]]:
    """Words of each command of a shell block."""
    lines = re.sub(r"\\\n\s*", "", content).splitlines()
    split = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [words for words in split if words]


def run_command(words: list[str]) -> None:
    """Run it here, in this process."""
    if words[:3] == ["python", "-m", "cuvee"]:
        words = words[2:]
    if words[0] == "cuvee":
        assert main(words[1:]) == 0, shlex.join(words)
    elif words[0] == "python":
        runpy.run_path(words[1], run_name="__main__")
    else:
        assert words[0] in OTHER_PROGRAMS, f"neither run nor known: {shlex.join(words)}"


@pytest.fixture
def place(page, tmp_path, monkeypatch):
    """A folder to work in, with the files of the pages, from which modules can be imported."""
    build(tmp_path, words=WORDS.get(page, 160_000))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_blocks_run(page, request):
    found = blocks(page)
    assert {kind for kind, _ in found} <= KINDS, "say ```text if it is not to run"
    if not any(kind != "text" for kind, _ in found):
        return
    place, names = request.getfixturevalue("place"), {"__name__": "docs"}
    for number, (kind, content) in enumerate(found, start=1):
        if kind == "python" and (file := FILE.match(content)):
            (place / file[1]).write_text(content, encoding="utf-8")
        elif kind == "python":
            exec(compile(content, f"{name(page)}, block {number}", "exec"), names)
        elif kind != "text":
            for words in commands(content):
                run_command(words)


def test_pages_hold_what_they_should():
    kinds = [kind for page in PAGES for kind, _ in blocks(page)]
    assert kinds.count("python") >= 15, "blocks were lost, or are no longer found"
    assert kinds.count("sh") >= 15
    for page in LINKING:
        fences = re.findall(r"^ *```", page.read_text("utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks(page)), f"{name(page)} has a block that is not found"


@pytest.mark.parametrize("page", LINKING, ids=name)
def test_links_between_pages_resolve(page):
    local = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    for link in local:
        assert (page.parent / link.partition("#")[0]).exists(), link


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.name == "README.md" or f"({page.relative_to(ROOT / 'docs')})" in index


def test_tables_list_exactly_the_methods():
    tables = {}
    for page in PAGES:
        for room, table in TABLE.findall(page.read_text("utf-8")):
            assert room not in tables, f"two tables of {room}"
            tables[room] = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert tables == {room: list(import_module(f"cuvee.{room}").METHODS) for room in ROOMS}


@pytest.mark.parametrize(
    ("room", "file"),
    [
        ("mix", "mixing.md"),
        ("predict", "predict.md"),
        ("select", "select.md"),
        ("measure", "measure.md"),
    ],
)
def test_evidence_in_the_docs_is_what_came_out(room, file):
    results = json.loads((ROOT / "evidence" / "results.json").read_text("utf-8"))
    page = (ROOT / "docs" / file).read_text("utf-8").partition(f"<!-- evidence: {room} -->")[2]
    for title, holds in (("holds here", True), ("does not hold here", False)):
        row = re.search(rf"^\| {title} \| (.*) \|$", page, re.MULTILINE)
        assert row
        named = re.findall(r"`([^`]+)`", row[1])
        found = [n.removeprefix(f"{room}/") for n in results if n.startswith(f"{room}/")]
        assert named == [n for n in found if results[f"{room}/{n}"]["holds"] is holds]


def test_quickstart_has_every_flag_of_blend(capsys):
    with pytest.raises(SystemExit):
        main(["blend", "--help"])
    flags = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    quickstart = (ROOT / "docs" / "quickstart.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(--[a-z-]+)", quickstart, re.MULTILINE)) == flags


def test_changelog_has_this_version():
    assert f"## [{cuvee.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_examples_in_docstrings_run():
    result = doctest.testmod(driver)
    assert result.attempted >= 6
    assert result.failed == 0
