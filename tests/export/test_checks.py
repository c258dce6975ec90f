"""Each check fails on a format that breaks its claim."""

from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import orjson
import pytest

from cuvee.testing.export import CHECKS, TABLES

CALLS = count()


@dataclass(frozen=True)
class Lines:
    """A right format; faults override a part of it."""

    suffix: ClassVar[str] = ".jsonl"

    def write(self, table, path):
        rows = table.to_pylist()
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


@dataclass(frozen=True)
class Undocumented(Lines):
    """Has a setting that no word is said about."""

    depth: int = 3


@dataclass(frozen=True)
class Strips(Lines):
    def write(self, table, path):
        rows = [{**row, "text": row["text"].strip()} for row in table.to_pylist()]
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


@dataclass(frozen=True)
class Dated(Lines):
    def write(self, table, path):
        rows = [{**row, "made": next(CALLS)} for row in table.to_pylist()]
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


@dataclass(frozen=True)
class Appends(Lines):
    def write(self, table, path):
        with path.open("ab") as file:
            file.write(b"".join(orjson.dumps(row) + b"\n" for row in table.to_pylist()))


@dataclass(frozen=True)
class Litters(Lines):
    def write(self, table, path):
        super().write(table, path)
        path.with_suffix(".index").write_text("0")


@dataclass(frozen=True)
class MakesFolders(Lines):
    def write(self, table, path):
        path.parent.mkdir(exist_ok=True)
        super().write(table, path)


FAULTS = [
    ("check_is_a_frozen_value_of_settings", Undocumented()),
    ("check_text_comes_back", Strips()),
    ("check_writes_the_same_bytes_every_time", Dated()),
    ("check_replaces_what_is_there", Appends()),
    ("check_writes_that_file_only", Litters()),
    ("check_writes_that_file_only", MakesFolders()),
]


def test_every_check_has_a_fault():
    assert {check for check, _ in FAULTS} == set(CHECKS)


@pytest.mark.parametrize(("check", "fault"), FAULTS)
def test_check_finds_the_fault(check, fault, tmp_path):
    with pytest.raises(AssertionError):
        CHECKS[check](fault, TABLES["strange texts"], tmp_path)


@pytest.mark.parametrize("check", CHECKS)
def test_check_passes_a_right_format(check, tmp_path):
    CHECKS[check](Lines(), TABLES["strange texts"], tmp_path)
