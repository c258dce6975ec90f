"""What is fuzzed: each reader of cuvee, with a few small valid files to start from.

A target writes the input into files of an empty folder and reads them; it may raise CuveeError
with a message of one line, and nothing else.
"""

import argparse
import csv
import gzip
import hashlib
import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from cuvee import sources
from cuvee.cli import blend
from cuvee.core.codec import from_bytes, to_bytes
from cuvee.core.data import Reject
from cuvee.core.recipe import Recipe
from cuvee.core.run_files import read_runs
from cuvee.core.units import Tokenizer
from cuvee.export.reading import finished
from cuvee.sources import open_source

TEXTS = ["plain words", "Grüße, 世界, 🎻", 'he said "yes, no"\nand left\r\n', "a \0 NUL", "x" * 300]
COUNTS = struct.Struct("<3q")
"""How a worker tells inputs begun, read and refused."""
BETWEEN = b"\n--\n"
"""Between the parts of an input that becomes several files."""


@dataclass(frozen=True, slots=True)
class Target:
    """One reader.

    Args:
        seeds: Inputs to start from.
        read: Reads an input, written to files in the folder.
        weight: Inputs, compared with other targets.
    """

    seeds: tuple[bytes, ...]
    read: Callable[[bytes, Path], None]
    weight: int = 2


def _look(folder: Path, name: str) -> None:
    """Read everything; what is read must be text, and what is rejected must say so."""
    source = open_source("s", str(folder / name))
    for piece in source.pieces():
        for batch in source.read(piece):
            batch.text.validate(full=True)
            if batch.text.type != pa.large_string() or batch.text.null_count:
                raise AssertionError(f"a batch of {batch.text.type}")
            for bad in batch.rejected:
                if not (bad.place and bad.reason and len(bad.sample) <= 1000):
                    raise AssertionError(f"a reject that says too little or too much: {bad}")
                if not bad.sample.isprintable():
                    raise AssertionError(f"a sample that is not printable: {bad.sample!r}")


def _file(name: str) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        (folder / name).write_bytes(data)
        _look(folder, name)

    return read


def _packed(name: str, pack: Callable[[bytes], bytes]) -> Callable[[bytes, Path], None]:
    """An input whose first byte is even is packed first: else checksums stop all that is new."""

    def read(data: bytes, folder: Path) -> None:
        inner = data[1:]
        (folder / name).write_bytes(inner if data[:1] and data[0] % 2 else pack(inner))
        _look(folder, name)

    return read


def _either(pack: Callable[[bytes], bytes], *seeds: bytes) -> tuple[bytes, ...]:
    return (*(b"0" + seed for seed in seeds), *(b"1" + pack(seed) for seed in seeds))


def _folder(data: bytes, folder: Path) -> None:
    place = folder / "folder"
    place.mkdir(exist_ok=True)
    for i, part in enumerate(data.split(BETWEEN)[:4]):
        (place / f"{i}.py").write_bytes(part)
    _look(folder, "folder")


def _saved(data: bytes, folder: Path) -> None:
    place = folder / "saved"
    place.mkdir(exist_ok=True)
    state, _, table = data.partition(BETWEEN)
    (place / "state.json").write_bytes(state)
    (place / "a.arrow").write_bytes(table)
    _look(folder, "saved")


def _npz(data: bytes, folder: Path) -> None:
    """The bytes of a `.npz`, or of the arrays in it."""
    if data[:1] == b"1":
        (folder / "a.npz").write_bytes(data[1:])
    else:
        with zipfile.ZipFile(folder / "a.npz", "w") as file:
            for name, part in zip(("x.npy", "y.npy"), data[1:].split(BETWEEN)):
                file.writestr(name, part)
    _look(folder, "a.npz")


def _recipe(data: bytes, folder: Path) -> None:
    """All of `cuvee rerun` before it opens the sources."""
    (folder / "recipe.json").write_bytes(data)
    Recipe.load(folder / "recipe.json").changes(Recipe({"seed": 1}, {"a": {"f": "0"}}, {"v": "0"}))
    options = argparse.Namespace(
        recipe=str(folder / "recipe.json"), out=None, resume=False, quiet=True
    )
    with patch.object(blend, "answer_and_write", lambda *args, **settings: None):
        blend.rerun(options)


