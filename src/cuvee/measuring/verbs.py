"""`measure`, `measure_all` and `measure_pairs`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

from cuvee import engine as engines
from cuvee.contracts import Measure
from cuvee.core import CuveeError
from cuvee.core.data import Engine
from cuvee.core.errors import unknown
from cuvee.core.sample import Sample
from cuvee.engine import Progress, silent
from cuvee.measure import METHODS, OF, check, load, reasons
from cuvee.measure import measure as measured
from cuvee.measuring.columns import Columns
from cuvee.measuring.measured import Measured, Measurements, Pairs
from cuvee.measuring.samples import VIEWS, Asked, columns_of, samples
from cuvee.sources.table import is_table

USUAL = {
    ("one", "points"): "intrinsic_dimension", ("one", "labels"): "entropy",
    ("one", "symbols"): "entropy", ("two", "points"): "mmd", ("two", "labels"): "token_js",
    ("two", "symbols"): "token_js", ("rows", "points"): "mutual_information",
}  # fmt: skip
"""What is taken where no method was named."""


class Looking(TypedDict, total=False):
    """How to look at the data, for the signatures of the verbs.

    Args:
        features: What turns documents into points.
        embeddings: Column of the documents' points, instead.
        labels: Column of the documents' classes.
        text: Column of the text; found by default.
        seed: Of everything random.
    """

    features: str
    embeddings: str | None
    labels: str | None
    text: str | Mapping[str, str] | None
    seed: int


def measure(
    a: Any,
    b: Any = None,
    *,
    method: str = "",
    paired: bool = False,
    x: str | Sequence[str] = (),
    y: str | Sequence[str] = (),
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
    **settings: Unpack[Looking],
) -> Measured:
    """A number about one data set, or about two.

    Args:
        a: Numbers as an array, a `.npy` or `.npz` file, a table of which columns are named, or
            text as for `blend`.
        b: Another one, if the method is of two.
        method: Name, or `name:setting=value`; see `cuvee methods measure`. The default depends on
            the data.
        paired: Row i of `b` belongs to row i of `a`: asked is how much they depend on each other.
        x: Columns of a table to take as numbers, or as classes.
        y: Columns of the same table, to measure against those of `x`.
        engine: Where documents are gone through.
        workers: At a time; all cores by default.
        progress: Called after each finished part of the work.
        settings: `features`, `embeddings`, `labels`, `text`, `seed`: see `Looking`.

    Returns:
        The number, its interval, what it is if there is no difference, and why it may lie.

    Raises:
        CuveeError: The data cannot be measured so; the message says what to do.

    Example:
        >>> import cuvee, numpy as np
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.normal(0, 1, (500, 2)), rng.normal(1, 1, (500, 2))
        >>> far = cuvee.measure(a, b, method="frechet")
        >>> bool(1.5 < far.value < 2.5 and far.interval[0] > 0)
        True
    """
    asked = _asked(x, y, settings)
    runner = engines.load(engine, workers, progress)
    specs = _two(a, b)
    chosen = load(method) if method else None
    takes = _wanted(chosen, asked)
    both = _opened(specs, asked, takes, runner)
    name = method or usual(both, paired or bool(asked.columns.y))
    return _measured(name, chosen or load(name), both, asked.seed)


def measure_all(
    a: Any,
    b: Any = None,
    *,
    methods: str | Sequence[str] = "suitable",
    paired: bool = False,
    x: str | Sequence[str] = (),
    y: str | Sequence[str] = (),
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
    **settings: Unpack[Looking],
) -> Measurements:
    """Several numbers about the same data.

    Args:
        a: As for `measure`.
        b: Likewise.
        methods: Names; `"suitable"`: those that fit the kind and the size of the data, and learn
            nothing; `"all"`: all that can be run, also where their numbers may lie.
        paired: As for `measure`, like all that follows.
        x: Likewise.
        y: Likewise.
        engine: Likewise.
        workers: Likewise.
        progress: Likewise.
        settings: Likewise.

    Raises:
        CuveeError: No method fits.
    """
    asked = _asked(x, y, settings)
    runner = engines.load(engine, workers, progress)
    both = _opened(_two(a, b), asked, VIEWS, runner)
    chosen, left = fitting(both, methods, paired or bool(asked.columns.y))
    if not chosen:
        raise CuveeError(f"none of these methods fits the data: {next(iter(left.items()))}.")
    jobs = list(chosen.items())
    done = list(runner(partial(_done, both, asked.seed), jobs, label="measuring"))
    found = tuple(one for one in done if isinstance(one, Measured))
    failed = {name: one for (name, _), one in zip(jobs, done) if isinstance(one, str)}
    if failed and (methods not in ("suitable", "all") or not found):
        raise CuveeError("; ".join(f"{name}: {why}" for name, why in failed.items()))
    return Measurements(found, left | failed)


def measure_pairs(
    sources: Mapping[str, Any],
    *,
    method: str = "",
    x: str | Sequence[str] = (),
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
    **settings: Unpack[Looking],
) -> Pairs:
    """One number for each pair of data sets.

    Args:
        sources: By name, as `a` of `measure`.
        method: Of two data sets.
        x: As for `measure`, like all that follows.
        engine: Likewise.
        workers: Likewise.
        progress: Likewise.
        settings: Likewise.

    Raises:
        CuveeError: Fewer than two sources, or the method is not of two.
    """
    if not isinstance(sources, Mapping) or is_table(sources) or len(sources) < 2:
        raise CuveeError("pairs are of two or more named sources: a=... b=... .")
    asked = _asked(x, (), settings)
    runner = engines.load(engine, workers, progress)
    chosen = load(method) if method else None
    if chosen is not None and chosen.of != "two":
        raise CuveeError(f"{method} is of {OF[chosen.of]}: pairs need a method of two.")
    takes = _wanted(chosen, asked)
    made = _opened(dict(sources), asked, takes, runner)
    name = method or usual(made[:2], False)
    chosen = chosen or load(name)
    n, same = len(made), "swap" in chosen.keeps
    cells = [(i, j) for i in range(n) for j in range(n) if i < j or (i > j and not same)]
    found = runner(partial(_cell, name, chosen, made, asked.seed), cells, label="measuring pairs")
    return Pairs(name, tuple(sources), dict(zip(cells, found)))


def fitting(
    both: Sequence[Sample], methods: str | Sequence[str], paired: bool
) -> tuple[dict[str, Measure], dict[str, str]]:
    """Methods that can look at the data, and why others are left out.

    Args:
        both: One data set or two.
        methods: "suitable", "all", or names.
        paired: Rows belong together.
    """
    rule = methods if isinstance(methods, str) and methods in ("suitable", "all") else ""
    named = methods.split(",") if isinstance(methods, str) else list(methods)
    wanted = "one" if len(both) == 1 else ("rows" if paired else "two")
    chosen: dict[str, Measure] = {}
    left: dict[str, str] = {}
    for name in METHODS if rule else named:
        try:
            method = load(name)
            if rule and method.of != wanted:
                continue
            check(method, *both)
        except CuveeError as error:
            if not rule:
                raise
            left[name] = str(error)
            continue
        why = reasons(method, *both) if rule == "suitable" else ()
        if rule == "suitable" and getattr(method, "learns", False):
            why = ("it is learned, which takes a while: name it to run it.",)
        if why:
            left[name] = " ".join(why)
        else:
            chosen[name] = method
    return chosen, left


def usual(both: Sequence[Sample], paired: bool) -> str:
    """What is measured where no method was named."""
    of = "one" if len(both) == 1 else ("rows" if paired else "two")
    for kind in ("points", "labels", "symbols"):
        if all(sample.has(kind) for sample in both) and (of, kind) in USUAL:
            return USUAL[of, kind]
    raise CuveeError("say what to measure: --method; `cuvee methods measure` lists them.")


def _asked(x: str | Sequence[str], y: str | Sequence[str], settings: Mapping[str, Any]) -> Asked:
    for name in settings:
        if name not in Looking.__annotations__:
            raise unknown("setting", name, Looking.__annotations__)
    return Asked(Columns(_list(x), _list(y)), **settings)


def _done(both: Sequence[Sample], seed: int, job: tuple[str, Measure]) -> Measured | str:
    """One method on the data, or why it cannot look at them."""
    try:
        return _measured(*job, both, seed)
    except CuveeError as error:
        return str(error)


def _cell(
    name: str, method: Measure, made: Sequence[Sample], seed: int, cell: tuple[int, int]
) -> Measured:
    """One pair."""
    return _measured(name, method, [made[i] for i in cell], seed)


def _measured(name: str, method: Measure, both: Sequence[Sample], seed: int) -> Measured:
    found = measured(method, *both, seed=seed)
    names = tuple(sample.name for sample in both)
    return Measured(name, names, tuple(map(len, both)), method.asks, found)


def _views(method: Measure) -> tuple[str, ...]:
    return (method.takes,) if isinstance(method.takes, str) else method.takes


def _wanted(method: Measure | None, asked: Asked) -> frozenset[str]:
    """What to look at. Text is words, unless features were asked for: they take a while."""
    if method is not None:
        return frozenset(_views(method))
    featured = asked.embeddings is not None or asked.features != Asked().features
    return VIEWS if featured else VIEWS - {"points"}


def _opened(
    specs: Mapping[str, Any], asked: Asked, takes: frozenset[str], engine: Engine
) -> list[Sample]:
    asked = replace(asked, takes=takes)
    if asked.columns.y:
        if len(specs) > 1:
            raise CuveeError("--y names columns of one table: give one.")
        return columns_of(*next(iter(specs.items())), asked)
    return samples(specs, asked, engine)


def _two(a: Any, b: Any) -> dict[str, Any]:
    """The data with names: of files their own."""
    if b is None:
        return {_named(a, "a"): a}
    names = [_named(a, "a"), _named(b, "b")]
    return dict(zip(names if names[0] != names[1] else ["a", "b"], (a, b)))


def _named(spec: Any, other: str) -> str:
    return Path(spec).stem if isinstance(spec, str | Path) and "*" not in str(spec) else other


def _list(names: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(names.split(",")) if isinstance(names, str) and names else tuple(names)
