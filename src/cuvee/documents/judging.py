"""Every method of choice on the same pool: what does training on its choice give?"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from cuvee import engine as engines
from cuvee import proxies, report, select
from cuvee.core import CuveeError, Estimate, Trial, stream
from cuvee.core.data import Batch, Data, Engine, Piece, Source, batches
from cuvee.core.pool import Choice
from cuvee.documents.choosing import Opened, Selection, open_selection, target_of
from cuvee.documents.pooling import Columns
from cuvee.documents.scanning import Scan
from cuvee.engine import Progress, silent
from cuvee.question import units_of
from cuvee.sources import open_source
from cuvee.sources.memory import Memory
from cuvee.sources.part import halves, hold_out, sample

BASELINE = "random"
LACKING = {
    "points": "points", "counts": "text", "labels": "labels, of the target too where it has one",
    "quality": "a column of quality", "groups": "several sources",
}  # fmt: skip
"""What is said of a field that is not there."""
SEEDS = 3
LEVEL = 0.9
BYTES = 300_000
"""Of text that judges, about."""


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """The chosen documents of a pool, as one source.

    Args:
        opened: The pool.
        rows: Numbers of the documents, rising.
        name: As a source.
    """

    opened: Opened
    rows: np.ndarray
    name: str = "chosen"

    def pieces(self) -> tuple[Piece, ...]:
        """Numbers of the pool's pieces of which something was chosen."""
        starts = self.opened.pool.starts
        cuts = np.searchsorted(self.rows, starts)
        return tuple(Piece("", i, i + 1) for i in range(len(starts) - 1) if cuts[i] < cuts[i + 1])

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The chosen documents of it."""
        pool = self.opened.pool
        i, part = pool.jobs[piece.start]
        a, b = pool.starts[piece.start], pool.starts[piece.stop]
        here = self.rows[np.searchsorted(self.rows, a) : np.searchsorted(self.rows, b)] - a
        first = 0
        for batch in pool.sources[i].read(part):
            stays = np.zeros(len(batch.text), bool)
            stays[here[(here >= first) & (here < first + len(stays))] - first] = True
            first += len(stays)
            if stays.any():
                yield Batch(batch.text.filter(pa.array(stays)))

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of the chosen documents."""
        keys = self.opened.pool.keys[self.rows]
        return {"chosen": f"{np.bitwise_xor.reduce(keys):016x}-{len(keys)}"}


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
    for name in names:
        select.load(name)
    where = engines.load(engine, workers, progress)
    asked, judging, what, apart = _parted(asked)
    opened = open_selection(asked, where, apart)
    if opened.k.rows == len(opened.pool):
        raise CuveeError("-k: all of the pool is no choice: choose fewer to compare methods.")
    notes, judged = [], []
    common = _features(opened, names)
    for name in names:
        why = missing(opened, name)
        if why and methods == "all":
            notes.append(f"{name} was not run: {why}.")
            continue
        try:
            one = _judged(opened, name, judging, proxy, seeds)
            looks = "points" in select.load(name).needs
            judged.append(replace(one, seconds=one.seconds + common * looks))
        except CuveeError as error:  # what a method finds out only at work
            if methods != "all":
                raise
            notes.append(f"{name} was not run: {error}")
    if not judged:
        raise CuveeError("none of the methods can be run here: " + " ".join(notes))
    if opened.k.rows is not None:
        notes.append(
            "documents differ in length: choose a number of tokens to compare at equal cost."
        )
    judged.sort(key=lambda one: float(one.loss.mean))
    return Board(tuple(judged), what, proxy, tuple(notes))


def _features(opened: Opened, names: Sequence[str]) -> float:
    """Seconds for the points that methods share; whoever looks at them is charged for them."""
    if not any("points" in select.load(name).needs for name in names):
        return 0.0
    begin = time.perf_counter()
    opened.pools(frozenset({"points"}))
    return time.perf_counter() - begin


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


def _parted(asked: Selection) -> tuple[Selection, Source, str, Source]:
    """A selection for one half of the target, the other half, and all of it, which must not be
    chosen; or a part of the pool."""
    question = asked.question
    if question.target is not None:
        whole = target_of(question)
        chooses, judges = halves(sample(whole, 2 * BYTES, question.seed), question.seed)
        return (
            replace(asked, question=replace(question, target=chooses)),
            judges,
            "the other half of the target",
            whole,
        )
    parts: list[str] = []
    wholes: list[str] = []
    for name, spec in question.sources.items():
        source = open_source(name, spec, question.text_of(name))
        part, whole = hold_out(source, BYTES // len(question.sources), seed=question.seed)
        for texts, one in ((parts, part), (wholes, whole)):
            texts += [text for batch in batches(one) for text in batch.text.to_pylist()]
    apart = Memory("apart", tuple(wholes))
    return asked, Memory("judge", tuple(parts)), "a held-out part of the pool", apart


def _judged(opened: Opened, name: str, judging: Source, proxy: str, seeds: int) -> Judged:
    losses, choices, seconds = [], [], []
    for seed in range(seeds):
        begin = time.perf_counter()
        choices.append(opened.choose(name, opened.selection.question.seed + seed))
        seconds.append(time.perf_counter() - begin)
        losses.append(loss_of(opened, choices[-1], judging, proxy))
    draws = np.concatenate([loss.draws[:, 0] for loss in losses])
    spread = losses[0].spread
    center = np.array(np.mean([loss.mean[0] for loss in losses]))
    found = Estimate(draws, losses[0].unit, spread, center)
    tokens = float(np.mean([opened.pool.sizes[c.rows].sum() for c in choices]))
    return Judged(name, found, float(np.mean(seconds)), tokens, tuple(choices))


def loss_of(opened: Opened, choice: Choice, judging: Source, proxy: str) -> Estimate:
    """Loss of a proxy that is trained once on all that was chosen."""
    question = opened.selection.question
    picked = Picked(opened, np.sort(choice.rows))
    data = Data((picked,), (judging,), units_of(question, list(opened.pool.sources)), opened.engine)
    trainer, _ = proxies.load(proxy).prepare(data, rng=stream(question.seed, "proxy"))
    tokens = float(trainer.available.sum())
    if not tokens:
        raise CuveeError("the chosen documents hold no text: nothing can be trained on them.")
    return trainer.run(Trial(np.ones(1), tokens), rng=stream(question.seed, "trial")).losses


__all__ = ["Board", "Judged", "Picked", "judge", "loss_of", "missing"]
