"""Bad input: one clear line on stderr, exit status 2, nothing half-written."""

import errno
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from tests.cli.world import COMMON, SOURCES, lines, refused, run, start
from tests.export.world import tree

from cuvee import mix
from cuvee.cli import main
from cuvee.testing.proxies import language

TWO = ("web=web.jsonl", "code=code.parquet")
TARGET = ("--target", "val.jsonl")


def blend(capsys, *words, target=TARGET, budget="9k"):
    return run(capsys, "blend", *words, *target, "--budget", budget, "--out", "mixed")


def nothing_written(folder=Path("mixed")):
    return not folder.exists() or not tree(folder)


# Sources


def test_empty_file(world, capsys):
    Path("web.jsonl").write_bytes(b"")
    refused(blend(capsys, *TWO), "web", "no bytes")
    assert nothing_written()


def test_file_without_a_document(world, capsys):
    Path("web.jsonl").write_bytes(b"\n\n")
    ran = blend(capsys, *TWO)
    refused(ran, "web")
    assert nothing_written()


@pytest.mark.parametrize("command", ["blend", "trial"])
def test_source_of_empty_documents(world, capsys, command):
    Path("web.jsonl").write_bytes(lines(["", "", ""]))
    words = ("--shares", "web=1") if command == "trial" else ("--out", "mixed")
    ran = run(capsys, command, *TWO, *TARGET, "--budget", "9k", *words)
    refused(ran, "web", "no tokens")
    assert nothing_written()


@pytest.mark.parametrize("command", ["blend", "trial"])
def test_target_that_is_a_source_file(world, capsys, command):
    """All its documents are set apart, so that nothing is left to train on."""
    words = ("--shares", "web=1") if command == "trial" else ("--out", "mixed")
    ran = run(capsys, command, *TWO, "--target", "web.jsonl", "--budget", "9k", *words)
    refused(ran, "web", "target", "--target web")
    assert nothing_written()


def test_missing_column(world, capsys):
    pq.write_table(pa.table({"words": ["a"], "other": ["b"]}), "code.parquet")
    refused(blend(capsys, *TWO), "code.parquet", "words", "other")
    refused(run(capsys, "blend", *TWO, *TARGET, "--budget", "9k", "--text-column", "texxt"),
            "texxt")  # fmt: skip


@pytest.mark.parametrize("missing", ["none.jsonl", "none/*.jsonl", "none"])
def test_missing_file(world, capsys, missing):
    refused(blend(capsys, f"web={missing}", "code=code.parquet"), "web", "none")


def test_directory_without_files(world, capsys):
    Path("void").mkdir()
    refused(blend(capsys, "web=void", "code=code.parquet"), "web", "void")


def spoil(path="web.jsonl"):
    good = lines(language(1, 300, 0)).splitlines(keepends=True)
    Path(path).write_bytes(
        b"".join([*good[:50], b'{"text": "\xff\xfe"}\n', b"{half\n", *good[50:]])
    )


def test_bad_encoding_is_counted(world, capsys):
    spoil()
    ran = run(capsys, "blend", *COMMON, "--out", "mixed")
    assert ran.status == 0
    assert "2 records could not be read" in ran.out
    files = tree(world / "mixed")
    quarantine = files["quarantine.jsonl"].splitlines()
    assert len(quarantine) == 2
    assert b"web.jsonl:51" in quarantine[0]
    assert b'"quarantined": 2' in files["manifest.json"]
    assert b'"web": 2' in files["blend.json"]


def test_bad_encoding_is_fatal_if_strict(world, capsys):
    spoil()
    ran = run(capsys, "blend", *COMMON, "--out", "mixed", "--strict")
    refused(ran, "web.jsonl:51", "Mend it, or leave out --strict")
    assert nothing_written()