def _runs(name: str) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        (folder / name).write_bytes(data)
        read_runs(folder / name)

    return read


def _two_tables(data: bytes, folder: Path) -> None:
    first, _, second = data.partition(BETWEEN)
    (folder / "ratios.csv").write_bytes(first)
    (folder / "metrics.csv").write_bytes(second)
    read_runs(folder)


def _tokenizer(data: bytes, folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(data)
    units = Tokenizer(str(folder / "tokenizer.json"))
    list(units.cut(pa.array(TEXTS, pa.large_string())))


def _manifest(data: bytes, folder: Path) -> None:
    (folder / "manifest.json").write_bytes(data)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "part-00000.parquet").write_bytes(b"12345")
    finished(folder, hashed=True)


def _kept(data: bytes, folder: Path) -> None:
    """Results of jobs: what was packed, or the bytes themselves."""
    from_bytes(data[1:] if data[:1] == b"1" else _zst(data[1:]))


def _json_lines(texts: list[str]) -> bytes:
    odd = [b"", b'{"text": null}', b'{"text": "\\ud800"}', b"[1]", b'{"text": NaN}', b'{"x": 1']
    return b"\n".join([*(orjson.dumps({"id": 1, "text": t}) for t in texts), *odd])


def _csv(texts: list[str], separator: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows([["id", "text"], *enumerate(texts)])
    return out.getvalue().encode()


def _parquet(texts: pa.Array, **settings: object) -> bytes:
    out = io.BytesIO()
    table = pa.table({"id": range(len(texts)), "text": texts})
    pq.write_table(table, out, row_group_size=2, **settings)
    return out.getvalue()


def _ipc(texts: pa.Array, stream: bool, compression: str | None = None) -> bytes:
    out = io.BytesIO()
    table = pa.table({"id": range(len(texts)), "text": texts})
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(out, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=2)
    return out.getvalue()


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _npz_seeds() -> tuple[bytes, ...]:
    x, y = np.arange(12.0).reshape(4, 3), np.array([0, 1, 1, 0])
    out = io.BytesIO()
    np.savez(out, x=x, y=y)
    parts = [(x, y), (x.astype(np.int8), np.array(["a", "b", "a", "c"])), (x, y.astype(float))]
    return (b"1" + out.getvalue(), *(b"0" + BETWEEN.join(map(_npy, part)) for part in parts))


def _zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, 1)


ARRAYS = (
    pa.array(TEXTS),
    pa.array([*TEXTS, None], pa.large_string()),
    pa.array([None, b"\xff", *(t.encode() for t in TEXTS)], pa.binary()),
    pa.array(TEXTS * 2).dictionary_encode(),
)
RECIPE = orjson.dumps({
    "settings": {
        "sources": {"a": "a.jsonl", "b": ["b.csv"]}, "target": "v.jsonl", "budget": 1000,
        "method": "descent", "objective": {"v": 1.0}, "max_epochs": "inf", "min_share": {"a": 0.1},
        "fixed": None, "proxy": "counts", "seed": 0, "strict": False, "target_tokens": 100,
        "runs": ["r.csv"], "split": {"a": {"c": 0.5, "d": 0.5}}, "incomplete": "drop",
    },
    "fingerprints": {"source a": {"a.jsonl": "blake2b:0"}}, "versions": {"cuvee": "0"},
})  # fmt: skip
RUNS = b"run,tokens,params,seed,share/a,share/b,loss/v\n1,10,5,0,0.5,0.5,3.2\n2,10,5,1,1,0,3.1\n"
TABLES = b"run,name,index,a,b\n1,x,0,.5,.5\n2,y,1,1,0\n" + BETWEEN + b"run,v\n1,3.2\n2,3.1\n"
LIST = orjson.dumps({
    "version": "1.0", "added_tokens": [], "normalizer": None,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                      "use_regex": True},
    "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True,
                                        "trim_offsets": True, "use_regex": True},
    "model": {"type": "BPE", "dropout": None, "unk_token": None, "fuse_unk": False,
              "continuing_subword_prefix": None, "end_of_word_suffix": None,
              "byte_fallback": False, "ignore_merges": False,
              "vocab": {"a": 0, "b": 1, "ab": 2, "s": 3, "abs": 4},
              "merges": [["a", "b"], ["ab", "s"]]},
})  # fmt: skip


