"""Boards: every method of choice, or an answer of your own, on tasks with planted faults."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cuvee import engine as engines
from cuvee import select
from cuvee.boards.files import read_answer, write_task
from cuvee.boards.sellers import PLANS, Acquisition
from cuvee.boards.standings import ABOUT, BASELINE, Boards, Entry, Standing
from cuvee.boards.tasks import Debugging, Plan, Round, Selection
from cuvee.core import CuveeError
from cuvee.core.data import Engine
from cuvee.core.errors import unknown
from cuvee.core.threads import one_thread
from cuvee.engine import Progress, silent

OWN = "yours"
DRAWS = 10
"""Random answers for each seed."""
SEEDS = 8
ALL = "all"
TASKS: Mapping[str, Callable[[int], Round]] = {
    **{f"selection/{name}": partial(Selection.made, name) for name in ("digits", "cancer", "text")},
    **{f"debugging/{name}": partial(Debugging.made, name) for name in ("digits", "cancer", "text")},
    **{f"acquisition/{name}": partial(Acquisition.made, name) for name in ("digits", "text")},
}


def board(
    task: str = ALL,
    *,
    methods: str | Sequence[str] = ALL,
    seed: int = 0,
    seeds: int = SEEDS,
    submit: str | Path | None = None,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
) -> Boards:
    """Score methods of choice, and an answer of your own, on tasks with planted faults.

    Three tasks in the manner of DataPerf: which rows to train on (`selection`), which labels are
    wrong (`debugging`), what to buy from whom (`acquisition`). A method sees the public part; clean
    rows that nobody sees judge what a fixed classifier learns from its answer. Random answers, ten
    for each seed, are always there.

    Args:
        task: `"all"`, one of the three, or one on one data set: `"debugging/digits"`.
        methods: Names of room `select`, of buyers' plans (`uniform`, `cheapest`), or `"all"`: those
            that have what they need.
        seed: Of the first draw of faults.
        seeds: How many draws of faults; intervals are over them.
        submit: A CSV or Parquet file with an answer to one task: see `cuvee.boards.publish`.
        engine, workers, progress: As for `cuvee.choose`.

    Returns:
        The boards: print them. The same seeds give the same boards to the bit.

    Raises:
        CuveeError: No such task or method, none that can be run, or an answer that breaks the
            rules; the message says which.

    References: Mazumder et al., "DataPerf: Benchmarks for Data-Centric AI Development", 2023,
    https://arxiv.org/abs/2207.10062

    Example:
        >>> import cuvee
        >>> boards = cuvee.board("debugging/text", methods="ccs", seeds=2)
        >>> [entry.name for entry in boards["debugging/text"].entries]
        ['ccs', 'random']
    """
    _check_seeds(seed, seeds)
    names, where = tasks_of(task), engines.load(engine, workers, progress)
    strict, asked = methods != ALL, _methods(methods)
    numbers, notes = list(range(seed, seed + seeds)), []
    answers: Mapping[int, Plan] = {}
    with one_thread():
        if submit is not None:
            answers = _answers(_single(task, "--submit"), submit, seed)
            numbers = sorted(answers)
        elif task == ALL or "/" not in task:
            names = _there(names, seed, notes)
        items = _jobs(names, asked, numbers, notes)
        found = where(partial(_played, strict), items, label="scoring boards")
        played = dict(zip(items, found))
        if strict and not answers and not any(name != BASELINE for _, _, name in items):
            why = " ".join(notes) or "random is on every board: name a method to put beside it."
            raise CuveeError(f"none of the methods can be run: {why}")
        standings = [_standing(name, numbers, played, answers, notes) for name in names]
    tries = sum(len(standing.entries) - 1 for standing in standings)
    told = tuple(replace(standing, tries=tries) for standing in standings)
    return Boards(told, tuple(dict.fromkeys(notes)))


def publish(task: str, out: str | Path, *, seed: int = 0, seeds: int = SEEDS) -> list[Path]:
    """Write what may be seen of a task, so that somebody can answer it.

    The table has a column `part`: rows of the `pool`, or the `sample` of a seller, with labels as
    shown, and clean rows of the `target`; `row` numbers those of each part. The rules lie beside
    it, in a file that ends with `.json`: how much may be answered, and in which columns.

    Args:
        task: One on one data set: `"debugging/digits"`.
        out: A `.csv` or `.parquet` file that does not exist yet.
        seed: Of the first draw of faults.
        seeds: How many draws of faults.

    Returns:
        The two files.

    Raises:
        CuveeError: No such task, or the files cannot be written.
    """
    _check_seeds(seed, seeds)
    name = _single(task, "--write")
    with one_thread():
        return write_task(name, {i: made(name, i) for i in range(seed, seed + seeds)}, out)


@lru_cache(maxsize=16)
def made(name: str, seed: int) -> Round:
    """A task with the faults of a seed."""
    return TASKS[name](seed)


def tasks_of(task: str) -> list[str]:
    """Names of tasks: all, those of a kind, or one.

    Raises:
        CuveeError: There is no such task.
    """
    found = [name for name in TASKS if task in (ALL, name, name.partition("/")[0])]
    if not found:
        raise unknown("task", task, [ALL, *ABOUT, *TASKS])
    return found


def _methods(methods: str | Sequence[str]) -> list[str]:
    """Names, random choice first."""
    if methods == ALL:
        return [*select.METHODS, *PLANS]
    names = methods.split(",") if isinstance(methods, str) else list(methods)
    for name in names:
        if name not in PLANS:
            select.load(name)
    return list(dict.fromkeys([BASELINE, *names]))


def _check_seeds(seed: int, seeds: int) -> None:
    if seeds < 1 or seed < 0:
        raise CuveeError(f"expected 1 seed or more, from 0 on, got {seeds} from {seed} on.")


def _single(task: str, flag: str) -> str:
    if task not in TASKS:
        raise CuveeError(f"{flag} is for one task on one data set, such as {next(iter(TASKS))}.")
    return task


def _there(names: Sequence[str], seed: int, notes: list[str]) -> list[str]:
    """Tasks whose data is installed."""
    found = []
    for name in names:
        try:
            made(name, seed)
        except CuveeError as error:
            notes.append(f"{name} is left out: {error}")
        else:
            found.append(name)
    return found


def _answers(task: str, path: str | Path, seed: int) -> dict[int, Plan]:
    """An answer for each seed that the file has."""
    given, plans = read_answer(path, made(task, seed).columns, seed), {}
    for number, values in given.items():
        try:
            plans[number] = made(task, number).answer(values)
        except CuveeError as error:
            raise CuveeError(f"{path}, seed {number}: {error}") from None
    return plans


def _jobs(
    names: Sequence[str], asked: Sequence[str], seeds: Sequence[int], notes: list[str]
) -> list[tuple[str, int, str]]:
    """Task, seed and method of all that can be run."""
    items: list[tuple[str, int, str]] = []
    out: dict[tuple[str, str], list[str]] = {}
    for task in names:
        for name in asked:
            why = _lacks(made(task, seeds[0]), name)
            if why:
                out.setdefault((name, why), []).append(task)
            elif name not in PLANS or task.startswith("acquisition/"):
                items += [(task, seed, name) for seed in seeds]
    for (name, why), where in out.items():
        notes.append(f"{name} was not run on {', '.join(where)}: {why}.")
    return sorted(items, key=lambda item: item[:2])


def _lacks(task: Round, name: str) -> str:
    if name in PLANS:
        return ""
    try:
        needs = select.load(name).needs
    except CuveeError as error:
        return str(error).rstrip(".")
    lacks = [need for need in needs if getattr(task.pool, need) is None]
    return f"it needs {' and '.join(lacks)}" if lacks else ""


def _played(strict: bool, item: tuple[str, int, str]) -> Float[np.ndarray, "measures"] | str:
    """What a method gets, as a mean over its answers; or why it gave none."""
    task, seed, name = item
    with one_thread():
        this = made(task, seed)
        if name in PLANS and isinstance(this, Acquisition):
            return this.score(PLANS[name](this))
        method, draws = select.load(name), DRAWS if name == BASELINE else 1
        try:
            got = [this.score(this.play(method, seed * DRAWS + i)) for i in range(draws)]
        except CuveeError as error:
            if strict or name == BASELINE:
                raise
            return str(error)
    return np.mean(got, axis=0)


def _standing(
    task: str, seeds: Sequence[int], played: Mapping[tuple[str, int, str], np.ndarray | str],
    answers: Mapping[int, Plan], notes: list[str],
) -> Standing:  # fmt: skip
    entries = []
    for name in dict.fromkeys(name for where, _, name in played if where == task):
        values = [played[task, seed, name] for seed in seeds]
        failed = [value for value in values if isinstance(value, str)]
        if failed:
            notes.append(f"{name} was not run on {task}: {failed[0].rstrip('.')}.")
        else:
            entries.append(Entry(name, np.array(values)))
    if answers:
        own = [made(task, seed).score(answers[seed]) for seed in seeds]
        entries.append(Entry(OWN, np.array(own)))
    standing = Standing(task, made(task, seeds[0]).measures(), tuple(entries), tuple(seeds))
    ranked = sorted(entries, key=lambda entry: -float(standing.score(entry).mean))
    return replace(standing, entries=tuple(ranked))