@pytest.mark.parametrize("suffix", ["jsonl.zst", "jsonl.gz"])
def test_cut_short(world, capsys, suffix):
    whole = zstandard.ZstdCompressor().compress(Path("web.jsonl").read_bytes())
    Path(f"web.{suffix}").write_bytes(whole[: len(whole) // 2])
    refused(blend(capsys, f"web=web.{suffix}", "code=code.parquet"), f"web.{suffix}", "expected")
    assert nothing_written()


def test_unreadable_file(world, capsys, monkeypatch):
    """Refused by hand, as the tests may run as root, who may read everything."""
    real = Path.open

    def refuse(self, *args, **settings):
        if self.name == "web.jsonl":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(self, *args, **settings)

    monkeypatch.setattr(Path, "open", refuse)
    refused(blend(capsys, *TWO), "web.jsonl", "ermission")


@pytest.mark.parametrize("words", [("web.jsonl",), ("=web.jsonl",), ("web=",)])
def test_source_that_is_not_name_and_path(world, capsys, words):
    refused(blend(capsys, *words), "NAME=PATH")


def test_duplicate_source_names(world, capsys):
    refused(blend(capsys, "web=web.jsonl", "web=code.parquet"), "two sources are called 'web'")


@pytest.mark.parametrize("target", ["own", "other"])
def test_one_document(world, capsys, target):
    Path("one.jsonl").write_bytes(lines([language(1, 300, 0)[0]]))
    words = TARGET if target == "other" else ()
    ran = run(capsys, "blend", "one=one.jsonl", *words, "--budget", "20", "--out", "mixed")
    if target == "other":
        assert ran.status == 0
        assert "Wrote 20 tokens" in ran.out
    else:
        refused(ran, "one")
        assert nothing_written()


# Targets


def test_unknown_target(world, capsys):
    refused(blend(capsys, *TWO, target=("--target", "wbe")), "unknown target", "'wbe'",
            "Did you mean 'web'")  # fmt: skip


def test_empty_target(world, capsys):
    Path("val.jsonl").write_bytes(lines([""]))
    refused(blend(capsys, *TWO), "val")
    assert nothing_written()


def test_duplicate_target_names(world, capsys):
    Path("other").mkdir()
    Path("other/val.jsonl").write_bytes(Path("val.jsonl").read_bytes())
    words = ("--target", "val.jsonl", "--target", "other/val.jsonl")
    refused(blend(capsys, *TWO, target=words), "two targets are called 'val'")


# Numbers


@pytest.mark.parametrize(
    ("budget", "part"),
    [("0", "at least one token"), ("-5", "at least one token"), ("-5M", "at least one token"),
     ("much", "a budget looks like 10M"), ("nan", "a budget looks like"), ("", "a budget looks"),
     ("10B", "beyond the data"), ("1e300", "beyond the data")],
)  # fmt: skip
def test_budget(world, capsys, budget, part):
    ran = run(capsys, "blend", *TWO, *TARGET, f"--budget={budget}", "--out", "mixed")
    refused(ran, part)
    assert nothing_written()


FLAGS = {
    "method": (["--method", "desent"], "unknown mix method 'desent'. Did you mean 'descent'"),
    "objective": (["--objective", "wurst"], "Did you mean 'worst'"),
    "objective target": (["--objective", "vall=1"], "Did you mean 'val'"),
    "format": (["--format", "parket"], "unknown export method 'parket'. Did you mean 'parquet'"),
    "proxy": (["--proxy", "count"], "unknown proxies method 'count'. Did you mean 'counts'"),
    "fixed over 1": (["--fix", "web=1.5"], "must lie between 0 and 1"),
    "fixed nan": (["--fix", "web=nan"], "must lie between 0 and 1"),
    "fixed over cap": (["--fix", "web=0.9", "--max-epochs", "0.1"], "more than max_epochs allow"),
    "fixed source": (["--fix", "wbe=0.1"], "Did you mean 'web'"),
    "fixed nothing": (["--fix", "0.1"], "NAME=NUMBER"),
    "cap": (["--max-epochs", "0"], "max_epochs must be above 0"),
    "cap word": (["--max-epochs", "many"], "--max-epochs: expected a number"),
    "cap nan": (["--max-epochs", "nan"], "max_epochs must be a number"),
    "cap source": (["--max-epochs", "wbe=2"], "Did you mean 'web'"),
    "floor": (["--min-share", "0.8"], "least shares sum to 1.6"),
    "floor word": (["--min-share", "web=x"], "NAME=NUMBER"),
    "negative floor": (["--min-share=-0.1"], "min_share must lie between 0 and 1"),
    "tokenizer": (["--tokenizer", "none.json"], "no such tokenizer"),
    "seed": (["--seed", "-1"], "the seed must be a whole number"),
    "seed word": (["--seed", "x"], "--seed"),
    "workers": (["--workers", "-1"], "workers must be 0"),
    "target tokens": (["--target-tokens", "0"], "target_tokens must be at least 1"),
    "flag": (["--objectiv3"], "--objectiv3"),
}


@pytest.mark.parametrize("flag", FLAGS)
def test_flags(world, capsys, flag):
    words, part = FLAGS[flag]
    refused(blend(capsys, *TWO, *words), part)
    assert nothing_written()


def test_missing_words(world, capsys):
    refused(run(capsys, "blend", *TWO), "--budget")
    refused(run(capsys, "blnd"), "blnd")
    refused(run(capsys), "COMMAND")
    refused(run(capsys, "methods", "mixx"), "unknown room 'mixx'. Did you mean 'mix'")


@pytest.mark.parametrize("method", mix.METHODS)
def test_every_method_refuses_a_budget_beyond_the_data(world, capsys, method):
    refused(blend(capsys, *TWO, "--method", method, budget="10B"), "beyond the data")


# Folders and disks


@pytest.fixture(scope="module")
def whole(_made, tmp_path_factory):
    """What is written where nothing refuses."""
    folder = tmp_path_factory.mktemp("whole") / "world"
    shutil.copytree(_made, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["blend", *COMMON, "--out", "mixed", "--quiet"]) == 0
    return tree(folder / "mixed")


@pytest.mark.parametrize(
    ("nth", "number"),
    [(1, errno.ENOSPC), (4, errno.ENOSPC), (8, errno.ENOSPC),
     (1, errno.EROFS), (4, errno.EACCES), (8, errno.EDQUOT)],
)  # fmt: skip
def test_disk_that_refuses(world, whole, capsys, monkeypatch, nth, number):
    calls = []
    real = os.fsync

    def refuse(handle):
        calls.append(handle)
        if len(calls) >= nth:
            raise OSError(number, os.strerror(number))
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        ran = run(capsys, "blend", *COMMON, "--out", "mixed", "--workers", "1")
    refused(ran, "cannot write")
    assert not list(Path("mixed").rglob("*.tmp"))
    again = run(capsys, "blend", *COMMON, "--out", "mixed", "--resume", "--quiet")
    assert again.status == 0
    assert tree(Path("mixed")) == whole


def test_folder_not_writable(world, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    refused(blend(capsys, *TWO), "cannot write mixed", "no permission")


def test_folder_taken(world, capsys):
    Path("mixed").mkdir()
    Path("mixed/letter.txt").write_text("dear")
    refused(blend(capsys, *TWO), "mixed is not empty")
    assert tree(Path("mixed")) == {"letter.txt": b"dear"}
    refused(run(capsys, "blend", *TWO, *TARGET, "--budget", "9k", "--out", "web.jsonl"),
            "--out web.jsonl lies in source 'web'")  # fmt: skip
    Path("notes.txt").write_text("mine")
    refused(run(capsys, "blend", *TWO, *TARGET, "--budget", "9k", "--out", "notes.txt"),
            "cannot write notes.txt")  # fmt: skip
    assert Path("notes.txt").read_text() == "mine"


def test_folder_of_another_job(world, capsys):
    assert blend(capsys, *TWO).status == 0
    refused(blend(capsys, *TWO), "mixed holds a finished dataset")
    ran = run(capsys, "blend", *TWO, *TARGET, "--budget", "8k", "--out", "mixed", "--resume")
    refused(ran, "cannot be resumed", "budget was 9000, is 8000")


# Rerun


def test_rerun_of_changed_data(world, capsys):
    assert blend(capsys, *TWO).status == 0
    with Path("web.jsonl").open("ab") as file:
        file.write(lines(["one more"]))
    ran = run(capsys, "rerun", "mixed/recipe.json", "--out", "again")
    refused(ran, "made from other data", "source web", "web.jsonl")
    assert nothing_written(Path("again"))


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"settings": {"sources": 3}}'])
def test_rerun_of_no_recipe(world, capsys, content):
    if content is not None:
        Path("recipe.json").write_bytes(content)
    refused(run(capsys, "rerun", "recipe.json", "--out", "again"), "recipe")


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        (b'{"sources": {"web": "web.jsonl"}, "sead": 1}', "Did you mean 'seed'"),
        (b'{"sources": {"web": "(in memory)"}}', "was in memory"),
        (b'{"sources": ["web"]}', "recipe"),
        (b'{"budget": "9k"}', "recipe"),
        (b'{"sources": {"web": "web.jsonl"}, "seed": "x"}', "seed: expected int"),
    ],
)
def test_rerun_of_a_recipe_with_other_settings(world, capsys, settings, part):
    recipe = b'{"settings": %s, "fingerprints": {}, "versions": {}}' % settings
    Path("recipe.json").write_bytes(recipe)
    refused(run(capsys, "rerun", "recipe.json", "--out", "again"), part)


