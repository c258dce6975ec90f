"""Reading back what was written: the manifest of a dataset, and its shards."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from cuvee.core import CuveeError
from cuvee.core.files import is_remote, sha256
from cuvee.export.drawing import DOCUMENT

NAME = re.compile(r"(data|index)/[a-z0-9-]+[.A-Za-z0-9]+")
"""Of a file in the manifest: nothing else may be opened because a manifest says so."""


def finished(out: Path, *, hashed: bool = False) -> dict[str, Any]:
    """The manifest of a dataset, once every file in it is found to be there.

    Args:
        out: Folder.
        hashed: Compare the hash of every file, too, not only its size.

    Raises:
        CuveeError: The folder holds no finished dataset, or a file is missing or another.
    """
    path = out / "manifest.json"
    try:
        manifest = orjson.loads(path.read_bytes())
        files = [(str(f["file"]), int(f["bytes"]), str(f["sha256"])) for f in listed(manifest)]
    except (FileNotFoundError, NotADirectoryError):
        begun = (out / "recipe.json").exists()
        advice = "it was interrupted, finish it with --resume" if begun else "choose its folder"
        raise CuveeError(
            f"{out}: expected a mixed dataset with a manifest.json: {advice}."
        ) from None
    except OSError as error:
        raise CuveeError(f"cannot read {path}: {error.strerror or error}.") from error
    except (KeyError, TypeError, ValueError):
        raise CuveeError(f"{path} is not a manifest that cuvee wrote.") from None
    for name, size, digest in files:
        _check(out, name, size, digest if hashed else None)
    return manifest


def listed(manifest: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Its files: shards, or those of the index."""
    return manifest["index"] if "index" in manifest else manifest["shards"]


def _check(out: Path, name: str, size: int, digest: str | None) -> None:
    if not NAME.fullmatch(name) or ".." in name:
        raise CuveeError(f"{out / 'manifest.json'} names {name!r}: no file that cuvee writes.")
    path = out / name
    try:
        found = path.stat().st_size
    except OSError as error:
        raise CuveeError(f"{path} is missing: write the dataset again.") from error
    if found != size:
        raise CuveeError(
            f"{path} has {found} bytes instead of {size}: it was changed or cut short, write the "
            "dataset again."
        )
    if digest is not None and sha256(path) != digest:
        raise CuveeError(f"{path} is not what was written: its hash differs, write it again.")


def shards(files: Sequence[Path]) -> Callable[..., Iterator[pa.Table]]:
    """A function that reads shards, one table each.

    Raises:
        CuveeError: They are in a format of the user's own.
    """
    for path in files:
        if not path.name.endswith((".parquet", ".jsonl.zst")):
            raise CuveeError(
                f"{path}: expected shards in .parquet or .jsonl.zst; read your own format yourself."
            )

    def read(start: int = 0, step: int = 1) -> Iterator[pa.Table]:
        for path in files[start::step]:
            with intact(path):
                table = _parquet(path) if path.name.endswith(".parquet") else _jsonl(path)
            yield table

    return read


@contextmanager
def intact(path: Path) -> Iterator[None]:
    """Turns what libraries raise about a damaged file into one line that says what to do."""
    try:
        yield
    except (pa.ArrowException, zstandard.ZstdError, OSError, ValueError) as error:
        came = (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")
        raise CuveeError(f"cannot read {path}: {came}. Write the dataset again.") from error


def _parquet(path: Path) -> pa.Table:
    source = path.open("rb") if is_remote(path) else pa.OSFile(str(path))
    with source, pq.ParquetFile(source) as file:
        return file.read(DOCUMENT.names, use_threads=False)


def _jsonl(path: Path) -> pa.Table:
    batches: list[pa.RecordBatch] = []
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as file:
        rest = b""
        while block := file.read(1 << 20):
            *lines, rest = (rest + block).split(b"\n")
            rows = orjson.loads(b"[" + b",".join(lines) + b"]")
            batches.append(pa.RecordBatch.from_pylist(rows, DOCUMENT))
    return pa.Table.from_batches(batches, DOCUMENT)
