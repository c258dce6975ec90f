"""Every method of choice on the same pool: what does training on its choice give?"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from cuvee import engine as engines
from cuvee import proxies, report, select
from cuvee.core import CuveeError, Estimate
from cuvee.core.data import Data, Engine, Source
from cuvee.core.pool import Choice
from cuvee.documents.parting import Parted, parted
from cuvee.documents.points import Columns
from cuvee.documents.scanning import Scan
from cuvee.documents.selecting import Opened, Selection, open_selection
from cuvee.documents.trying import loss_of
from cuvee.engine import Kept, Progress, silent
from cuvee.engine.local import Local
from cuvee.question import units_of
from cuvee.sources import open_source

BASELINE = "random"
LACKING = {
    "points": "points", "counts": "text", "labels": "labels, of the target too where it has one",
    "quality": "a column of quality", "groups": "several sources",
}  # fmt: skip
"""What is said of a field that is not there."""
SEEDS = 3
LEVEL = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What came of one method.

    Args:
        name: Of it.
        loss: On the text that judges, in nats per token: draws over its documents and seeds.
        seconds: That choosing took, features included, on average.
        tokens: Chosen, on average.
        choices: One for each seed.
    """

    name: str
    loss: Estimate
    seconds: float
    tokens: float
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """Methods of choice side by side: print it.

    Args:
        judged: What came of each, the lowest loss first.
        judge: What text the loss is on.
        proxy: What was trained.
        notes: What to know, the methods that could not be run among it.
    """

    judged: tuple[Judged, ...]
    judge: str
    proxy: str
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return report.board_text(self.to_dict())

    def _repr_html_(self) -> str:
        return report.fragment(report.print_board, self.to_dict())

    def gain(self, one: Judged) -> Estimate | None:
        """How much lower the loss is than that of random choice, by paired draws."""
        base = next((j for j in self.judged if j.name == BASELINE), None)
        if base is None or base is one:
            return None
        return Estimate(base.loss.draws - one.loss.draws, "nats per token", "target documents")

    def better(self) -> list[str]:
        """Methods that beat random choice, beyond what so many tries would give by luck."""
        found = []
        level = 1 - 0.1 / max(1, len(self.judged) - 1)
        for one in self.judged:
            gain = self.gain(one)
            if gain is not None and gain.interval(level)[0] > 0:
                found.append(one.name)
        return found

    def sentence(self) -> str:
        """The verdict."""
        better = self.better()
        if not any(j.name == BASELINE for j in self.judged):
            return f"Lowest loss: {self.judged[0].name}."
        if not better:
            return "No method beats random choice here."
        others = len(self.judged) - 1
        return f"{self.judged[0].name} is best; {len(better)} of {others} beat random choice."

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee choose --methods --json` prints it."""
        rows = []
        for one in self.judged:
            low, high = one.loss.interval(LEVEL)
            gain = self.gain(one)
            edges = (None, None) if gain is None else gain.interval(LEVEL)
            rows.append({
                "name": one.name, "loss": float(one.loss.mean), "loss_low": float(low),
                "loss_high": float(high), "seconds": one.seconds, "tokens": one.tokens,
                "documents": len(one.choices[0]),
                "gain": None if gain is None else float(gain.mean),
                "gain_low": None if edges[0] is None else float(edges[0]),
                "gain_high": None if edges[1] is None else float(edges[1]),
            })  # fmt: skip
        return {
            "sentence": self.sentence(), "judge": self.judge, "proxy": self.proxy,
            "unit": "nats per token", "level": LEVEL, "methods": rows,
            "better_than_random": self.better(), "notes": list(self.notes),
        }  # fmt: skip


def judge(
    asked: Selection,
    methods: str | Sequence[str] = "all",
    *,
    proxy: str = "counts",
    seeds: int = SEEDS,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
) -> Board:
    """Choose by each method, train a proxy on each choice, and measure its loss on held-out text.

    Half of the target's documents choose, the other half judge. Without a target, a part of the
    pool is held out.

    Args:
        asked: The pool, the quota and the target.
        methods: Names, or "all": those that have what they need here.
        proxy: What is trained.
        seeds: How often each method chooses.
        engine, workers, progress: As for `cuvee.choose`.

    Raises:
        CuveeError: Something is wrong with the input, or no method can be run.
    """
    if seeds < 1:
        raise CuveeError(f"seeds must be at least 1, got {seeds}.")
    names = list(select.METHODS) if methods == "all" else _names(methods)
    needs = {need for name in names for need in select.load(name).needs}
    where = engines.load(engine, workers, progress)
    _check_proxy(asked, proxy, where)
    parts = parted(asked)
    opened = open_selection(parts.asked, where, parts.apart, sorted(needs))
    if opened.k.rows == len(opened.pool):
        raise CuveeError("-k: all of the pool is no choice: choose fewer to compare methods.")
    notes, judged = [], []
    common = _feature_seconds(opened, where, needs, notes)
    for name in names:
        why = missing(opened, name)
        if why and methods == "all":
            notes.append(f"{name} was not run: {why}.")
            continue
        try:
            one = _judged(opened, name, parts, proxy, seeds, where)
            looks = "points" in select.load(name).needs
            judged.append(replace(one, seconds=one.seconds + common * looks))
        except CuveeError as error:  # what a method finds out only at work
            if methods != "all":
                raise
            notes.append(f"{name} was not run: {error}")
    if not judged:
        raise CuveeError("none of the methods can be run here: " + " ".join(notes))
    notes += _notes(opened, judged)
    judged.sort(key=lambda one: float(one.loss.mean))
    return Board(tuple(judged), parts.what, proxy, tuple(notes))


def _check_proxy(asked: Selection, proxy: str, engine: Engine) -> None:
    """Refuse a proxy that cannot read the pool, before the pool is read."""
    question = asked.question
    sources = tuple(open_source(n, s, question.text_of(n)) for n, s in question.sources.items())
    data = Data(sources, (), units_of(question, list(sources)), engine)
    proxies.check_reads(proxies.load(proxy), data)


def _feature_seconds(opened: Opened, where: Engine, needs: set[str], notes: list[str]) -> float:
    """Seconds for the points that methods share; whoever looks at them is charged for them."""
    if "points" not in needs or opened.pool.rows is not None:
        return 0.0
    if opened.selection.columns.embeddings is not None:
        notes.append("what it took to make the embeddings is not in the time of choosing.")
        return 0.0
    _once(where, partial(_warm, opened), "computing features")
    return opened.points().seconds


def _warm(opened: Opened, item: int) -> int:
    """The points, if they are not there already: of an earlier run the time is known as well."""
    opened.pools(frozenset({"points"}))
    return item


def _once(where: Engine, job: Callable[[int], Any], label: str) -> Any:
    """What a job gives; an engine that keeps results keeps this one as a whole.

    It runs in one thread of this process, so that it can share the work below with others.
    """
    if not isinstance(where, Kept):
        return job(0)
    return next(replace(where, engine=Local(1, where.progress))(job, [0], label=label))


def _notes(opened: Opened, judged: Sequence[Judged]) -> list[str]:
    notes = []
    if opened.k.rows is not None:
        notes.append(
            "documents differ in length: choose a number of tokens to compare at equal cost."
        )
    weighed = [one.name for one in judged if one.choices[0].weight is not None]
    if weighed:
        notes.append(
            f"{', '.join(weighed)}: trained on each document as often as its weight says, to a few "
            "steps of it."
        )
    return notes


def _names(methods: str | Sequence[str]) -> list[str]:
    names = methods.split(",") if isinstance(methods, str) else list(methods)
    return [*dict.fromkeys(names)]


def missing(opened: Opened, name: str) -> str:
    """What a method needs that is not here."""
    method, columns = select.load(name), opened.selection.columns
    rows = opened.pool.rows
    labelled = [_has_labels(opened.pool, columns)]
    if method.targeted and opened.target is not None:
        labelled.append(_has_labels(opened.target, columns))
    have = {
        "points": True,
        "counts": rows is None,
        "labels": all(labelled),
        "quality": columns.quality is not None,
        "groups": len(opened.pool.sources) > 1,
    }
    lacks = [LACKING[need] for need in method.needs if not have[need]]
    if method.targeted and opened.target is None:
        lacks.append("a target")
    return f"it needs {' and '.join(lacks)}" if lacks else ""


def _has_labels(one: Scan, columns: Columns) -> bool:
    return columns.labels in one.columns or (one.rows is not None and one.rows.y is not None)


def _judged(
    opened: Opened, name: str, parts: Parted, proxy: str, seeds: int, where: Engine
) -> Judged:
    found = []
    for seed in range(seeds):
        job = partial(_try, opened, name, parts.judges, proxy)
        found.append(_once(where, partial(job, seed), f"{name}, {seed + 1} of {seeds}"))
    choices, losses, seconds = zip(*found)
    draws = np.concatenate([loss.draws[:, 0] for loss in losses])
    center = np.array(np.mean([loss.mean[0] for loss in losses]))
    loss = Estimate(draws, losses[0].unit, losses[0].spread, center)
    tokens = float(np.mean([opened.pool.sizes[c.rows].sum() for c in choices]))
    return Judged(name, loss, float(np.mean(seconds)), tokens, tuple(choices))


def _try(
    opened: Opened, name: str, judges: Sequence[Source], proxy: str, seed: int, item: int
) -> tuple[Choice, Estimate, float]:
    """One choice, the loss after training on it, and the seconds that choosing took."""
    begin = time.perf_counter()
    choice = opened.choose(name, opened.selection.question.seed + seed)
    seconds = time.perf_counter() - begin
    return choice, loss_of(opened, choice, judges, proxy), seconds


__all__ = ["Board", "Judged", "judge", "missing"]
