"""What is to be chosen from what: a question of choice, and the same with its data at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from cuvee import select
from cuvee import sources as room
from cuvee.core import CuveeError, check_names
from cuvee.core.data import Engine, Source, Units, batches
from cuvee.core.pool import TARGET_ROW, Choice, Pool, Quota
from cuvee.core.recipe import Recipe, versions
from cuvee.documents.known import attribute_of, known_values
from cuvee.documents.pooling import Asked, Columns, Points, pools
from cuvee.documents.scanning import Scan, scan
from cuvee.question import Question, in_memory, units_of
from cuvee.sources.files import fingerprint
from cuvee.sources.part import Apart, Without
from cuvee.sources.records import records
from cuvee.sources.table import is_table

POOL, TARGET = "pool", "target"
DEFAULT = "dsir:prior=10000"
"""Method where there is a target: without a prior dsir takes the shortest documents for a small
one, and loses to random choice (docs/select.md has the figures)."""
OF_QUESTION = ("sources", "target", "tokenizer", "text", "seed", "strict")
"""Settings of a `Question` that decide about a choice."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a user asks to be chosen: the same settings in Python, in the terminal and in a recipe.

    Args:
        question: The pool as its sources, the target, the tokenizer, the text columns, the seed.
        k: How much: `5000` documents, `"10%"` of them, or `"20M-tokens"`.
        method: Of choice.
        features: Of documents, for methods that look at points.
        columns: Where the records say more than the text.
    """

    question: Question
    k: str | int
    method: str = ""
    features: str = "lsa"
    columns: Columns = field(default_factory=Columns)

    def __post_init__(self) -> None:
        Quota.parse(self.k, 2**62)
        columns = self.columns
        if columns.target_embeddings and not (columns.embeddings and self.question.target):
            raise CuveeError("--target-embeddings goes with --embeddings and --target: give all.")

    @property
    def named(self) -> str:
        """The method, or what is taken where none was named."""
        return self.method or ("random" if self.question.target is None else DEFAULT)

    def settings(self) -> dict[str, Any]:
        """Plain JSON values."""
        asked = self.question.settings()
        return {
            **{name: asked[name] for name in OF_QUESTION}, "k": self.k, "method": self.named,
            "features": self.features,
            **{one.name: getattr(self.columns, one.name) for one in fields(Columns)},
        }  # fmt: skip


def selection(
    pool: Any, k: str | int, *, target: Any = None, method: str = "", features: str = "lsa",
    tokenizer: str | None = None, text: Any = None, seed: int = 0, strict: bool = False,
    **columns: str | None,
) -> Selection:  # fmt: skip
    """A checked selection; `columns` are the fields of `Columns`."""
    named = isinstance(pool, Mapping) and not is_table(pool)
    sources = dict(pool) if named else {POOL: pool}
    question = Question(
        sources, target=target, budget=1, tokenizer=tokenizer, text=text, seed=seed, strict=strict
    )
    return Selection(question, k, method, features, Columns(**columns))


def selection_of(recipe: Recipe, where: str) -> Selection:
    """The selection that a recipe answers.

    Args:
        recipe: How documents were chosen.
        where: Its file, for messages.

    Raises:
        CuveeError: Some of its data was in memory, or it is no such recipe.
    """
    settings = dict(recipe.settings)
    if name := in_memory(settings):
        raise CuveeError(
            f"{name!r} of the recipe was in memory and cannot be read again: call cuvee.choose "
            "from Python with the same settings."
        )
    try:
        asked = {name: settings.pop(name) for name in OF_QUESTION if name != "sources"}
        return selection(settings.pop("sources"), **asked, **settings)
    except (KeyError, TypeError) as error:
        raise CuveeError(f"{where}: expected the recipe of a choice, got another: {error}.") from (
            error
        )


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A selection with its data at hand.

    Args:
        selection: What was asked.
        pool: All of its documents, gone through once.
        target: The target's; several are one after the other.
        k: How much.
        recipe: How to do it again.
        engine: Where the work runs.
        units: What a token is.
    """

    selection: Selection
    pool: Scan
    target: Scan | None
    k: Quota
    recipe: Recipe
    engine: Engine
    units: Units

    def choose(self, method: str, seed: int) -> Choice:
        """Rows of the pool, by a method."""
        selector = select.load(method)
        pool, target = self.pools(frozenset(selector.needs))
        found = select.choose(selector, pool, self.k, target=target, seed=seed)
        if found.group is not None and found.of == TARGET_ROW and self.target is not None:
            group, some = found.group.copy(), found.group >= 0
            group[some] = self.target.numbers(group[some])
            found = replace(found, group=group)
        return found

    def pools(self, needs: frozenset[str]) -> tuple[Pool, Pool | None]:
        """The pool and the target with some of their fields."""
        return pools(self.pool, self.target, self._asked(needs), self.engine)

    def points(self) -> Points:
        """Where the points of pool and target are, or will be."""
        return Points.of(self.pool, self.target, self._asked(frozenset()))

    def _asked(self, needs: frozenset[str]) -> Asked:
        one = self.selection
        prints = self.recipe.fingerprints
        return Asked(needs, one.columns, one.features, one.question.seed, prints)


