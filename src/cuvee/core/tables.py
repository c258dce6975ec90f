"""Small tables as CSV text."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cuvee.core.errors import CuveeError
from cuvee.core.remote import content


def read_csv(path: str | Path, expected: str) -> list[dict[str, Any]]:
    """Rows of a CSV file by column.

    Args:
        path: The file, in UTF-8, or its address.
        expected: What it should hold, for the message.

    Raises:
        CuveeError: It cannot be read, has no rows, or a row is too short or too long.
    """
    try:
        reader = csv.DictReader(io.StringIO(content(path).decode("utf-8-sig"), newline=""))
        header, rows = list(reader.fieldnames or ()), list(reader)
    except OSError as error:
        raise CuveeError(f"cannot read {path}: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CuveeError(f"{path} is not a CSV file in UTF-8: {error}.") from error
    if not rows:
        raise CuveeError(f"{path} has no rows: expected {expected}.")
    for column in header:
        if header.count(column) > 1:
            raise CuveeError(f"{path}: two columns are called {column!r}.")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise CuveeError(f"{path}, line {number}: expected {len(header)} values.")
    return rows


def to_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
