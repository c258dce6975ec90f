"""Tables of runs on disk: cuvee's own, olmix's two files, RegMix's two files.

| form | columns |
|---|---|
| cuvee | `share/<source>`, `loss/<target>`; if known `run`, `tokens`, `params`, `seed`, `after` |
| olmix | ratios: `run`, `name`, `index`, sources; metrics: `run`, `name`, `index`, targets |
| regmix | `index`, `train_<source>`; `index`, `metric/<target>_val_loss` |

The two files of the last two forms are joined by their first column.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cuvee.core import remote
from cuvee.core.errors import CuveeError, unknown
from cuvee.core.files import explained, write_whole
from cuvee.core.mixture import check_shares
from cuvee.core.points import Points
from cuvee.core.problem import check_names
from cuvee.core.remote import is_address
from cuvee.core.runs import Runs, joined
from cuvee.core.tables import read_csv, to_csv

Rows = list[dict[str, Any]]
IDS = ("run_id", "run", "index")
OLMIX_NOTES = ("run", "run_id", "name", "index")
FORMS = ("cuvee", "olmix", "regmix")
PAIRS = (("ratios.csv", "metrics.csv"), ("mixture.csv", "loss.csv"))
"""Files in a folder of the forms olmix and regmix."""
MOST_TOKENS = 2.0**63
KNOWN = ("run", "tokens", "params", "seed", "after", "index", "run_id")
ALONE = "data"
"""The source of a table that has no shares."""


def read_runs(*paths: str | Path) -> Runs:
    """One table from one or several; each path is a table, `A,B` for two files, or a folder.

    Args:
        paths: CSV or Parquet files. `ratios.csv,metrics.csv` are the two files of olmix or of
            RegMix; a folder is searched for such a pair.

    Raises:
        CuveeError: A file cannot be read, a column is missing, a number is none, shares do not
            sum to 1.
    """
    return joined(_read(str(path)) for path in paths)


def as_runs(runs: Runs | str | Path | Sequence[str | Path]) -> Runs:
    """A table as it is, or read from its files."""
    if isinstance(runs, Runs):
        return runs
    return read_runs(*([runs] if isinstance(runs, str | Path) else runs))


def table_files(path: str | Path) -> Sequence[str | Path]:
    """The one or two files behind what a user writes for a table.

    Raises:
        CuveeError: A file is missing, or they are more than two.
    """
    whole = Path(path)
    if is_address(str(path)):
        return _remote_files(str(path))
    if whole.is_dir():
        found = [pair for pair in PAIRS if all((whole / name).exists() for name in pair)]
        if not found:
            wanted = " or ".join(" and ".join(pair) for pair in PAIRS)
            raise CuveeError(f"the folder {path} holds no table of runs: expected {wanted}.")
        files = [whole / name for name in found[0]]
    elif "," in str(path) and not whole.exists():
        files = [Path(part.strip()) for part in str(path).split(",")]
    else:
        files = [whole]
    if len(files) > 2:
        raise CuveeError(f"expected one table or two files A,B, got {str(path)!r}.")
    for file in files:
        if not file.is_file():
            raise CuveeError(f"cannot read {file}: no such file.")
    return files


def _remote_files(path: str) -> list[str]:
    files = [part.strip() for part in path.split(",")]
    if len(files) == 1 and remote.about(path, fresh=True).folder:
        every = [[f"{path.rstrip('/')}/{name}" for name in pair] for pair in PAIRS]
        files = next((pair for pair in every if all(map(remote.look, pair))), [])
    if not 0 < len(files) <= 2:
        raise CuveeError(f"expected one table or two files A,B, got {path!r}.")
    for file in files:
        remote.about(file, fresh=True)
    return files


def _read(path: str) -> Runs:
    files = [str(file) for file in table_files(path)]
    if len(files) == 2:
        return _two(files[0], files[1])
    rows = rows_of(path := files[0])
    columns = list(rows[0])
    sources = [c.removeprefix("share/") for c in columns if c.startswith("share/")]
    targets = [c.removeprefix("loss/") for c in columns if c.startswith("loss/")]
    if not sources or not targets:
        other = _kind(columns)
        hint = f": this looks like {other}; give both files as A,B" if other else ""
        raise CuveeError(
            f"{path} needs columns share/<source> and loss/<target>, and has "
            f"{', '.join(columns[:6])}{hint}."
        )
    return table_of(
        path, rows, {f"share/{n}": n for n in sources}, {f"loss/{n}": n for n in targets}
    )


def _kind(columns: Sequence[str]) -> str:
    if any(c.startswith(("train_", "metric/", "valid_")) for c in columns):
        return "one of RegMix's two files"
    return "one of olmix's two files" if set(columns) & {"run", "run_id"} else ""


def _two(first: str, second: str) -> Runs:
    """Mixtures in one file, losses in another."""
    mixtures, results = rows_of(first), rows_of(second)
    if _is_loss_file(list(mixtures[0])):
        (first, mixtures), (second, results) = (second, results), (first, mixtures)
    regmix = any(c.startswith("train_") for c in mixtures[0])
    ids = [next((c for c in IDS if c in rows[0]), "") for rows in (mixtures, results)]
    if "" in ids:
        raise CuveeError(f"{first}, {second}: both need a column run or index to be joined by.")
    left, right = ({str(row[key]): row for row in rows}
                   for rows, key in zip((mixtures, results), ids))  # fmt: skip
    for path, rows, table in ((first, mixtures, left), (second, results, right)):
        if len(table) < len(rows):
            raise CuveeError(f"{path}: {len(rows) - len(table)} runs stand there twice.")
    if left.keys() != right.keys():
        lonely = sorted(left.keys() ^ right.keys())
        raise CuveeError(
            f"{first} has {len(left)} runs, {second} has {len(right)}: "
            f"{len(lonely)} are in one file only, first run {lonely[0]!r}."
        )
    if regmix:
        sources = {c: c.removeprefix("train_") for c in mixtures[0] if c.startswith("train_")}
        targets = {c: _regmix_target(c) for c in results[0] if c not in OLMIX_NOTES}
    else:
        sources = {c: c for c in mixtures[0] if c not in OLMIX_NOTES}
        targets = {c: c for c in results[0] if c not in OLMIX_NOTES}
    both = [{**{f"m {c}": row[c] for c in sources}, **{f"r {c}": right[run][c] for c in targets},
             "run": run} for run, row in left.items()]  # fmt: skip
    return table_of(f"{first},{second}", both, {f"m {c}": n for c, n in sources.items()},
                  {f"r {c}": n for c, n in targets.items()})  # fmt: skip


def _is_loss_file(columns: Sequence[str]) -> bool:
    return any(c.startswith(("metric/", "valid_")) for c in columns)


def _regmix_target(column: str) -> str:
    return column.removeprefix("metric/").removeprefix("valid_").removesuffix("_val_loss")


def rows_of(
    path: str, expected: str = "a header share/<source>,...,loss/<target>,... and runs"
) -> Rows:
    """Rows of a CSV or Parquet file by column."""
    if not path.endswith(".parquet"):
        return read_csv(path, expected)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(pa.BufferReader(remote.content(path))).to_pylist()
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        raise CuveeError(f"cannot read {path}: {said}.") from error
    if not rows:
        raise CuveeError(f"{path} has no rows: expected runs.")
    return rows


def table_of(
    path: str, rows: Rows, sources: Mapping[str, str], targets: Mapping[str, str],
    strict: bool = True,
) -> Runs:  # fmt: skip
    """Runs from rows; `sources` and `targets` map a column to a name.

    Unless strict, shares may be missing and rows may stand there twice.
    """
    check_names(list(sources.values()) or [ALONE], "source")
    check_names(list(targets.values()), "target")
    names = [str(row.get("run", i)) for i, row in enumerate(rows)]
    place = [f"{path}, row {i + 1} (run {name})" for i, name in enumerate(names)]
    shares = _shares(rows, sources, place) if sources else np.ones((len(rows), 1))
    losses = np.array([
        [_number(row[c], f"{where}: {c}", empty=np.nan) for c in targets]
        for row, where in zip(rows, place)
    ])  # fmt: skip
    scale = {
        name: np.array([_number(row.get(name), f"{where}: {name}", empty=np.nan)
                        for row, where in zip(rows, place)])
        for name in ("tokens", "params")
    }  # fmt: skip
    seeds = [int(_number(row.get("seed"), f"{w}: seed", empty=0.0)) for row, w in zip(rows, place)]
    for name, values in scale.items():
        wrong = (values <= 0) | (values >= MOST_TOKENS)
        if wrong.any():
            where = place[int(np.argmax(wrong))]
            raise CuveeError(f"{where}: {name} must be above 0 and below 2^63.")
    keys = [*zip(names, map(str, scale["params"]), map(str, scale["tokens"]), seeds)]
    if (
        strict and "run" in rows[0] and len(set(keys)) < len(keys)
    ):  # checkpoints of one run share its name
        twice = next(i for i, key in enumerate(keys) if key in keys[:i])
        raise CuveeError(f"{place[twice]} stands there twice: expected one row a checkpoint.")
    axes, labels = _others(rows, [*sources, *targets])
    points = Points(shares, scale["tokens"], scale["params"], axes)
    if any(row.get("after") not in (None, "") for row in rows):
        points = _followed(rows, names, points, path)
    return Runs(
        tuple(sources.values()) or (ALONE,), tuple(targets.values()), tuple(names), points, losses,
        np.array(seeds), labels,
    )  # fmt: skip


def _others(
    rows: Rows, used: Sequence[str]
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """Columns that a law may use: those of numbers, and those of words."""
    axes: dict[str, np.ndarray] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for column in rows[0]:
        if column in (*used, *KNOWN) or column.startswith(("sd/", "loss/", "share/")):
            continue
        values = [row[column] for row in rows]
        if all(isinstance(v, bool) for v in values):
            labels[column] = tuple(str(v).lower() for v in values)
            continue
        try:
            numbers = np.array([np.nan if v in (None, "") else float(v) for v in values])
            axes[column] = np.where(np.isfinite(numbers), numbers, np.nan)
        except (TypeError, ValueError):
            labels[column] = tuple("" if v is None else str(v) for v in values)
    return axes, labels


def _shares(rows: Rows, sources: Mapping[str, str], place: Sequence[str]) -> np.ndarray:
    """Checked shares; if rows are wrong, the first is explained and the others are named."""
    found, wrong = [], []
    for row, where in zip(rows, place):
        values = [_number(row[c], f"{where}: {c}") for c in sources]
        try:
            found.append(check_shares(values, list(sources.values()), where))
        except CuveeError as error:
            wrong.append((where, error))
    if len(wrong) > 1:
        others = [where.partition(", row ")[2].partition(" ")[0] for where, _ in wrong[1:]]
        more = f" and {len(others) - 8} more" if len(others) > 8 else ""
        raise CuveeError(f"{wrong[0][1]} Rows {', '.join(others[:8])}{more} are wrong, too.")
    if wrong:
        raise wrong[0][1]
    return np.array(found)


def _followed(rows: Rows, names: Sequence[str], points: Points, path: str) -> Points:
    """Shares and tokens of whole chains: a run that continues another has seen its data, too."""
    seen = points.shares * points.tokens[:, None]
    for i, row in enumerate(rows):  # a run stands below the one that it continues
        if row.get("after") in (None, ""):
            continue
        before = str(int(float(row["after"])))
        if before not in names[:i]:
            raise unknown(f"run in column after of {path}, row {i + 1}", before, names[:i])
        seen[i] += seen[names.index(before)]
    tokens = seen.sum(axis=1)
    return Points(seen / tokens[:, None], tokens, points.params, points.axes)


def _number(value: Any, where: str, empty: float | None = None) -> float:
    if value is None or value == "":
        if empty is None:
            raise CuveeError(f"{where} is empty: expected a number.")
        return empty
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise CuveeError(f"{where} is {value!r}: expected a number.") from None
    if not np.isfinite(number):
        hint = "" if empty is None else ", or an empty cell if it was not measured"
        raise CuveeError(f"{where} is {value!r}: expected a finite number{hint}.")
    return number


def write_runs(runs: Runs, out: str | Path, form: str = "cuvee") -> list[Path]:
    """Write a table of runs: one CSV or Parquet file, or two CSV files in a folder.

    Args:
        runs: The table.
        out: File of the form cuvee; folder of the forms olmix and regmix.
        form: `cuvee`, `olmix` (ratios.csv, metrics.csv) or `regmix` (mixture.csv, loss.csv).

    Returns:
        The files.
    """
    if form not in FORMS:
        raise unknown("form of a run table", form, FORMS)
    if form == "cuvee":
        return [_put(Path(out), _own_rows(runs))]
    pairs = list(zip(runs.names, runs.points.shares, runs.losses))
    if form == "olmix":
        notes = [{"run": name, "name": name, "index": i} for i, name in enumerate(runs.names)]
        files = ("ratios.csv", "metrics.csv")
        mixtures = [n | dict(zip(runs.sources, p[1].tolist())) for n, p in zip(notes, pairs)]
        results = [n | dict(zip(runs.targets, _plain(p[2]))) for n, p in zip(notes, pairs)]
    else:
        files = ("mixture.csv", "loss.csv")
        sources = [f"train_{n}" for n in runs.sources]
        targets = [f"metric/{n}_val_loss" for n in runs.targets]
        mixtures = [{"index": n, **dict(zip(sources, s.tolist()))} for n, s, _ in pairs]
        results = [{"index": n, **dict(zip(targets, _plain(losses)))} for n, _, losses in pairs]
    with explained(Path(out)):
        Path(out).mkdir(parents=True, exist_ok=True)
    return [_put(Path(out, name), rows) for name, rows in zip(files, (mixtures, results))]


def _own_rows(runs: Runs) -> Rows:
    shares = [f"share/{n}" for n in runs.sources]
    losses = [f"loss/{n}" for n in runs.targets]
    at = runs.points
    return [
        {"run": name, "params": p, "tokens": n, "seed": int(seed),
         **dict(zip(shares, s.tolist())), **dict(zip(losses, _plain(row)))}
        for name, p, n, seed, s, row in zip(
            runs.names, _plain(at.params), _plain(at.tokens), runs.seeds, at.shares, runs.losses
        )
    ]  # fmt: skip


def _plain(values: np.ndarray) -> list[float | None]:
    """NaN is an empty cell."""
    return [None if np.isnan(v) else float(v) for v in values]


def _put(path: Path, rows: Rows) -> Path:
    write: Callable[[Path], object]
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pylist(rows)
        write = lambda temporary: pq.write_table(table, temporary)  # noqa: E731
    else:
        text = to_csv(rows)
        write = lambda temporary: temporary.write_text(text, "utf-8", newline="")  # noqa: E731
    write_whole(path, write)
    return path