def _run_table() -> bytes:
    rows = [{"run": "1", "tokens": 10.0, "params": 5.0, "share/a": 0.5, "share/b": 0.5,
             "loss/v": 3.2}, {"run": "2", "tokens": 10.0, "params": None, "share/a": 1.0,
             "share/b": 0.0, "loss/v": 3.1}]  # fmt: skip
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


SHARD = {"file": "data/part-00000.parquet", "bytes": 5, "documents": 1, "tokens": 2,
         "sha256": hashlib.sha256(b"12345").hexdigest()}  # fmt: skip
MANIFEST = orjson.dumps({"unit": "words", "tokens": 2, "sources": {}, "shards": [SHARD]})
KEPT = to_bytes((np.arange(5), ["a", 1.5, None, b"x"], {"k": Reject("a:1", "bad")}, 2**70))
UNPACKED = zstandard.ZstdDecompressor().decompressobj().decompress(KEPT)
STREAM = _ipc(ARRAYS[0], stream=True)
STATE = orjson.dumps({"_data_files": [{"filename": "a.arrow"}], "_split": None})
TARGETS: Mapping[str, Target] = {
    "jsonl": Target((_json_lines(TEXTS), b"\xef\xbb\xbf" + _json_lines(TEXTS)), _file("a.jsonl")),
    "jsonl.gz": Target(_either(_gz, _json_lines(TEXTS)), _packed("a.jsonl.gz", _gz)),
    "jsonl.zst": Target(_either(_zst, _json_lines(TEXTS)), _packed("a.jsonl.zst", _zst)),
    "csv": Target((_csv(TEXTS), b'id,text\n1,"a\n2,b"\n3,c\n'), _file("a.csv")),
    "tsv.zst": Target(_either(_zst, _csv(TEXTS, "\t")), _packed("a.tsv.zst", _zst), 1),
    "parquet": Target(
        (*(_parquet(a) for a in ARRAYS),
         *(_parquet(ARRAYS[0], compression=c) for c in ("none", "zstd", "gzip")),
         _parquet(ARRAYS[0], version="1.0", use_dictionary=False, data_page_version="2.0")),
        _file("a.parquet"), 4,
    ),
    "arrow": Target(
        (*(_ipc(a, stream=True) for a in ARRAYS), _ipc(ARRAYS[0], True, "zstd"),
         _ipc(ARRAYS[0], True, "lz4")), _file("a.arrow"), 4,
    ),
    "feather": Target(
        (*(_ipc(a, stream=False) for a in ARRAYS), _ipc(ARRAYS[0], False, "zstd")),
        _file("a.feather"), 3,
    ),
    "text": Target(tuple(t.encode() for t in TEXTS), _file("a.txt")),
    "text.gz": Target(_either(_gz, "\n".join(TEXTS).encode()), _packed("a.txt.gz", _gz), 1),
    "folder": Target((BETWEEN.join(t.encode() for t in TEXTS[:3]),), _folder, 1),
    "saved": Target((STATE + BETWEEN + STREAM,), _saved),
    "npz": Target(_npz_seeds(), _npz),
    "recipe": Target((RECIPE,), _recipe),
    "runs.csv": Target((RUNS,), _runs("runs.csv")),
    "runs.parquet": Target((_run_table(),), _runs("runs.parquet")),
    "two tables": Target((TABLES,), _two_tables, 1),
    "manifest": Target((MANIFEST,), _manifest, 1),
    "kept results": Target((b"1" + KEPT, b"0" + UNPACKED), _kept, 1),
    "tokenizer": Target((LIST,), _tokenizer, 1),
}  # fmt: skip
FORMATS = set(sources.METHODS) - {"memory", "table"}
"""Every reader of files; `feather` is `arrow` by another name."""
