"""What a command will read, need and take, told from a small part of it before it is run."""

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from cuvee import driver, mix, real_runs, report
from cuvee import engine as engines
from cuvee.core import CuveeError, Problem, Shares
from cuvee.core.capacity import (
    check_memory,
    free_disk,
    free_memory,
    readable,
    taken_disk,
    used_memory,
)
from cuvee.core.data import Engine
from cuvee.core.files import place
from cuvee.early import check_start
from cuvee.engine import Progress, silent
from cuvee.engine.local import Local
from cuvee.estimating import LEAST, SURE, Amounts, Range, Step, disk, memory, steps
from cuvee.question import Question, Settings
from cuvee.rehearsal import Rehearsal, once, practice, rehearse, search, write_some
from cuvee.trials import facts

TIME = 1.5
"""Factor within which the stated time lies on a machine that does nothing else."""
MEMORY = 0.3
"""Part of the stated memory by which the real peak may differ."""
JUDGED = 60
"""Mixtures that are tried when the search is over: baselines, the curve, how choosing flatters."""


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What one source holds, as far as a look at it tells.

    Args:
        name: What the user calls it.
        disk: Bytes of its files.
        text: Bytes of text.
        documents: That it holds.
        tokens: That it holds.
        looked: Bytes of text that were looked at.
        whole: Whether that is all.
    """

    name: str
    disk: int
    text: Range
    documents: Range
    tokens: Range
    looked: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command will read, need and take.

    Args:
        command: blend, trial or compare.
        budget: Tokens.
        unit: What a token is.
        workers: At a time.
        sources: In the order in which they were named.
        reads: Bytes that are read of the sources' files, every passage counted.
        steps: What is done, in order.
        seconds: In all.
        memory: Bytes at the peak, of this process.
        disk: Bytes at the peak in the folder; None if nothing is written.
        kept: Bytes that stay there.
        free_memory: Bytes for this process, what it has included; None if unknown.
        free_disk: Bytes; None if unknown, or if nothing is written.
        looked: Seconds that the looking took.
        notes: What else a user should know.
    """

    command: str
    budget: int
    unit: str
    workers: int
    sources: tuple[SourcePlan, ...]
    reads: float
    steps: tuple[Step, ...]
    seconds: Range
    memory: Range
    disk: Range | None
    kept: Range | None
    free_memory: int | None
    free_disk: int | None
    looked: float
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return report.plan_text(self.to_dict())

    def _repr_html_(self) -> str:
        return report.fragment(report.print_plan, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Plain names, numbers, lists: what `--dry-run --json` prints."""
        return asdict(self)

    @property
    def tokens(self) -> float:
        """Of all sources."""
        return sum(source.tokens.mid for source in self.sources)


def plan(
    sources: Mapping[str, Any],
    *,
    out: str | Path | None = None,
    format: str = "parquet",
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
    **settings: Unpack[Settings],
) -> Plan:
    """What `blend` with these settings would read, need and take, without doing it.

    Little of every source is looked at, and that is counted and written for real, in a temporary
    folder; nothing else is touched.

    Args:
        sources: As for `blend`.
        out: Folder that the dataset would be written to; None: no dataset.
        format: Of its shards.
        engine: Where the work would run.
        workers: At a time; all cores by default.
        progress: Called after each finished part of the looking.
        settings: As for `blend`.

    Returns:
        The plan: print it.

    Raises:
        CuveeError: Something is wrong with the input, or it certainly does not fit.

    Example:
        >>> import cuvee
        >>> code = [f"def f{i}(x): return x + {i}" for i in range(200)]
        >>> found = cuvee.plan({"code": code}, target=["def g(x): return x"], budget=2000)
        >>> found.sources[0].whole, found.disk is None
        (True, True)
    """
    question = driver.ask(sources, **settings)
    return planned(question, engines.load(engine, workers, progress), out=out, format=format)


def planned(
    question: Question,
    engine: Engine,
    *,
    out: str | Path | None = None,
    format: str = "parquet",
    command: str = "blend",
    trials: int = 0,
    resume: bool = False,
    world: int = 1,
) -> Plan:
    """The plan of a command.

    Args:
        question: What is asked.
        engine: Where the work would run.
        out: Folder that a dataset would be written to; None: no dataset.
        format: Of its shards.
        command: blend, trial or compare.
        trials: Mixtures that are tried, at most; 0: those of a search, which is made.
        resume: Whether the folder may hold the beginnings of the dataset.
        world: Processes that would share the work.

    Raises:
        CuveeError: Something is wrong with the input, or it certainly does not fit.
    """
    folder = None if out is None else place(out)
    check_start(question, folder, command=command, format=format, resume=resume)
    begin = time.perf_counter()
    workers = getattr(engine, "workers", 0) or os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="cuvee-") as own:
        found = rehearse(question, engine, workers, Path(own), own=command == "compare")
        amounts = Amounts.of(found)
        problem, notes = _problem(question, found, amounts)
        shares, tried, sure, more = _trials(question, found, problem, workers, trials, command)
        written = None
        if folder is not None:
            survey = found.passes[-1].survey
            written = write_some(question, found.opened, survey, shares, format, Path(own))
    done = steps(found, amounts, workers, shares, question.tokens, trials=tried, written=written)
    peak = memory(found, amounts, workers, shares, question.tokens, written)
    need = kept = None
    if written is not None:
        need, kept = disk(found, amounts, shares, question.tokens, sure, written)
    made = Plan(
        command, question.tokens, found.opened.data.units.name, workers, _sources(found, amounts),
        sum(step.reads for step in done), done, _seconds(done),
        Range(peak * (1 - MEMORY), peak, peak * (1 + MEMORY)), need, kept, _free_memory(),
        None if folder is None else free_disk(folder), time.perf_counter() - begin,
        (*notes, *more, *_doubts(found), *_elsewhere(engine, world)),
    )  # fmt: skip
    if world == 1 and isinstance(engine, Local):
        check_memory(made.memory.low - used_memory()[0])
    return replace(made, notes=(*made.notes, *_tight(made, folder)))


def _seconds(done: Sequence[Step]) -> Range:
    """In all: on a machine as busy as now, and less if it does nothing else."""
    mid, work = sum(step.seconds for step in done), sum(step.work for step in done)
    return Range(min(mid, work) / TIME, mid, mid * TIME)


def _problem(
    question: Question, found: Rehearsal, amounts: Amounts
) -> tuple[Problem, tuple[str, ...]]:
    """What is to be decided, with the tokens that the sources probably hold.

    Raises:
        CuveeError: The budget is beyond the data even if they hold as much as they hardly can.
    """
    trainer = found.passes[-1].trainer
    mid, error = amounts.tokens.T
    for available, note in (
        (mid, ""),
        (mid + SURE * error + LEAST * mid, "The budget may be beyond the data with max_epochs."),
    ):
        try:
            problem = Problem.of(
                trainer.sources, trainer.targets, available, question.tokens,
                found.opened.objective(), question.limits,
            )  # fmt: skip
        except CuveeError:
            if note or not error.any():
                raise
        else:
            needs = getattr(mix.load(question.method), "needs", ())
            problem = replace(problem, facts=facts(found.opened, needs))
            return problem, (note,) if note else ()
    raise CuveeError("no mixture obeys the limits: lower the budget.")


def _trials(
    question: Question, found: Rehearsal, problem: Problem, workers: int, trials: int, command: str
) -> tuple[Shares, Step, bool, tuple[str, ...]]:
    """Shares as far as they can be known, what trying mixtures takes, whether that is sure."""
    last = found.passes[-1]
    even = problem.fit(problem.available)
    if real_runs.is_real(question.proxy):
        count = trials or (question.count or real_runs.RUNS) + 1
        one = practice(question, last, problem)
        note = (
            f"{count} runs of {one[0]:.0f} s each, trained {min(count, workers)} at a time at best."
        )
        step = Step.of(f"train {count} models", one * count / np.sqrt(min(count, workers)))
        return even, step, False, (note,)
    if trials:
        one = once(question, last, problem)
        return even, Step.of(f"try {trials} mixtures", one * trials / workers), False, ()
    looked = search(question, found.opened, last, problem)
    seconds = looked.seconds + JUDGED * looked.trial
    if looked.done:
        return looked.shares, Step.of("search", seconds), True, ()
    note = "The search takes longer than was waited for here: the time is a lower bound."
    if question.tables:
        note = "What fitting to the runs takes is not in the time."
    return looked.shares, Step.of("search", seconds), False, (note,)


def _sources(found: Rehearsal, amounts: Amounts) -> tuple[SourcePlan, ...]:
    return tuple(
        SourcePlan(
            one.name, one.disk, Range.around(*amounts.text[i]),
            Range.around(*amounts.documents[i]), Range.around(*amounts.tokens[i]), one.text,
            one.counted,
        )
        for i, one in enumerate(found.looks)
    )  # fmt: skip


def _doubts(found: Rehearsal) -> tuple[str, ...]:
    """What the look cannot tell."""
    some = [one.name for one in found.looks if one.beginnings]
    if not some:
        return ()
    return (
        f"Of packed files and CSV only beginnings were looked at ({', '.join(some[:3])}"
        f"{', ...' if len(some) > 3 else ''}): what comes later may differ.",
    )


def _free_memory() -> int | None:
    """Bytes that this process may have in all."""
    free = free_memory()
    return None if free is None else free + used_memory()[0]


def _elsewhere(engine: Engine, world: int) -> tuple[str, ...]:
    """That other machines are not looked at."""
    if not isinstance(engine, Local):
        return (
            "Memory and workers are those of this machine, and so are the times as far as they "
            "depend on them: what the others of the cluster have is not known here.",
        )
    if world == 1:
        return ()
    return (
        f"All numbers are of one process on this machine. Each of the {world} needs that memory; "
        f"counting and writing take about 1/{world} of their time if each has a machine like this.",
    )


def _tight(made: Plan, out: Path | None) -> tuple[str, ...]:
    """That the disk may get full; how well text packs is only known once it is written."""
    if out is None or made.disk is None or made.free_disk is None:
        return ()
    if made.disk.high <= made.free_disk or made.disk.high <= made.free_disk + taken_disk(out):
        return ()
    likely = "hardly fits" if made.disk.low > made.free_disk + taken_disk(out) else "may not fit"
    return (
        f"The dataset {likely} on the disk: about {readable(made.disk.mid)} are needed, and "
        f"{readable(made.free_disk)} are free. If it gets full, free some and add --resume.",
    )
