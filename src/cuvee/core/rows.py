"""Tables on their way through cuvee: a row of numbers is a document of one unit.

As text, a row is one JSON object without blanks: `{"x":[5.1,3.5],"y":"setosa"}`. So whatever is
done with documents (setting apart, holding out, counting, drawing, writing) is done with rows. The
shortest text that gives a 64-bit number back is written, so both float64 and float32 come back to
the bit. Labels keep their kind: a number with a point is a quantity, all else is a class.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from jaxtyping import Float

from cuvee.core.data import Cut
from cuvee.core.errors import CuveeError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = "rows"
"""What sources of rows hold, and proxies for rows read."""
CHUNK = 4096
"""Rows that are parsed at a time."""
KINDS = {
    "f": "numbers with a point", "i": "whole numbers", "b": "true and false", "U": "text",
}  # fmt: skip
"""Kinds of labels, by the letter that numpy has for them."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of a table.

    Args:
        x: Features.
        y: Labels, one for each row; None if there are none.
    """

    x: Float[np.ndarray, "rows features"]
    y: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def labels(self) -> np.ndarray:
        """y, which must be there."""
        if self.y is None:
            raise CuveeError("these rows have no labels: give arrays (x, y).")
        return self.y

    @property
    def kind(self) -> str:
        """What the labels are, in words."""
        return "none" if self.y is None else KINDS[self.y.dtype.kind.replace("u", "i")]

    @staticmethod
    def joined(parts: Sequence["Rows"]) -> "Rows":
        """One behind the other; all of one width and one kind of labels."""
        ys = [part.y for part in parts if part.y is not None]
        return Rows(np.concatenate([part.x for part in parts]), np.concatenate(ys) if ys else None)


@dataclass(frozen=True, slots=True)
class RowUnits:
    """Each row is one unit, and comes with its numbers.

    Args:
        name: For tables and recipes.
    """

    name: str = ROWS

    def cut(self, text: "pa.LargeStringArray") -> Iterator[Cut]:
        """The rows, some at a time."""
        for start in range(0, len(text), CHUNK):
            documents = text.slice(start, CHUNK).cast("large_binary").to_pylist()
            keys = b"".join(blake2b(document, digest_size=8).digest() for document in documents)
            ids = np.frombuffer(keys, "<u8").astype(np.uint64)
            yield Cut(ids, np.arange(len(ids) + 1), rows=decode(documents))

    def head(self, text: str, units: int) -> str:
        """The row, or nothing."""
        return text if units >= 1 else ""


def encode(rows: Rows) -> list[str]:
    """Each row as JSON."""
    numbers = orjson.dumps(
        np.ascontiguousarray(rows.x, np.float64), option=orjson.OPT_SERIALIZE_NUMPY
    )
    x = numbers.decode()[2:-2].split("],[") if len(rows) else []
    if rows.y is None:
        return [f'{{"x":[{row}]}}' for row in x]
    y = rows.y.astype(np.float64) if rows.y.dtype.kind == "f" else rows.y
    labels = (orjson.dumps(label).decode() for label in y.tolist())
    return [f'{{"x":[{row}],"y":{label}}}' for row, label in zip(x, labels)]


def decode(documents: Sequence[bytes]) -> Rows:
    """Rows from their JSON.

    Raises:
        CuveeError: A document is no such row, or they differ in width or in the kind of labels.
    """
    try:
        records = orjson.loads(b"[" + b",".join(documents) + b"]")
        x = np.array([record["x"] for record in records])
    except (ValueError, KeyError, TypeError) as error:
        raise _no_rows(documents, str(error)) from error
    if x.ndim != 2 or x.dtype.kind not in "fiu":
        raise _no_rows(documents, f"x of shape {x.shape}")
    return Rows(x.astype(np.float64), _labels(documents, [record.get("y") for record in records]))


def _labels(documents: Sequence[bytes], found: list[Any]) -> np.ndarray | None:
    kinds = {type(label) for label in found}
    if kinds == {type(None)}:
        return None
    if len(kinds) > 1 or not kinds <= {float, int, bool, str}:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise _no_rows(documents, f"labels of the kinds {names}")
    return np.array(found)


def _no_rows(documents: Sequence[bytes], came: str) -> CuveeError:
    start = documents[0][:60].decode(errors="replace") if documents else ""
    return CuveeError(
        'expected rows of one table as JSON, {"x":[numbers],"y":label}, got '
        f"{came.partition(chr(10))[0]} in rows from {start!r} on."
    )