def open_selection(
    asked: Selection, engine: Engine, apart: Sequence[Source] = (), needs: Sequence[str] = ()
) -> Opened:
    """Find all files, set documents of the target apart, and go through the pool once.

    Args:
        asked: What is to be chosen.
        engine: Where the work runs.
        apart: Other documents that are not to be chosen.
        needs: Fields of the pool that methods read.

    Raises:
        CuveeError: A source cannot be read, a column is not there, or the pool holds nothing.
    """
    question = asked.question
    sources = _sources_of(question)
    units = units_of(question, sources)
    targets = targets_of(question)
    recipe = _recipe(asked, sources, targets)
    units_of(question, [*sources, *targets])  # rows and text do not go together
    target = None
    held = [*apart, *targets]
    if held:
        out = Apart.of(chain.from_iterable(map(batches, held)))
        sources = [Without(source, out) for source in sources]
    if targets:
        shared = [n for n in asked.columns.of_target if all(_has(one, n) for one in targets)]
        target = scan(targets, units, engine, shared, question.strict)
        if not len(target) or not target.sizes.any():
            raise CuveeError("the target has no text: give one that has, or leave it out.")
    labelled = target is not None and asked.columns.labels in target.columns
    optional = [asked.columns.labels] if labelled and "labels" not in needs else []
    pool = _scan(sources, units, engine, asked, optional)
    k = Quota.parse(asked.k, len(pool))
    return Opened(asked, pool, target, k, recipe, engine, units)


def _scan(
    sources: Sequence[Source], units: Units, engine: Engine, asked: Selection,
    optional: Sequence[str | None],
) -> Scan:  # fmt: skip
    """The pool, with what its records and what lies beside them say of each document."""
    columns, question = asked.columns, asked.question
    known = {
        name: attribute
        for name in columns.of_pool
        if columns.attributes and (attribute := attribute_of(columns.attributes, name))
    }
    wanted = [n for n in columns.of_pool if n not in known]
    wanted = [n for n in wanted if n not in optional or all(_has(one, n) for one in sources)]
    pool = scan(sources, units, engine, wanted, question.strict)
    if not len(pool):
        why = " that are not in the target, too" if any(pool.left_out) else ""
        raise CuveeError(f"the pool has no documents{why}: nothing can be chosen.")
    if not pool.sizes.any():
        raise CuveeError(f"none of the {len(pool)} documents of the pool has any text.")
    of = partial(known_values, columns.attributes or "", question.sources, question.text_of, pool)
    return replace(pool, columns={**pool.columns, **{n: of(a, n) for n, a in known.items()}})


def recipe_of(asked: Selection) -> Recipe:
    """How to choose again from the files as they are now.

    Raises:
        CuveeError: A file cannot be read.
    """
    return _recipe(asked, _sources_of(asked.question), targets_of(asked.question))


def _recipe(asked: Selection, sources: Sequence[Source], targets: Sequence[Source]) -> Recipe:
    prints = {f"source {s.name}": dict(s.fingerprint()) for s in sources} | _files(asked)
    for one in targets:
        prints[TARGET if len(targets) == 1 else f"{TARGET} {one.name}"] = dict(one.fingerprint())
    return Recipe(asked.settings(), prints, versions())


def _files(asked: Selection) -> dict[str, dict[str, str]]:
    """Hashes of files that decide about a choice beside the text."""
    columns, tokenizer = asked.columns, asked.question.tokenizer
    points = {"embeddings": columns.embeddings, "target embeddings": columns.target_embeddings}
    named = {w: [n] for w, n in points.items() if n is not None and n.endswith(".npy")}
    if tokenizer is not None:
        named["tokenizer"] = [str(tokenizer)]
    for name in columns.of_pool if columns.attributes else ():
        if columns.attributes and (attribute := attribute_of(columns.attributes, name)):
            files = Path(columns.attributes, attribute).rglob("*.parquet")
            named[f"attribute {attribute}"] = sorted(map(str, files))
    return {what: dict(fingerprint(names)) for what, names in named.items()}


def _sources_of(question: Question) -> list[Source]:
    check_names(list(question.sources), "source")
    return [
        room.open_source(name, spec, question.text_of(name))
        for name, spec in question.sources.items()
    ]


def targets_of(question: Question) -> list[Source]:
    """The targets; one without a name is called `target`."""
    spec = question.target
    if spec is None:
        return []
    named = dict(spec) if isinstance(spec, Mapping) and not is_table(spec) else {TARGET: spec}
    check_names(list(named), "target")
    return [room.open_source(name, one, question.text_of(name)) for name, one in named.items()]


def _has(source: Source, column: str) -> bool:
    """Whether its records have a column."""
    for piece in source.pieces():
        for table in records(source, piece):
            return column in table.column_names
    return False
