"""Bad files and odd names given to `cuvee blend --out`: exact counts, and nothing else touched."""

import json
from pathlib import Path

import pytest
from tests.hostile.corpus import CASES
from tests.hostile.world import build, html_skeleton, markdown_skeleton, run, tree

READABLE = [n for n, case in CASES.items() if case.documents and not n.endswith(".npz")]
REFUSED = [n for n, case in CASES.items() if case.documents is None]
COMMON = ("--target", "val.jsonl", "--budget", "3k", "--max-epochs", "inf", "--workers", "1")
NAMES = (
    "../../x", "a/b", "con", "-rf", "<script>alert(1)</script>", "--></style><img src>",
    "\"'><b onload", "`rm`|$(ls)|[x](y)", "nul\0nul", "\x1b[31mred\u202e", "%s{}%n", "~",
    "very long " * 30, "ü" * 200, "\u2028</td></script>", "&lt;i&gt;&amp;", "*_~#", "C:\\x",
)  # fmt: skip


@pytest.fixture
def world(tmp_path, monkeypatch):
    """The place where commands run, with files around it that must stay as they are."""
    place = tmp_path / "around" / "world"
    place.mkdir(parents=True)
    build(place)
    (tmp_path / "around" / "canary").write_text("untouched")
    monkeypatch.chdir(place)
    return place


def quarantine(out: Path) -> list[dict]:
    file = out / "quarantine.jsonl"
    return [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []


def test_counts_are_exact_and_nothing_else_is_touched(world, capsys):
    """All readable cases at once, each a source of its own."""
    for name in READABLE:
        CASES[name].write(world / name)
    before = tree(world.parents[1])
    words = [f"{name}={name}" for name in READABLE]
    words += [*COMMON, "--method", "uniform", "--out", "out"]
    status, _, err = run(capsys, "blend", *words)
    assert (status, err.count("Traceback")) == (0, 0), err
    manifest = json.loads((world / "out" / "manifest.json").read_text())
    planted = {name: CASES[name].rejects for name in READABLE}
    assert {n: s["quarantined"] for n, s in manifest["sources"].items()} == planted
    found = [row["source"] for row in quarantine(world / "out")]
    assert {name: found.count(name) for name in READABLE} == planted
    assert json.loads((world / "out" / "blend.json").read_text())["quarantined"] == planted
    assert tree(world.parents[1], world / "out") == before


def test_refused_in_one_line_and_nothing_is_written(world, capsys):
    for name in REFUSED:
        CASES[name].write(world / name)
    before = tree(world.parents[1])
    for name in REFUSED:
        words = (f"bad={name}", "good=good.jsonl", *COMMON, "--out", "out", "--quiet")
        status, out, err = run(capsys, "blend", *words)
        assert (status, out, err.count("\n")) == (2, "", 1), (name, err)
        assert err.startswith("cuvee: "), err
        assert err.strip().isprintable()
    assert tree(world.parents[1]) == before


def _names(world, capsys, names, out):
    """Blend of sources of these names, all with the same content; its folder."""
    words = [f"{name}=good.jsonl" for name in names]
    targets = [word for name in names[:3] for word in ("--target", f"t{name}=val.jsonl")]
    status, said, err = run(capsys, "blend", *targets, *COMMON[2:], "--out", out, "--", *words)
    assert status == 0, err
    assert "\x1b" not in said
    return world / out


def test_names_stay_names(world, capsys):
    """The same files, the same elements and the same marks as with harmless names."""
    before = tree(world.parents[1])
    plain = [f"{i:02}".ljust(len(name), "x") for i, name in enumerate(NAMES)]
    odd, plain = _names(world, capsys, NAMES, "odd"), _names(world, capsys, plain, "plain")
    assert [p.relative_to(odd) for p in sorted(odd.rglob("*"))] == [
        p.relative_to(plain) for p in sorted(plain.rglob("*"))
    ]
    assert tree(world.parents[1], odd, plain) == before
    pages = [(folder / "report.html").read_text() for folder in (odd, plain)]
    assert html_skeleton(pages[0]) == html_skeleton(pages[1])
    cards = [(folder / "README.md").read_text() for folder in (odd, plain)]
    assert markdown_skeleton(cards[0]) == markdown_skeleton(cards[1])
    assert list(json.loads((odd / "manifest.json").read_text())["sources"]) == list(NAMES)


def test_names_stay_names_where_methods_are_compared(world, capsys):
    pages = []
    for i, names in enumerate((NAMES[:8], [f"{i}".ljust(len(n), "x") for i, n in
                                           enumerate(NAMES[:8])])):  # fmt: skip
        words = [f"{name}=good.jsonl" for name in names]
        target = ("--target", f"t{names[4]}=val.jsonl")
        methods = ("--methods", "uniform,natural,temperature", "--seeds", "1")
        options = (*target, *COMMON[2:], *methods, "--out", f"out{i}")
        status, _, err = run(capsys, "compare", *options, "--", *words)
        assert status in (0, 1), err
        pages.append((world / f"out{i}" / "comparison.html").read_text())
    assert html_skeleton(pages[0]) == html_skeleton(pages[1])


def test_what_is_in_files_stays_text(world, capsys):
    """Names of files and what bad records begin with reach the report only as text."""
    nasty = "</script><script>alert(1)<!--|`"
    for name in (nasty.replace("/", "_"), "plain"):
        Path(name).mkdir()
        good = Path("good.jsonl").read_text()
        shown = nasty if name != "plain" else "x" * len(nasty)
        record = json.dumps({"text": [shown]}) + "\n" + shown + "\n"
        Path(name, "a<b>.jsonl" if name != "plain" else "a_b_.jsonl").write_text(good + record)
        words = (f"s={name}/", *COMMON, "--out", f"out-{name == 'plain'}")
        status, _, err = run(capsys, "blend", *words)
        assert status == 0, err
    odd, plain = world / "out-False", world / "out-True"
    assert [row["sample"][:9] for row in quarantine(odd)] == ['{"text": ', "</script>"]
    pages = [(folder / "report.html").read_text() for folder in (odd, plain)]
    assert "a&lt;b&gt;.jsonl" in pages[0]
    assert html_skeleton(pages[0]) == html_skeleton(pages[1])
    cards = [(folder / "README.md").read_text() for folder in (odd, plain)]
    assert markdown_skeleton(cards[0]) == markdown_skeleton(cards[1])
