"""Documents of which something is known to be so, with all of their columns."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool

from cuvee import engine as engines
from cuvee.core import CuveeError, unknown
from cuvee.core.apart import check_apart
from cuvee.core.data import Engine, Source
from cuvee.core.recipe import Recipe
from cuvee.documents.describing import open_all
from cuvee.documents.keeping import Kept, check_out, write_kept
from cuvee.documents.outputs import Order, Outputs, Work, recipe_of
from cuvee.documents.sidecars import PLACE, files_of, read_pieces
from cuvee.engine import Progress, silent

CONDITION = re.compile(r"(?P<column>\w+?)\s*(?:(?P<sign>!=|<=|>=|=|<|>)\s*(?P<value>.*))?")
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip
TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be so of a document; what is not known of it is not so.

    Args:
        column: Of the attributes.
        sign: `=`, `!=`, `<`, `<=`, `>`, `>=`.
        value: To compare with, as written.
    """

    column: str
    sign: str = "="
    value: str = "true"

    def __str__(self) -> str:
        plain = (self.sign, self.value) == ("=", "true")
        return self.column if plain else f"{self.column}{self.sign}{self.value}"

    @staticmethod
    def parse(text: str) -> "Condition":
        """`gopher_keep`, `language_code=en`, `perplexity_nats<6`.

        Raises:
            CuveeError: It is none of these.
        """
        match = CONDITION.fullmatch(text.strip())
        if match is None:
            raise CuveeError(
                f"--where: expected COLUMN, COLUMN=WORD or COLUMN<NUMBER, got {text!r}."
            )
        if match["sign"] is None:
            return Condition(match["column"])
        return Condition(match["column"], match["sign"], match["value"].strip())

    def holds(self, values: pa.ChunkedArray) -> Bool[np.ndarray, "documents"]:
        """Of which documents.

        Raises:
            CuveeError: The value is of another kind than the column.
        """
        known = values.is_valid().to_numpy()
        found = np.zeros(len(values), bool)
        some = values.drop_null().to_numpy(zero_copy_only=False)
        found[known] = COMPARE[self.sign](some, self._value(values.type))
        return found

    def _value(self, kind: pa.DataType) -> Any:
        if pa.types.is_string(kind) or pa.types.is_boolean(kind):
            if self.sign not in ("=", "!="):
                raise CuveeError(f"--where {self}: {self.column} is no number: compare by = or !=.")
            if pa.types.is_string(kind):
                return self.value
            if self.value.lower() not in TRUTH:
                raise CuveeError(f"--where {self}: {self.column} is true or false.")
            return TRUTH[self.value.lower()]
        try:
            return np.float32(self.value) if kind == pa.float32() else float(self.value)
        except ValueError:
            raise CuveeError(f"--where {self}: {self.column} holds numbers.") from None


