"""From what a user writes to data that can be read: sources, targets, units, recipe."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any, TypedDict

import numpy as np

from cuvee import sources as room
from cuvee.core import (
    CuveeError,
    Limits,
    Objective,
    check_names,
    parse_objective,
    parse_tokens,
    unknown,
)
from cuvee.core.data import Batch, Data, Engine, Reject, Source, Units, batches, checked
from cuvee.core.mixture import MAX_EPOCHS
from cuvee.core.recipe import Recipe, versions
from cuvee.core.remote import content as content_of
from cuvee.core.remote import is_address
from cuvee.core.rows import RowUnits
from cuvee.core.run_files import table_files
from cuvee.core.threads import keep_memory
from cuvee.core.units import Tokenizer, Words
from cuvee.sources.memory import Memory
from cuvee.sources.part import Apart, Without, hold_out, sample
from cuvee.sources.paths import are_paths
from cuvee.sources.table import holds_rows, is_table, row_bytes

BYTES_PER_TOKEN = 5
"""Rough, to turn a wanted number of target tokens into bytes before anything is cut."""

Sources = Mapping[str, Any]
"""Name -> path, glob, folder, list of paths or texts, or function that returns texts."""
IN_MEMORY = "(in memory)"
"""Stands in a recipe for data that has no files."""
KINDS: dict[str, tuple[type, ...]] = {
    "budget": (str, int, float), "method": (str,), "objective": (str, Mapping),
    "max_epochs": (int, float, str, Mapping), "min_share": (int, float, Mapping),
    "fixed": (Mapping, NoneType), "proxy": (str,), "tokenizer": (str, Path, NoneType),
    "text": (str, Mapping, NoneType), "runs": (int, str, Path, list, tuple, NoneType),
    "split": (Mapping, NoneType), "incomplete": (str,),
    "seed": (int,), "strict": (bool,), "target_tokens": (int,),
}  # fmt: skip


class Settings(TypedDict, total=False):
    """Everything that a `Question` has beside its sources, for the signatures of the verbs."""

    target: Any
    budget: str | float
    method: str
    objective: str | Mapping[str, float]
    max_epochs: float | Mapping[str, float]
    min_share: float | Mapping[str, float]
    fixed: Mapping[str, float] | None
    proxy: str
    tokenizer: str | None
    text: str | Mapping[str, str] | None
    runs: int | str | Sequence[str] | None
    split: Mapping[str, Mapping[str, float]] | None
    incomplete: str
    seed: int
    strict: bool
    target_tokens: int


@dataclass(frozen=True, slots=True)
class Question:
    """What a user asks: the same settings in Python, in the terminal and in a recipe.

    Args:
        sources: By name: a path, a glob, a folder, several of them, a list of texts, or a
            function that returns an iterator of texts. Or rows of numbers: `(x, y)`, `.npz` files.
        target: Text on which a low loss is wanted: a path, the name of a source (a part of it
            is held out), or several by name. None: a held-out part of every source.
        budget: Tokens to train on, e.g. `"10M"`.
        method: Mixer.
        objective: `"mean"`, `"worst"`, a target's name, or weights by target.
        max_epochs: How often a source may be repeated; one number, or by name (others: 4).
        min_share: Floor of every share; one number, or by name.
        fixed: Shares that are decided already, by name.
        proxy: Stand-in for training.
        tokenizer: A `tokenizer.json`; tokens are then its tokens. None: built-in words.
        text: Column or field that holds the text; one for all, or by source and target. None:
            found.
        runs: With a proxy that trains: how many runs to make; 16 if None. Else tables of real
            runs on these sources, whose losses correct the proxy's; their targets have the names
            of these targets.
        split: Sources of the runs that have been split since: for each the weights of its parts.
        incomplete: What to do with runs that lack a loss: `"drop"`, and say so, or `"refuse"`.
        seed: Of everything random.
        strict: Stop at the first record that cannot be read, instead of counting it.
        target_tokens: At most about so many tokens of each target are used.
    """

    sources: Sources
    target: Any = None
    budget: str | float = "10M"
    method: str = "descent"
    objective: str | Mapping[str, float] = "mean"
    max_epochs: float | Mapping[str, float] = MAX_EPOCHS
    min_share: float | Mapping[str, float] = 0.0
    fixed: Mapping[str, float] | None = None
    proxy: str = "counts"
    tokenizer: str | None = None
    text: str | Mapping[str, str] | None = None
    runs: int | str | Sequence[str] | None = None
    split: Mapping[str, Mapping[str, float]] | None = None
    incomplete: str = "drop"
    seed: int = 0
    strict: bool = False
    target_tokens: int = 60_000

    def __post_init__(self) -> None:
        if not isinstance(self.sources, Mapping):
            raise CuveeError('sources must be given by name, as {"web": "web/*.parquet", ...}.')
        check_names(list(self.sources), "source")
        for name, kinds in KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kinds) or (isinstance(value, bool) and name != "strict"):
                wanted = " or ".join(k.__name__ for k in kinds)
                raise CuveeError(f"{name}: expected {wanted}, got {value!r}.")
        if self.target_tokens < 1:
            raise CuveeError(f"target_tokens must be at least 1, got {self.target_tokens}.")
        if self.count is not None and self.count < 1:
            raise CuveeError(f"runs: expected at least 1 or tables, got {self.count}.")
        if not 0 <= self.seed < 2**63:
            raise CuveeError(f"the seed must be a whole number from 0 to 2^63, got {self.seed}.")
        parse_tokens(self.budget)
        self.limits.check(list(self.sources))

    @property
    def tokens(self) -> int:
        """The budget."""
        return parse_tokens(self.budget)

    @property
    def tables(self) -> list[str | Path]:
        """Files of runs."""
        runs = None if isinstance(self.runs, int) else self.runs
        return [runs] if isinstance(runs, str | Path) else list(runs or ())

    @property
    def count(self) -> int | None:
        """Real runs to make; None if no number was given."""
        return self.runs if isinstance(self.runs, int) else None

    @property
    def limits(self) -> Limits:
        """What the shares must obey."""
        return Limits(self.max_epochs, self.min_share, self.fixed)

    def text_of(self, name: str) -> str | None:
        """Text column of a source or target."""
        return self.text.get(name) if isinstance(self.text, Mapping) else self.text

    def settings(self) -> dict[str, Any]:
        """Plain JSON values; data in memory is marked, not stored."""
        plain = {f: getattr(self, f) for f in self.__dataclass_fields__}
        plain["sources"] = {name: _written(name, spec) for name, spec in self.sources.items()}
        plain["target"] = None if self.target is None else _written("target", self.target)
        plain["budget"] = self.tokens
        plain["runs"] = self.count or [str(path) for path in self.tables]
        plain["tokenizer"] = None if self.tokenizer is None else str(self.tokenizer)
        for name in ("max_epochs", "min_share"):
            plain[name] = _finite(plain[name])
        return plain


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A question with its data at hand.

    Args:
        question: What was asked.
        data: Sources and targets.
        recipe: How to do it again.
        counted: Names of the targets that were asked for; others have no weight.
    """

    question: Question
    data: Data
    recipe: Recipe
    counted: tuple[str, ...]

    def objective(self) -> Objective:
        """Over all targets, those included that only look on."""
        asked = parse_objective(self.question.objective, self.counted)
        weight = dict(zip(self.counted, asked.weights))
        weights = np.array([weight.get(t.name, 0.0) for t in self.data.targets])
        return Objective(weights, asked.worst)


