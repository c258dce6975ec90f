"""Drawing by number of the record gives what reading everything gives, or refuses."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.export.world import many_small_parts, tree

import cuvee
from cuvee import export
from cuvee.core.data import Data, batches
from cuvee.core.units import Words
from cuvee.export.drawing import DRAWN, drawn
from cuvee.export.job import planned, stretches
from cuvee.sources import jsonl, open_source
from cuvee.sources.memory import Memory
from cuvee.sources.part import Apart, Without
from cuvee.testing.proxies import language, serial

TEXTS = tuple(language(0, 240, 5))
APART = TEXTS[3::40]
BAD = ('{"text": 1}', "{", "[1]", "", "  ")


def write_jsonl(path: Path, texts=TEXTS) -> None:
    """Documents between lines that are none."""
    lines = [json.dumps({"text": t}) for t in texts]
    path.write_text("\n".join([BAD[2], *lines[:50], *BAD, *lines[50:], BAD[0]]))


def write_parquet(path: Path, texts=TEXTS) -> None:
    """Documents between nulls."""
    table = pa.table({"text": [None, *texts[:50], None, *texts[50:], None]})
    pq.write_table(table, path, row_group_size=40)


WRITERS = {"jsonl": write_jsonl, "parquet": write_parquet}


@pytest.fixture(params=WRITERS)
def world(request, tmp_path, monkeypatch):
    """A file in several pieces, its writer, and a source of it without some documents."""
    many_small_parts(monkeypatch)
    path, write = tmp_path / f"a.{request.param}", WRITERS[request.param]
    write(path)
    source = open_source("a", str(path), "text")
    return path, write, Without(source, Apart.of(batches(Memory("apart", APART))))


def planned_job(source, tokens):
    data = Data((source,), (), Words(), serial)
    some = {"format": export.load("parquet"), "seed": 0, "shard_bytes": 9000}
    return planned(Path("nowhere"), data, data.survey()[0], np.ones(1), tokens, **some)


def all_drawn(job, *, known=True, whole=True):
    """What is drawn from each piece."""
    for piece in stretches(job):
        draw = job.draws[0].between(piece.first, piece.first + piece.count)
        one = piece if known else replace(piece, gaps=None)
        yield pa.Table.from_batches(drawn(job.data, one, draw, whole=whole), DRAWN)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("tokens", [1, 500, 20_000])
def test_the_same_documents_as_by_reading_all(world, tokens, whole):
    job = planned_job(world[2], tokens)
    found = list(all_drawn(job, whole=whole))
    assert found == list(all_drawn(job, known=False, whole=whole))
    assert len(found) > 1
    assert sum(map(len, found)) == len(job.draws[0].row) > 0
    assert max(job.draws[0].epoch) == (tokens == 20_000), "some come twice"


def test_what_is_not_drawn_is_not_parsed(world, monkeypatch):
    job = planned_job(world[2], 500)
    looked_at = []

    def counted(lines, *rest):
        looked_at.extend(lines)
        return real(lines, *rest)

    real = jsonl._batch
    monkeypatch.setattr(jsonl, "_batch", counted)
    taken = sum(map(len, all_drawn(job)))
    assert len(looked_at) == (taken if world[0].suffix == ".jsonl" else 0)
    assert 0 < taken < len(TEXTS) / 2


def changed(texts, how, drawn_row):
    """Texts of a file that was written anew in between."""
    if how == "fewer":
        return texts[:-5]
    if how == "more":
        return (*texts, *texts[:5])
    return (*texts[:drawn_row], None, *texts[drawn_row + 1 :])


@pytest.mark.parametrize("how", ["fewer", "more", "another"])
def test_a_changed_file_is_refused(world, how):
    path, write, source = world
    job = planned_job(source, 500)
    stays = [text for text in TEXTS if text not in APART]
    row = TEXTS.index(stays[int(job.draws[0].row[-1])])
    assert job.data.sources[0].pieces() == source.pieces()
    write(path, changed(TEXTS, how, row))
    with pytest.raises(export.Changed, match=r"changed while cuvee was at work: .*a\."):
        list(all_drawn(job))


def test_whole_datasets_are_the_same(world, monkeypatch):
    path = world[0]
    question = {"target": list(APART), "budget": "3k", "method": "uniform", "workers": 1}
    answer = cuvee.blend({"a": str(path)}, **question)
    assert answer.survey.left_out == (len(APART),)
    answer.write(path.parent / "picked")
    monkeypatch.delattr(type(world[2].source), "pick")
    cuvee.blend({"a": str(path)}, **question).write(path.parent / "read")
    assert tree(path.parent / "picked") == tree(path.parent / "read")
