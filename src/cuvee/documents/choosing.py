"""Which samples? A pool, a quota and a target in; the chosen documents out, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cuvee import engine as engines
from cuvee import report, select
from cuvee import sources as room
from cuvee.core import CuveeError, check_names
from cuvee.core.apart import check_apart
from cuvee.core.data import Engine, Source, Units, batches
from cuvee.core.files import write_whole
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.core.recipe import Recipe, to_json, versions
from cuvee.documents.keeping import Kept, check_out, write_kept
from cuvee.documents.pooling import Asked, Columns, pools
from cuvee.documents.scanning import Scan, scan
from cuvee.engine import Progress, silent
from cuvee.question import Question, units_of
from cuvee.sources.part import Apart, Without
from cuvee.sources.table import is_table

POOL, TARGET = "pool", "target"
ODD = 2.0
"""Times that chosen documents may be longer or shorter than others before it is said."""


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

    @property
    def named(self) -> str:
        """The method, or what is taken where none was named."""
        return self.method or ("random" if self.question.target is None else "dsir")

    def settings(self) -> dict[str, Any]:
        """Plain JSON values."""
        asked, columns = self.question.settings(), self.columns
        kept = ("sources", "target", "tokenizer", "text", "seed", "strict")
        return {
            **{name: asked[name] for name in kept}, "k": self.k, "method": self.named,
            "features": self.features, "labels": columns.labels, "quality": columns.quality,
            "embeddings": columns.embeddings,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A selection with its data at hand.

    Args:
        selection: What was asked.
        pool: All of its documents, gone through once.
        target: The target's.
        k: How much.
        recipe: How to do it again.
        engine: Where the work runs.
    """

    selection: Selection
    pool: Scan
    target: Scan | None
    k: Quota
    recipe: Recipe
    engine: Engine

    def choose(self, method: str, seed: int) -> Choice:
        """Rows of the pool, by a method."""
        selector = select.load(method)
        pool, target = self.pools(frozenset(selector.needs))
        return select.choose(selector, pool, self.k, target=target, seed=seed)

    def pools(self, needs: frozenset[str]) -> tuple[Pool, Pool | None]:
        """The pool and the target with some of their fields."""
        asked = self.selection
        wants = Asked(needs, asked.columns, asked.features, asked.question.seed)
        return pools(self.pool, self.target, wants, self.engine, self.recipe.fingerprints)


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Documents that were chosen, and why: print it, `write` it.

    Args:
        opened: What was asked, and the pool.
        choice: Which, and why.
    """

    opened: Opened
    choice: Choice

    @property
    def rows(self) -> np.ndarray:
        """Numbers of the documents, the first taken first.

        Counted are the documents that can be chosen: neither unreadable records nor those of the
        target.
        """
        return self.choice.rows

    def __str__(self) -> str:
        return report.choice_text(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee choose --json` prints it."""
        pool, choice = self.opened.pool, self.choice
        rows, sizes, groups = choice.rows, pool.sizes, pool.groups
        taken = np.bincount(groups[rows], minlength=len(pool.sources))
        return {
            "method": self.opened.selection.named,
            "k": self.opened.selection.k,
            "pool": {"documents": len(pool), "tokens": int(sizes.sum())},
            "chosen": {"documents": len(rows), "tokens": int(sizes[rows].sum())},
            "target": None if self.opened.target is None else len(self.opened.target),
            "sources": [
                {
                    "name": source.name, "documents": sum(counts), "chosen": int(taken[i]),
                    "tokens": int(sizes[groups == i].sum()),
                    "chosen_tokens": int(sizes[rows[groups[rows] == i]].sum()),
                    "unread": pool.unread[i], "in_target": pool.left_out[i],
                }
                for i, (source, counts) in enumerate(zip(pool.sources, pool.counts))
            ],
            "score": {"meaning": choice.meaning, **_spread(choice)},
            "groups": _groups(choice),
            "notes": [*choice.notes, *_lengths(sizes, rows)],
        }  # fmt: skip

    def write(self, out: str | Path) -> int:
        """Write the chosen documents with all of their columns, in the order of the pool.

        Columns are added: `choice_rank` (0: taken first), `choice_score`, `choice_group`, and
        `choice_weight` where the method weighs. Beside the file lies another one, `.json`: the
        summary and the recipe.

        Args:
            out: File that does not exist yet: `.parquet`, `.jsonl` or `.jsonl.zst`.

        Returns:
            Documents written.

        Raises:
            CuveeError: It cannot be written.
        """
        opened, choice = self.opened, self.choice
        path = check_out(out, opened.pool.sources)
        question = opened.selection.question
        check_apart(path, question.sources, question.target, file=True)
        order = np.argsort(choice.rows)
        extra = {"choice_rank": order, "choice_score": choice.score[order]}
        if choice.group is not None:
            extra["choice_group"] = choice.group[order]
        if choice.weight is not None:
            extra["choice_weight"] = choice.weight[order]
        recipe = {
            "settings": opened.recipe.settings, "fingerprints": opened.recipe.fingerprints,
            "versions": opened.recipe.versions,
        }  # fmt: skip
        rows = choice.rows[order]
        about = to_json({"choice": self.to_dict(), "recipe": recipe})
        # The documents last: where they are, all is there.
        write_whole(path.with_name(f"{path.name}.json"), lambda p: p.write_bytes(about))
        return write_kept(_kept(opened.pool, rows, extra), path, opened.engine, {"choose": recipe})


