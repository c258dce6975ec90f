"""Small sources, and folders as dictionaries."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
import orjson
from benchmarks.writers import FORMATS
from benchmarks.writers import write as write_texts

from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.export.write import write_dataset
from cuvee.testing.proxies import Texts, language, serial

SHARES = np.array([0.6, 0.25, 0.15])
NAMES = ("web", "code", "books")


def tree(folder: Path) -> Mapping[str, bytes]:
    """Every file by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def sources(documents: int = 400, piece: int = 60) -> tuple[Texts, ...]:
    """Three sources; the last is a tenth of the size."""
    sizes = (documents, documents, documents // 10)
    return tuple(
        Texts(name, language(i, n, 5), piece=piece, batch=17)
        for i, (name, n) in enumerate(zip(NAMES, sizes))
    )


def data(engine=serial, **size) -> Data:
    return Data(sources(**size), (), Words(), engine)


def write(out: Path, question: Data, tokens: int, format, shares=SHARES, **settings):
    """Write a dataset the short way; its manifest."""
    survey, _ = question.survey()
    return write_dataset(out, question, survey, shares, tokens, format=format, seed=0, **settings)


def read_jsonl(out: Path) -> list[dict]:
    """All documents of a dataset in jsonl.zst, in order."""
    import zstandard

    rows: list[dict] = []
    for path in sorted((out / "data").glob("*.jsonl.zst")):
        with path.open("rb") as raw:
            content = zstandard.ZstdDecompressor().stream_reader(raw).read()
        rows.extend(orjson.loads(line) for line in content.splitlines())
    return rows


def many_small_parts(monkeypatch) -> None:
    """Several pieces a source, spill files a piece and shards a dataset."""
    names = ("files", "parquet", "arrow", "plain", "memory")
    # All imported before the first is patched: they take the number from one another.
    for module in [import_module(f"cuvee.sources.{name}") for name in names]:
        monkeypatch.setattr(module, "PIECE", 6000)
    monkeypatch.setattr("cuvee.export.write.SPILL_BYTES", 2000)
    monkeypatch.setitem(write_dataset.__kwdefaults__, "shard_bytes", 9000)


def corpus(place, formats=FORMATS, documents=60):
    """A source in each format, and what `cuvee.blend` is asked."""
    found = {}
    for i, kind in enumerate(formats):
        texts = list(language(i % 3, documents, i))
        found[kind.replace(".", "_")] = str(write_texts(place, f"source{i}", texts, kind))
    return {"sources": found, "target": next(iter(found)), "budget": "9k", "method": "uniform"}


def same(some, others):
    some, others = list(some), list(others)
    assert [len(table) for table in some] == [len(table) for table in others]
    assert all(a.schema.equals(b.schema) and a.equals(b) for a, b in zip(some, others))