# Mixtures

CSVS = {
    "unknown source": ("share/web,share/wob\n0.5,0.5\n", "unknown source in m.csv 'wob'"),
    "no share columns": ("web,code\n0.5,0.5\n", "no column share/<source>: it has web, code"),
    "short row": ("share/web,share/code\n0.5\n", "m.csv, line 2: expected 2 values"),
    "long row": ("share/web,share/code\n1,0\n0,1,2\n", "m.csv, line 3: expected 2 values"),
    "no rows": ("share/web,share/code\n", "m.csv has no rows"),
    "empty": ("", "m.csv has no rows"),
    "word": ("share/web,share/code\n1,x\n", "m.csv, line 2: share/code is 'x', expected a number"),
    "no value": ("share/web,share/code\n1,\n", "share/code is '', expected a number"),
    "nan": ("share/web,share/code\n1,0\nnan,1\n", "mixture 2: the share of 'web' is nan"),
    "negative": ("share/web,share/code\n1.5,-0.5\n", "the share of 'code' is -0.5"),
    "sum": ("share/web,share/code\n0.5,0.2\n", "mixture 1: shares sum to 0.7, expected 1"),
    "twice": ("share/web,share/web,share/code\n0,1,0\n", "share/web"),
    "not text": ("\xff\xfe\0", "m.csv"),
}


