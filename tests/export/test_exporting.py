"""From a mixed dataset to what a trainer reads: whole or not at all."""

import json
from pathlib import Path

import pytest

import cuvee
from cuvee.core import CuveeError

TEXTS = {
    "verse": [f"a rose is a rose number {i}" for i in range(80)],
    "prose": [f"the {i}th guest came late and left early" for i in range(80)],
}


@pytest.fixture(scope="module")
def answer():
    return cuvee.blend(TEXTS, target="verse", budget="1k")


@pytest.fixture(scope="module")
def mixed(answer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed") / "d"
    answer.write(folder)
    return folder


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_an_open_dataset_and_its_name_give_the_same(mixed, tmp_path):
    said = cuvee.export_dataset(mixed, "mds", tmp_path / "a")
    cuvee.export_dataset(cuvee.open_dataset(mixed), "mds", tmp_path / "b")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert str(tmp_path / "a") in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_what_is_there_is_kept(mixed, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.txt").write_text("mine")
    with pytest.raises(CuveeError, match=r"a is not empty: choose .* --resume"):
        cuvee.export_dataset(mixed, "mds", tmp_path / "a")
    with pytest.raises(CuveeError, match=r"holds something else: index.json is not the same"):
        cuvee.export_dataset(mixed, "mds", tmp_path / "a", resume=True)
    assert list(tree(tmp_path / "a").values()) == [b"mine"]
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_the_same_again_is_accepted(mixed, tmp_path):
    cuvee.export_dataset(mixed, "mds", tmp_path / "a")
    before = tree(tmp_path / "a")
    cuvee.export_dataset(mixed, "mds", tmp_path / "a", resume=True)
    assert tree(tmp_path / "a") == before


def test_a_failure_leaves_nothing(mixed, tmp_path):
    with pytest.raises(CuveeError, match="tokenizer"):
        cuvee.export_dataset(mixed, "tokens", tmp_path / "a")
    with pytest.raises(CuveeError, match="unknown trainers method 'mosaic'"):
        cuvee.export_dataset(mixed, "mosaic", tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_an_answer_that_was_not_written(answer, tmp_path):
    with pytest.raises(CuveeError, match="write it first"):
        cuvee.export_dataset(answer, "mds", tmp_path / "a")
    for name, texts in TEXTS.items():
        (tmp_path / f"{name}.txt").write_text("\n\n".join(texts))
    paths = {name: str(tmp_path / f"{name}.txt") for name in TEXTS}
    given = tmp_path / "val.jsonl"
    given.write_text('{"text": "a rose is a rose"}\n')
    found = cuvee.blend(paths, target=str(given), budget="1k")
    cuvee.export_dataset(found, "levanter", tmp_path / "a")
    found.write(tmp_path / "mixed")
    cuvee.export_dataset(tmp_path / "mixed", "levanter", tmp_path / "b")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_an_answer_and_its_folder_give_the_same_weights(tmp_path, monkeypatch):
    """Of documents that are drawn, empty ones among them, from lists of files."""
    monkeypatch.chdir(tmp_path)
    rows = [[json.dumps({"text": text}) for text in texts] for texts in TEXTS.values()]
    for name, lines in zip(("w0", "w1"), (rows[0][:40], [*rows[0][40:], *['{"text": ""}'] * 50])):
        Path(f"{name}.jsonl").write_text("\n".join(lines))
    Path("prose.jsonl").write_text("\n".join(rows[1]))
    paths = {"verse": "w0.jsonl,w1.jsonl", "prose": f"file://{tmp_path}/prose.jsonl"}
    found = cuvee.blend(paths, target=["a rose is a rose"], budget="1k", method="uniform")
    found.write("mixed")
    for stack in ("datasets_interleave", "streaming", "levanter"):
        cuvee.export_dataset(found, stack, f"{stack}-a")
        cuvee.export_dataset("mixed", stack, f"{stack}-b")
    content = [json.loads(Path(f"datasets_interleave-{x}/interleave.json").read_text())
               for x in "ab"]  # fmt: skip
    assert content[0] == content[1]
    verse, prose = content[0]["load_dataset"]
    assert verse["data_files"] == ["w0.jsonl", "w1.jsonl"]
    assert prose["data_files"] == [f"{tmp_path}/prose.jsonl"]
    whole = cuvee.open_dataset("mixed")
    assert [part.available_documents for part in whole.parts] == [130, 80]
    assert tree(Path("levanter-a")) == tree(Path("levanter-b"))
    with pytest.raises(CuveeError, match="lies in the dataset"):
        cuvee.export_dataset("mixed", "mds", "mixed/data/mds")
    with pytest.raises(CuveeError, match="lies in the dataset"):
        cuvee.export_dataset(whole, "mds", "mixed/data/mds")
    with pytest.raises(CuveeError, match="lies in source 'prose'"):
        cuvee.export_dataset(found, "levanter", "prose.jsonl")


def test_addresses_are_refused(mixed):
    with pytest.raises(CuveeError, match="exports are written on this machine"):
        cuvee.export_dataset(mixed, "mds", "s3://bucket/a")
