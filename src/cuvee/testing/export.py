"""What every format must do. Run it on your own: `check_format(YourFormat(), folder)`."""

import pickle
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from inspect import signature
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pyarrow as pa

from cuvee.contracts import Format
from cuvee.sources import open_source

STRANGE = (
    "plain words",
    "Grüße, 世界, 🎻 and \u2028 line separators \x85",
    "a \x00 NUL, a \ttab, a \\ and \\n",
    'he said "yes, no"\nand left\r\nfor good\n',
    " spaces at the ends ",
    "",
    "NA",
    "null",
    "3",
)
"""Text that formats like to spoil."""


def table(texts: Sequence[str]) -> pa.Table:
    """A shard as the writer hands it over."""
    n = len(texts)
    return pa.table(
        {
            "id": pa.array([f"web/{i}" for i in range(n)], pa.large_string()),
            "text": pa.array(texts, pa.large_string()),
            "source": pa.array(["web", "code"] * (n // 2) + ["web"] * (n % 2), pa.large_string()),
            "tokens": pa.array(np.arange(n), pa.uint32()),
        }
    )


TABLES = {
    "strange texts": table(STRANGE),
    "one document": table(["alone"]),
    "no document": table([]),
    "many documents": table([f"document {i} " * (i % 7) for i in range(25_000)]),
    "one long document": table(["lorem ipsum " * 300_000]),
    "in chunks": pa.concat_tables([table(STRANGE), table([]), table(STRANGE)]),
}


def write(format: Format, shard: pa.Table, folder: Path, name: str = "part") -> Path:
    """Write a shard under the format's suffix."""
    path = folder / f"{name}{format.suffix}"
    format.write(shard, path)
    return path


def column(path: Path, name: str) -> list[str]:
    """A text column, as cuvee itself reads the file."""
    source = open_source("shard", str(path), name)
    return [t for p in source.pieces() for b in source.read(p) for t in b.text.to_pylist()]


def check_is_a_frozen_value_of_settings(format: Format, shard: pa.Table, folder: Path) -> None:
    """Frozen, picklable, every setting documented and with a default; calls as the contract."""
    assert is_dataclass(format)
    assert format.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(format)) == format == type(format)()
    for setting in fields(format):
        assert f"{setting.name}:" in (type(format).__doc__ or ""), f"{setting.name}: no docstring"
    assert list(signature(format.write).parameters) == ["table", "path"]
    assert "suffix" in get_type_hints(type(format))
    assert format.suffix.startswith(".")


def check_text_comes_back(format: Format, shard: pa.Table, folder: Path) -> None:
    """To the letter and in order; ids and sources too."""
    path = write(format, shard, folder)
    if not len(shard):
        assert path.exists()
        return
    for name in ("text", "id", "source"):
        assert column(path, name) == shard[name].to_pylist()


def check_writes_the_same_bytes_every_time(format: Format, shard: pa.Table, folder: Path) -> None:
    """However the table is held in memory; no clock, no path, no chance."""
    first = write(format, shard, folder, "first").read_bytes()
    assert write(format, shard, folder, "second").read_bytes() == first
    copy = pa.table(shard.to_pydict(), schema=shard.schema)
    assert write(format, copy, folder, "copy").read_bytes() == first
    if len(shard) > 2:
        padded = pa.concat_tables([shard.slice(0, 1), shard]).combine_chunks().slice(1)
        assert write(format, padded, folder, "slice").read_bytes() == first


def check_replaces_what_is_there(format: Format, shard: pa.Table, folder: Path) -> None:
    """A longer file of the same name leaves nothing behind."""
    expected = write(format, shard, folder, "new").read_bytes()
    path = folder / f"part{format.suffix}"
    path.write_bytes(b"old" * len(expected))
    assert write(format, shard, folder).read_bytes() == expected


def check_writes_that_file_only(format: Format, shard: pa.Table, folder: Path) -> None:
    """And says so with an OSError where it cannot."""
    write(format, shard, folder)
    assert [entry.name for entry in folder.iterdir()] == [f"part{format.suffix}"]
    try:
        write(format, shard, folder / "none")
    except OSError:
        return
    raise AssertionError("a folder that does not exist was no error")


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_format(format: Format, folder: Path) -> None:
    """Every check on every table; raises AssertionError at the first that fails."""
    for check in list(CHECKS.values()):
        for i, shard in enumerate(TABLES.values()):
            place = folder / f"{check.__name__}-{i}"
            place.mkdir()
            check(format, shard, place)