def open_question(question: Question, engine: Engine, own: bool = False) -> Opened:
    """Find and check all files, set target documents apart, and fingerprint the content.

    Args:
        question: What is asked.
        engine: Where the work runs.
        own: Also hold out a part of every source, as targets that only look on.

    Raises:
        CuveeError: A source or target cannot be read.
    """
    sources = {
        name: room.open_source(name, spec, question.text_of(name))
        for name, spec in question.sources.items()
    }
    units = units_of(question, list(sources.values()))
    targets, whole, given, asked = _open_targets(question, sources, own)
    names = [target.name for target in targets]
    parse_objective(question.objective, asked)  # here already, as it costs nothing
    for name in question.text if isinstance(question.text, Mapping) else ():
        if name not in sources and name not in names:
            raise unknown("source or target in text", name, [*sources, *names])
    unread: dict[str, list[Reject]] = {name: [] for name in names}
    # All documents of a target stay out of the sources, not only the ones that are looked at.
    taken = Apart.of(b for t in whole for b in _noted(t, unread[t.name], question.strict))
    apart = tuple(Without(source, taken) for source in sources.values())
    rejects = tuple(map(tuple, unread.values()))
    data = Data(apart, targets, units, engine, question.strict, rejects)
    content = _fingerprints(question, data, given)
    recipe = Recipe(question.settings(), content, versions())
    try:
        recipe.to_bytes()
    except TypeError as error:
        raise CuveeError(f"a name or path cannot be written to a recipe: {error}.") from error
    return Opened(question, data, recipe, asked)


def units_of(question: Question, sources: Sequence[Source]) -> Units:
    """What a token is; a row of a table is one."""
    _check_alike(sources)
    rows = holds_rows(sources[0])
    if rows and question.tokenizer is not None:
        raise CuveeError("a tokenizer cuts text, and these are rows of numbers: leave it out.")
    if rows:
        return RowUnits()
    return Words() if question.tokenizer is None else Tokenizer(str(question.tokenizer))