def _kept(pool: Scan, rows: np.ndarray, extra: Mapping[str, np.ndarray]) -> list[Kept]:
    """The chosen documents of each source."""
    ends = np.concatenate([[0], np.cumsum([sum(counts) for counts in pool.counts])])
    cuts = np.searchsorted(rows, ends)
    return [
        Kept(
            source, counts, rows[a:b] - ends[i],
            {name: values[a:b] for name, values in extra.items()},
        )
        for i, (source, counts, a, b) in enumerate(zip(pool.sources, pool.counts, cuts, cuts[1:]))
    ]  # fmt: skip


def _lengths(sizes: np.ndarray, rows: np.ndarray) -> list[str]:
    """A warning where a method went by length."""
    ours, theirs = float(sizes[rows].mean()), float(sizes.mean())
    if 1 / ODD <= ours / theirs <= ODD:
        return []
    kind = "short" if ours < theirs else "long"
    return [
        f"the chosen documents are {kind}: {ours:.0f} tokens on average, {theirs:.0f} in the pool. "
        "Ask for tokens instead of documents, or look whether the method goes by length."
    ]


def _spread(choice: Choice) -> dict[str, Any]:
    """Scores of what was taken, and of what was left out."""
    found: dict[str, Any] = {}
    if len(choice) and np.ptp(choice.score):
        low, middle, high = np.quantile(choice.score, [0, 0.5, 1])
        found = {"chosen": {"lowest": low, "median": middle, "highest": high}}
    if found and choice.scores is not None:
        left = np.delete(choice.scores, choice.rows)
        left = left[np.isfinite(left)]
        if len(left):
            low, middle, high = np.quantile(left, [0, 0.5, 1])
            found["left_out"] = {"lowest": low, "median": middle, "highest": high}
    return found


def _groups(choice: Choice) -> dict[str, Any] | None:
    """How many rows were taken for each cluster, stratum or target."""
    if choice.group is None:
        return None
    kinds, counts = np.unique(choice.group, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:20]
    largest = [{"number": int(kinds[i]), "chosen": int(counts[i])} for i in order]
    return {"of": choice.of, "kinds": len(kinds), "largest": largest}


def selection(
    pool: Any, k: str | int, *, target: Any = None, method: str = "", features: str = "lsa",
    labels: str | None = None, quality: str | None = None, embeddings: str | None = None,
    tokenizer: str | None = None, text: Any = None, seed: int = 0, strict: bool = False,
) -> Selection:  # fmt: skip
    """A checked selection."""
    named = isinstance(pool, Mapping) and not is_table(pool)
    sources = dict(pool) if named else {POOL: pool}
    question = Question(
        sources, target=target, budget=1, tokenizer=tokenizer, text=text, seed=seed, strict=strict
    )
    return Selection(question, k, method, features, Columns(labels, quality, embeddings))


