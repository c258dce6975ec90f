"""Which samples? A pool, a quota and a target in; the chosen documents out, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cuvee import engine as engines
from cuvee import report, select
from cuvee.core import unknown
from cuvee.core.apart import check_apart
from cuvee.core.data import Engine
from cuvee.core.pool import Choice
from cuvee.documents.keeping import Kept, check_out, write_kept
from cuvee.documents.outputs import Order, Outputs, Work, making
from cuvee.documents.scanning import Scan
from cuvee.documents.selecting import Opened, Selection, open_selection, recipe_of, selection
from cuvee.engine import Progress, silent

ODD = 2.0
"""Times that chosen documents may be longer or shorter than others before it is said."""


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
        """Numbers of the documents in the pool as it was given, the first taken first.

        Of a list, a function or arrays they are places in it, from 0; of files, documents are
        counted in the order of the files, without records that cannot be read. Several sources
        are counted one after the other; `rows_of` counts each by itself.
        """
        return self.opened.pool.numbers(self.choice.rows)

    def rows_of(self, source: str) -> np.ndarray:
        """The same of one of several sources, counted from 0 in each.

        Raises:
            CuveeError: There is no such source.
        """
        pool, rows = self.opened.pool, self.choice.rows
        names = [one.name for one in pool.sources]
        if source not in names:
            raise unknown("source", source, names)
        return pool.numbers(rows[pool.groups[rows] == names.index(source)], within=True)

    def __str__(self) -> str:
        return report.choice_text(self.to_dict())

    def _repr_html_(self) -> str:
        return report.fragment(report.print_choice, self.to_dict())

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
            "groups": _groups(self.opened, choice),
            "notes": [*choice.notes, *_lengths(sizes, rows)],
        }  # fmt: skip

    def write(self, out: str | Path) -> int:
        """Write the chosen documents with all of their columns, in the order of the pool.

        Columns are added: `choice_row` (its number in its source, as in `rows_of`), `choice_rank`
        (0: taken first), `choice_score`, and `choice_group` and `choice_weight` where the method
        has them. Beside the file lies another one, `.json`: the summary and the recipe.

        Args:
            out: File that does not exist yet: `.parquet`, `.jsonl` or `.jsonl.zst`. One that holds
                the same choice already is left as it is.

        Returns:
            Documents written.

        Raises:
            CuveeError: It cannot be written, or the pool was changed since.
        """
        opened = self.opened
        outputs = outputs_of(opened.selection, out)
        with making(outputs, partial(recipe_of, opened.selection), opened.engine) as work:
            return self.into(work)

    def into(self, work: Work) -> int:
        """The same as a part of work that was begun before."""
        opened, choice = self.opened, self.choice
        order = np.argsort(choice.rows)
        rows = choice.rows[order]
        extra = {
            "choice_row": opened.pool.numbers(rows, within=True), "choice_rank": order,
            "choice_score": choice.score[order],
        }  # fmt: skip
        if choice.group is not None:
            extra["choice_group"] = choice.group[order]
        if choice.weight is not None:
            extra["choice_weight"] = choice.weight[order]
        work.check(opened.recipe)
        return write_kept(
            _kept(opened.pool, rows, extra), work, lambda: work.settle(self.to_dict())
        )


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


def _groups(opened: Opened, choice: Choice) -> dict[str, Any] | None:
    """How many rows were taken for each cluster, stratum or target; those with a name have it."""
    if choice.group is None:
        return None
    named = {"source": opened.pool, "target": opened.target}.get(choice.of)
    names = {} if named is None else dict(enumerate(source.name for source in named.sources))
    kinds, counts = np.unique(choice.group, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:20]
    largest = [
        {"number": int(kinds[i]), "name": names.get(int(kinds[i])), "chosen": int(counts[i])}
        for i in order
    ]
    return {"of": choice.of, "kinds": len(kinds), "largest": largest}


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
    target_embeddings: str | None = None,
    attributes: str | None = None,
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
        target: Text that the choice is for, or several by name; its own documents are never
            chosen.
        method: Name, or `name:setting=value`; by default `dsir:prior=10000` with a target, and
            `random` without.
        features: What documents look like to methods that need points.
        labels: Column with the class of each document.
        quality: Column with a number for each document, higher is better; `-NAME`: lower is.
        embeddings: Column of lists of numbers, or `.npy` file, to use as points instead.
        target_embeddings: The same of the target; the same column by default.
        attributes: Folder of `cuvee attributes`, whose columns `labels` and `quality` may name.
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
        embeddings=embeddings, target_embeddings=target_embeddings, attributes=attributes,
        tokenizer=tokenizer, text=text, seed=seed, strict=strict,
    )  # fmt: skip
    return decide(asked, engines.load(engine, workers, progress))


def outputs_of(asked: Selection, out: str | Path | None) -> Outputs:
    """Where a choice is written, once nothing is in the way."""
    if out is None:
        return Outputs("choice")
    path, question = check_out(out), asked.question
    check_apart(path, question.sources, question.target, file=True)
    return Outputs("choice", path)


def order(asked: Selection, out: str | Path | None) -> Order[Chosen]:
    """A choice that is written."""
    select.load(asked.named)  # before anything is read

    def run(work: Work) -> Chosen:
        found = decide(asked, work.engine)
        if out is not None:
            found.into(work)
        return found

    return Order(outputs_of(asked, out), partial(recipe_of, asked), run)


def decide(asked: Selection, engine: Engine) -> Chosen:
    """The choice."""
    method = select.load(asked.named)  # before anything is read
    opened = open_selection(asked, engine, needs=method.needs)
    return Chosen(opened, opened.choose(asked.named, asked.question.seed))