def _check_alike(sources: Sequence[Source]) -> None:
    """Refuse text beside rows."""
    for one in sources:
        if holds_rows(one) != holds_rows(sources[0]):
            rows, text = (one, sources[0]) if holds_rows(one) else (sources[0], one)
            raise CuveeError(
                f"{rows.name!r} holds rows of numbers and {text.name!r} text: expected rows "
                "everywhere, as .npz files or arrays (x, y), or text everywhere."
            )


def _fingerprints(question: Question, data: Data, files: list[Source]) -> dict[str, dict[str, str]]:
    keep_memory()
    everything = [*files, *data.sources]
    prints = list(data.engine(lambda s: dict(s.fingerprint()), everything, label="fingerprinting"))
    named = [f"target {f.name}" for f in files] + [f"source {s.name}" for s in data.sources]
    content = dict(zip(named, prints))
    if question.tokenizer is not None:
        path = str(question.tokenizer)
        content["tokenizer"] = {path: _hash(path)}
    for table in question.tables:
        content[f"runs {table}"] = {str(part): _hash(part) for part in table_files(table)}
    return content


def _hash(path: str | Path) -> str:
    return f"sha256:{hashlib.sha256(content_of(path)).hexdigest()}"


def _noted(source: Source, rejects: list[Reject], strict: bool) -> Iterator[Batch]:
    """The batches of a target, and a note of what could not be read."""
    for batch in checked(batches(source), strict):
        rejects.extend(batch.rejected)
        yield batch


def _open_targets(
    question: Question, sources: Mapping[str, Source], own: bool
) -> tuple[tuple[Memory, ...], list[Source], list[Source], tuple[str, ...]]:
    """The targets: as looked at; in full; those that are no part of a source; names asked for."""
    wanted: Any = question.target
    if wanted is None:
        wanted = {name: name for name in sources}
    elif isinstance(wanted, str | Path):
        wanted = {wanted if wanted in sources else target_name(str(wanted)): wanted}
    elif is_table(wanted) or not isinstance(wanted, Mapping):
        wanted = {"target": wanted}
    check_names(list(wanted), "target")
    asked = tuple(wanted)
    if own:
        wanted = dict(wanted) | {name: name for name in sources if name not in wanted}
    rows = holds_rows(next(iter(sources.values())))
    looked_at: list[Memory] = []
    whole: list[Source] = []
    given: list[Source] = []
    for name, spec in wanted.items():
        if isinstance(spec, str) and spec in sources:
            size = _bytes_of(sources[spec], question.target_tokens)
            part, full = hold_out(sources[spec], size, seed=question.seed, cut=not rows)
            full = replace(full, name=name)
        else:
            full = _open_target(name, spec, question.text_of(name), sources)
            _check_alike([*sources.values(), full])
            size = _bytes_of(full, question.target_tokens)
            part = sample(full, size, seed=question.seed, cut=not rows)
            given.append(full)
        looked_at.append(replace(part, name=name))
        whole.append(full)
    return tuple(looked_at), whole, given, asked


def _bytes_of(source: Source, units: int) -> int:
    """About how many bytes so many units take."""
    return int(units * (row_bytes(source) if holds_rows(source) else BYTES_PER_TOKEN))


def target_name(path: str) -> str:
    """What a target is called that was given as a path: the file's name without its suffixes."""
    return Path(path).name.lstrip(".").split(".")[0] or "target"


def _open_target(name: str, spec: Any, text: str | None, sources: Mapping[str, Source]) -> Source:
    if isinstance(spec, str):
        spec = str(Path(spec).expanduser()) if spec.startswith("~") else spec
        known = is_address(spec) or any(c in spec for c in "*?[,")
        if not known and not Path(spec).exists():
            raise unknown("target (neither a file nor a source)", spec, sources)
    return room.open_source(name, spec, text)


def _written(name: str, spec: Any) -> Any:
    """A specification as a recipe holds it."""
    if is_table(spec):
        return IN_MEMORY
    if isinstance(spec, str | Path):
        return str(spec)
    if isinstance(spec, Mapping):
        return {key: _written(key, value) for key, value in spec.items()}
    if isinstance(spec, list | tuple) and are_paths(name, spec):
        return [str(path) for path in spec]
    paths = getattr(spec, "paths", None)  # a Source of files
    return IN_MEMORY if paths is None else [str(path) for path in paths]


def in_memory(settings: Mapping[str, Any]) -> str | None:
    """Name of a source or target of a recipe that has no files to read again."""
    target = settings.get("target")
    named = [*settings["sources"].items(), *(
        target.items() if isinstance(target, Mapping) else [("target", target)]
    )]  # fmt: skip
    return next((name for name, spec in named if spec == IN_MEMORY), None)


def _finite(value: Any) -> Any:
    """JSON has no infinity."""
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    return "inf" if value == float("inf") else value


__all__ = [
    "Opened", "Question", "Settings", "in_memory", "open_question", "target_name", "units_of",
]  # fmt: skip