def open_selection(asked: Selection, engine: Engine, apart: Source | None = None) -> Opened:
    """Find all files, set documents of the target apart, and go through the pool once.

    Args:
        asked: What is to be chosen.
        engine: Where the work runs.
        apart: Other documents that are not to be chosen.

    Raises:
        CuveeError: A source cannot be read, a column is not there, or the pool holds nothing.
    """
    question = asked.question
    check_names(list(question.sources), "source")
    sources: list[Source] = [
        room.open_source(name, spec, question.text_of(name))
        for name, spec in question.sources.items()
    ]
    units = units_of(question, sources)
    prints = {f"source {s.name}": dict(s.fingerprint()) for s in sources}
    target = None
    if apart is not None:
        held = Apart.of(batches(apart))
        sources = [Without(source, held) for source in sources]
    if question.target is not None:
        given = target_of(question)
        prints["target"] = dict(given.fingerprint())
        target = scan([given], units, engine, _shared(given, asked.columns), question.strict)
        if not len(target) or not target.sizes.any():
            raise CuveeError("the target has no text: give one that has, or leave it out.")
        taken = Apart.of(batches(given))
        sources = [Without(source, taken) for source in sources]
    pool = _scan(sources, units, engine, asked)
    recipe = Recipe(asked.settings(), prints, versions())
    return Opened(asked, pool, target, Quota.parse(asked.k, len(pool)), recipe, engine)


def _scan(sources: Sequence[Source], units: Units, engine: Engine, asked: Selection) -> Scan:
    pool = scan(sources, units, engine, asked.columns.wanted, asked.question.strict)
    if not len(pool):
        why = " that are not in the target, too" if any(pool.left_out) else ""
        raise CuveeError(f"the pool has no documents{why}: nothing can be chosen.")
    if not pool.sizes.any():
        raise CuveeError(f"none of the {len(pool)} documents of the pool has any text.")
    return pool


def target_of(question: Question) -> Source:
    """The target, of which there is one."""
    spec = question.target
    if isinstance(spec, Mapping) and not is_table(spec):
        if len(spec) != 1:
            raise CuveeError("choose takes one target: give one path, or a list of paths.")
        spec = next(iter(spec.values()))
    return room.open_source(TARGET, spec, question.text_of(TARGET))


def _shared(target: Source, columns: Columns) -> list[str]:
    """Columns that the target has, too: it needs none."""
    from cuvee.sources.records import records

    for piece in target.pieces():
        for table in records(target, piece):
            return [name for name in columns.wanted if name in table.column_names]
    return []


def choose(
    pool: Any,
    k: str | int,
    *,
    target: Any = None,
    method: str = "",
    features: str = "lsa",
    labels: str | None = None,
    quality: str | None = None,
    embeddings: str | None = None,
    tokenizer: str | None = None,
    text: Any = None,
    seed: int = 0,
    strict: bool = False,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
) -> Chosen:
    """Choose documents of a pool, as many as a quota allows.

    Args:
        pool: A path, a glob, a folder, a list of texts, arrays `(x, y)`; or several by name.
        k: `5000` documents, `"10%"` of them, or `"20M-tokens"`.
        target: Text that the choice is for; its own documents are never chosen.
        method: Name, or `name:setting=value`; `dsir` with a target, and `random` without.
        features: What documents look like to methods that need points.
        labels: Column with the class of each document.
        quality: Column with a number for each document, higher is better.
        embeddings: Column of lists of numbers, or `.npy` file, to use as points instead.
        tokenizer: A `tokenizer.json`; tokens are then its tokens.
        text: Column or field that holds the text; found by default.
        seed: Of everything random.
        strict: Stop at the first record that cannot be read, instead of counting it.
        engine: Where the work runs: `"local"`, `"ray"`, or an engine that is made already.
        workers: At a time; all cores by default. The answer does not depend on it.
        progress: Called after each finished part of the work.

    Returns:
        The choice: print it, `write` it.

    Raises:
        CuveeError: Something is wrong with the input; the message says what to do.

    Example:
        >>> import cuvee
        >>> code = [f"def f{i}(x): return x + {i}" for i in range(100)]
        >>> prose = [f"The {i}th guest came late and left early." for i in range(100)]
        >>> chosen = cuvee.choose(code + prose, 20, target=["def g(y): return y"])
        >>> bool((chosen.rows < 100).all())
        True
    """
    asked = selection(
        pool, k, target=target, method=method, features=features, labels=labels, quality=quality,
        embeddings=embeddings, tokenizer=tokenizer, text=text, seed=seed, strict=strict,
    )  # fmt: skip
    return decide(asked, engines.load(engine, workers, progress))


def decide(asked: Selection, engine: Engine) -> Chosen:
    """The choice."""
    select.load(asked.named)  # before anything is read
    opened = open_selection(asked, engine)
    return Chosen(opened, opened.choose(asked.named, asked.question.seed))