@pytest.mark.parametrize("name", CSVS)
def test_mixtures(world, capsys, name):
    content, part = CSVS[name]
    Path("m.csv").write_bytes(content.encode("latin-1"))
    ran = run(capsys, "trial", *TWO, *TARGET, "--budget", "9k", "--shares", "m.csv",
              "--out", "losses.csv")  # fmt: skip
    refused(ran, part)
    assert not Path("losses.csv").exists()


@pytest.mark.parametrize(
    ("shares", "part"),
    [
        ("none.csv", "cannot read none.csv"),
        ("web=0.5", "shares sum to 0.5"),
        ("web=0.5,cod=0.5", "Did you mean 'code'"),
        ("web=x,code=1", "expected NAME=NUMBER"),
        ("web=0.5,web=0.5", "'web' is given twice"),
        ("web=nan,code=1", "the share of 'web' is nan"),
        ("web=-1,code=2", "the share of 'web' is -1"),
    ],
)
def test_shares(world, capsys, shares, part):
    refused(run(capsys, "trial", *TWO, *TARGET, "--budget", "9k", "--shares", shares), part)


def test_trial_to_a_place_that_cannot_be_written(world, capsys):
    ran = run(capsys, "trial", *TWO, *TARGET, "--budget", "9k", "--shares", "web=1",
              "--out", "none/losses.csv")  # fmt: skip
    refused(ran, "cannot write none/losses.csv")


def test_in_a_process_of_its_own(world):
    """The same line and status where the interpreter really ends."""
    process = start("blend", *SOURCES, *TARGET, "--budget", "0", cwd=world)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err == "cuvee: the budget must be at least one token, got '0'.\n"