@dataclass(frozen=True, slots=True, eq=False)
class Filtered:
    """How many documents were kept, and what the others failed.

    Args:
        documents: Of each source.
        kept: Of these.
        failed: Documents that do not meet each condition, over all sources.
    """

    documents: Mapping[str, int]
    kept: Mapping[str, int]
    failed: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee filter --json` prints it."""
        return {
            "documents": dict(self.documents), "kept": dict(self.kept), "failed": dict(self.failed)
        }  # fmt: skip

    def __str__(self) -> str:
        lines = [f"{name}: {self.kept[name]:,} of {n:,} kept" for name, n in self.documents.items()]
        lines += [f"  {count:,} fail {condition}" for condition, count in self.failed.items()]
        return "\n".join(lines)


def filter_documents(
    sources: Any,
    attributes: str | Path,
    where: str | Sequence[str],
    out: str | Path,
    *,
    text: str | Mapping[str, str] | None = None,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
) -> Filtered:
    """Write the documents of which all conditions hold.

    Args:
        sources: As for `attributes`, which must have described them.
        attributes: Folder of what is known.
        where: Conditions: `gopher_keep`, `language_code=en`, `perplexity_nats<6`.
        out: File, `.parquet`, `.jsonl` or `.jsonl.zst`. Beside it lies `NAME.json`: the summary and
            the recipe. What is there already by the same recipe is left as it is.
        text: Column or field that holds the text; one for all, or by source. None: found.
        engine: Where the work runs: "local", "ray", or an engine that is made already.
        workers: At a time; all cores by default.
        progress: Called after each finished piece.

    Raises:
        CuveeError: Nothing is known of a column, the sources have changed since, or no document
            is left.
    """
    made = order(sources, attributes, where, out, text=text)
    return made.make(engines.load(engine, workers, progress))


def order(
    sources: Any,
    attributes: str | Path,
    where: str | Sequence[str],
    out: str | Path,
    *,
    text: str | Mapping[str, str] | None = None,
) -> Order[Filtered]:
    """What `filter_documents` does, ready to be done."""
    conditions = [Condition.parse(one) for one in ([where] if isinstance(where, str) else where)]
    if not conditions:
        raise CuveeError("expected at least one condition: give --where.")
    opened = open_all(sources, text)
    given = sources if isinstance(sources, Mapping) else {one.name: sources for one in opened}
    file = check_out(out, opened)
    check_apart(file, given, file=True)
    known = Path(attributes)
    folders = {c: _folder(known, c.column) for c in conditions}
    return Order(
        Outputs("filter", file), partial(_recipe, given, opened, known, folders),
        partial(_filter, opened, known, folders),
    )  # fmt: skip


def _recipe(
    given: Mapping[str, Any], opened: Sequence[Source], known: Path,
    folders: Mapping[Condition, str],
) -> Recipe:  # fmt: skip
    settings = {"attributes": str(known), "where": list(map(str, folders))}
    prints = {
        f"attribute {name} of {source.name}": dict(files_of(known, name, source))
        for name in dict.fromkeys(folders.values())
        for source in opened
    }
    return recipe_of(given, opened, settings, prints)


def _filter(
    opened: Sequence[Source], known: Path, folders: Mapping[Condition, str], work: Work
) -> Filtered:
    """Look at what is known, and write what is left."""
    kept, failed = [], dict.fromkeys(map(str, folders), 0)
    for source in opened:
        counts, good = _good(known, folders, source, failed)
        kept.append(Kept(source, counts, np.flatnonzero(good), {}))
    if not any(len(one.rows) for one in kept):
        raise CuveeError(f"no document is left by {', '.join(failed)}: ask for less.")
    found = Filtered(
        {one.source.name: sum(one.counts) for one in kept},
        {one.source.name: len(one.rows) for one in kept}, failed,
    )  # fmt: skip
    write_kept(kept, work, lambda: work.settle(found.to_dict()))
    return found


def _good(
    known: Path, folders: Mapping[Condition, str], source: Source, failed: dict[str, int]
) -> tuple[tuple[int, ...], Bool[np.ndarray, "documents"]]:
    """Documents of each piece, and which of all meet every condition; notes who fails what."""
    counts: tuple[int, ...] = ()
    good = np.ones(0, bool)
    for i, (condition, folder) in enumerate(folders.items()):
        held = []
        for table in read_pieces(known, folder, source):
            if condition.column not in table.column_names:
                names = [name for name in table.column_names if name not in PLACE]
                raise unknown("attribute", condition.column, names)
            held.append(condition.holds(table.column(condition.column)))
        counts = tuple(map(len, held))
        one = np.concatenate([np.zeros(0, bool), *held])
        good = good & one if i else one
        failed[str(condition)] += int((~one).sum())
    return counts, good


def _folder(known: Path, column: str) -> str:
    """The attribute that a column belongs to: its name begins with it."""
    names = sorted(path.name for path in known.iterdir()) if known.is_dir() else []
    if not names:
        raise CuveeError(f"{known}: no attributes lie there: run `cuvee attributes` with --out.")
    mine = [name for name in names if column.startswith(f"{name}_")]
    if not mine:
        raise unknown("attribute", column, [f"{name}_..." for name in names])
    return max(mine, key=len)


__all__ = ["Condition", "Filtered", "filter_documents"]
