"""The public part of a task as a file, and answers from files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from jaxtyping import Int64

from cuvee.boards.tasks import Round, Shown
from cuvee.core import CuveeError
from cuvee.core.files import explained, write_whole
from cuvee.core.recipe import to_json
from cuvee.core.run_files import rows_of

SUFFIXES = (".csv", ".parquet")


def write_task(task: str, rounds: Mapping[int, Round], out: str | Path) -> list[Path]:
    """Write what may be seen of a task: rows to a table, and the rules to `<out>.json`.

    Args:
        task: Its name.
        rounds: By seed.
        out: A `.csv` or `.parquet` file that does not exist yet, or holds the same already.

    Raises:
        CuveeError: It cannot be written.
    """
    path = Path(out)
    beside = path.with_name(f"{path.name}.json")
    if not path.name.endswith(SUFFIXES):
        raise CuveeError(f"--write {out}: expected a file that ends with {' or '.join(SUFFIXES)}.")
    parts = [_table(seed, some) for seed, this in rounds.items() for some in this.shown()]
    table = pa.concat_tables(parts, promote_options="default")
    bytes_of = pa.BufferOutputStream()
    (pc.write_csv if path.name.endswith(".csv") else pq.write_table)(table, bytes_of)
    rules = to_json(
        {
            "task": task,
            "measures": [
                {"name": m.name, "unit": m.unit, "lower_is_better": m.lower}
                for m in next(iter(rounds.values())).measures()
            ],
            "seeds": {str(seed): this.rules() for seed, this in rounds.items()},
            "submit": f"cuvee board {task} --submit FILE; its column seed may be left out if there "
            "is one seed only",
        }
    )
    made = {beside: rules, path: bytes_of.getvalue().to_pybytes()}
    for place, content in made.items():
        with explained(place):
            if place.exists() and (not place.is_file() or place.read_bytes() != content):
                raise CuveeError(f"--write {place} exists: choose another name, or remove it.")
    for place, content in made.items():
        if not place.exists():
            write_whole(place, lambda p, new=content: p.write_bytes(new))
    return [path, beside]


def _table(seed: int, some: Shown) -> pa.Table:
    rows, many = some.rows, len(some.rows)
    columns: dict[str, Any] = {
        "seed": np.full(many, seed), "part": [some.part] * many, "row": np.arange(many),
        "label": rows.labels,
    }  # fmt: skip
    for name, value in some.more.items():
        columns[name] = np.broadcast_to(value, many).copy()
    if rows.texts:
        columns["text"] = list(rows.texts)
    columns |= {f"x{i}": values for i, values in enumerate(rows.points.T)}
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def read_answer(
    path: str | Path, columns: Sequence[str], seed: int
) -> dict[int, list[Int64[np.ndarray, "given"]]]:
    """Whole numbers of some columns, in the order of the file, by seed.

    Args:
        path: A CSV or Parquet file.
        columns: That it must have; it may have a column `seed`, too.
        seed: Of a file without that column.

    Raises:
        CuveeError: It cannot be read, a column is missing, or a value is no whole number.
    """
    wanted = f"columns {', '.join(columns)}"
    rows = rows_of(str(path), wanted)
    for name in columns:
        if name not in rows[0]:
            raise CuveeError(f"{path} has no column {name!r}: it has {', '.join(rows[0])}.")
    values = {name: _whole(path, name, [row[name] for row in rows]) for name in columns}
    seeds = np.full(len(rows), seed)
    if "seed" in rows[0]:
        seeds = _whole(path, "seed", [row["seed"] for row in rows])
        if seeds.min() < 0:
            raise CuveeError(f"{path}: seed {seeds.min()}: expected 0 or more.")
    return {int(one): [v[seeds == one] for v in values.values()] for one in np.unique(seeds)}


def _whole(path: str | Path, name: str, values: Sequence[Any]) -> Int64[np.ndarray, "rows"]:
    found = np.zeros(len(values), np.int64)
    for i, value in enumerate(values):
        try:
            if isinstance(value, bool) or float(value) != int(float(value)):
                raise ValueError
            found[i] = int(float(value))
        except (TypeError, ValueError, OverflowError):
            raise CuveeError(
                f"{path}, row {i + 1}: {name}: expected a whole number, got {value!r}."
            ) from None
    return found
