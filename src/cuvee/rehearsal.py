"""A small part of the work, done for real and with a watch, from which the whole can be told."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cuvee import export, mix, proxies, real_runs
from cuvee import sources as room
from cuvee.contracts import Proxy, Trainer
from cuvee.core import Outcome, Problem, Shares, Trial, parse_tokens, stream
from cuvee.core.capacity import used_memory
from cuvee.core.data import Engine, Piece, Source, Survey, text_bytes
from cuvee.core.threads import one_thread
from cuvee.engine.watch import Clocks, Watch, now
from cuvee.question import Opened, Question, open_question, units_of
from cuvee.sources.glimpse import Look, look
from cuvee.sources.hashed import hash_of
from cuvee.trials import explore, facts, run

SECONDS = 3.0
"""Of counting, of all sources together: decides how much is looked at."""
LEAST, MOST = 1 << 18, 8 << 20
"""Bytes of text that are looked at of a source, unless it has less."""
LONGEST = 5.0
"""Seconds after which a search for the best mixture is broken off."""
START = 2.0
"""Seconds of work after which what this process did before was more than loading libraries."""
PRACTICE = (16_000, 48_000)
"""Tokens of short runs by which long ones are judged."""
HASHED = 16 << 20
"""Bytes that are hashed to see how fast that is."""


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """A proxy after its pass over what was looked at.

    Args:
        trainer: Made from that.
        survey: Of that.
        watch: Of the pass.
        fixed: Seconds beside the jobs, which more text does not lengthen.
    """

    trainer: Trainer
    survey: Survey
    watch: Watch
    fixed: Clocks


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """All that was measured; times are in seconds, by both clocks.

    Args:
        looks: At the sources, in their order.
        opened: The question, with these looks instead of the sources.
        passes: The proxy, and first the free one that forecasts its runs, if it has one.
        reading: Seconds to read each glimpse, by source.
        hashing: To hash a byte.
        opening: To set targets apart, for a byte of each source that they are held out of.
        given: To read the targets that are files of their own.
        looking: To look at the content of sources, as some methods do.
        memory: Bytes in use after all this, and the most.
        starting: To load libraries, and to write the report.
    """

    looks: tuple[Look, ...]
    opened: Opened
    passes: tuple[Passed, ...]
    reading: Float[np.ndarray, "sources 2"]
    hashing: Clocks
    opening: Mapping[str, Clocks]
    given: Clocks
    looking: Clocks
    memory: tuple[int, int]
    starting: Clocks


def rehearse(
    question: Question, engine: Engine, workers: int, folder: Path, *, own: bool = False
) -> Rehearsal:
    """Look at some of every source, and prepare the proxy on that.

    Args:
        question: What is asked.
        engine: Where the work runs.
        workers: That it has.
        folder: For what has to be written; empty.
        own: Whether a part of every source is held out, too.
    """
    starting = np.full(2, min(time.process_time(), START) + START / 4)
    sources = [
        room.open_source(name, spec, question.text_of(name))
        for name, spec in question.sources.items()
    ]
    looks = _looks(question, sources, workers, folder, engine)
    watch = Watch(engine)
    items = [(one, piece) for one in looks for piece in one.pieces()]
    list(watch(_read, items, label="reading"))
    reading = by_source(looks, watch.of("reading").seconds)
    sampled = replace(question, sources={one.name: one for one in looks})
    needs = getattr(mix.load(question.method), "needs", ())
    own = own or "own" in needs
    quiet = Watch(engine)
    begin = now()
    opened = open_question(sampled, quiet, own=own)
    opened = replace(opened, data=replace(opened.data, engine=engine))
    spent = np.maximum(now() - begin - quiet.of("fingerprinting").wall, 0.0)
    held = _held_out(question, own)
    opening, given = _opening(looks, held, spent)
    passes = tuple(_pass(opened, made) for made in _proxies(question, folder))
    begin = now()
    facts(opened, needs)
    looking = now() - begin
    return Rehearsal(
        looks,
        opened,
        passes,
        reading,
        _hashing(folder),
        opening,
        given,
        looking,
        used_memory(),
        starting,
    )


def _looks(
    question: Question, sources: Sequence[Source], workers: int, folder: Path, engine: Engine
) -> tuple[Look, ...]:
    """As much of every source as can be counted in a few seconds."""
    speed = _speed(question, look(sources[0], LEAST, folder, question.seed))
    want = int(np.clip(SECONDS * speed * workers / len(sources), LEAST, MOST))
    job = partial(_look, want, folder, question.seed)
    return tuple(engine(job, sources, label="looking at sources"))


def _look(want: int, folder: Path, seed: int, source: Source) -> Look:
    return look(source, want, folder, seed)


def _speed(question: Question, some: Look) -> float:
    """Bytes of text that one worker counts in a second, from a little of a source."""
    units = units_of(question, [some])
    size, begin = 0, now()
    for piece in some.pieces():
        for batch in some.read(piece):
            size += text_bytes(batch.text)
            for _ in units.cut(batch.text):
                pass
    return size / max(float((now() - begin)[1]), 1e-9) / 2  # counting takes about as long


def _read(item: tuple[Look, Piece]) -> int:
    one, piece = item
    return sum(len(batch.text) for batch in one.read(piece))


def by_source(looks: Sequence[Look], seconds: Sequence[Clocks]) -> Float[np.ndarray, "sources 2"]:
    """Sums over the glimpses of each source."""
    ends = np.cumsum([len(one.pieces()) for one in looks])
    return np.array([part.sum(axis=0) for part in np.split(np.array(seconds), ends[:-1])])


def _held_out(question: Question, own: bool) -> set[str]:
    """Sources of which a part becomes a target."""
    target, names = question.target, set(question.sources)
    if target is None or own:
        return names
    named = target.values() if isinstance(target, Mapping) else [target]
    return {spec for spec in named if isinstance(spec, str)} & names


def _opening(
    looks: Sequence[Look], held: set[str], spent: Clocks
) -> tuple[dict[str, Clocks], Clocks]:
    """Seconds for a byte of the sources that targets are held out of; else seconds in all."""
    size = sum(one.text for one in looks if one.name in held)
    if not size:
        return {}, spent
    return dict.fromkeys(held, spent / size), np.zeros(2)


def _proxies(question: Question, folder: Path) -> list[Proxy]:
    """The free proxy first, where the asked one really trains; nothing is kept in its cache."""
    made = proxies.load(question.proxy)
    free = real_runs.prior_of(made) if real_runs.is_real(question.proxy) else ""
    if hasattr(made, "cache"):
        made = replace(made, cache=str(folder / "cache"))  # type: ignore[type-var]
    return [proxies.load(free), made] if free else [made]


def _pass(opened: Opened, made: Proxy) -> Passed:
    """One pass over what was looked at."""
    proxies.check_reads(made, opened.data)
    watch = Watch(opened.data.engine)
    data = replace(opened.data, engine=watch)
    begin = now()
    trainer, survey = made.prepare(data, rng=stream(opened.question.seed, "proxy"))
    spent = now() - begin
    return Passed(trainer, survey, watch, np.maximum(spent - watch.wall, 0.0))


def _hashing(folder: Path) -> Clocks:
    """Seconds to hash a byte of a file."""
    path = folder / "hashed"
    path.write_bytes(np.random.default_rng(0).bytes(HASHED))
    with path.open("rb") as file:
        hash_of(file)
        file.seek(0)
        begin = now()
        hash_of(file)
        seconds = now() - begin
    path.unlink()
    return seconds / HASHED


class _EnoughError(Exception):
    """The search takes long."""


@dataclass(frozen=True, slots=True, eq=False)
class _Timed:
    """A trainer that is asked as often as time allows.

    Args:
        trainer: That answers.
        available: Tokens that the sources really hold.
        until: When it stops to answer.
    """

    trainer: Trainer
    available: np.ndarray
    until: float

    @property
    def sources(self) -> tuple[str, ...]:
        """As the trainer."""
        return self.trainer.sources

    @property
    def targets(self) -> tuple[str, ...]:
        """As the trainer."""
        return self.trainer.targets

    def run(self, trial: Trial, *, rng: np.random.Generator) -> Outcome:
        """As the trainer."""
        if time.perf_counter() > self.until:
            raise _EnoughError
        return self.trainer.run(trial, rng=rng)


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """The search for the best mixture, with what little was counted.

    Args:
        shares: Found; near in proportion to the sources' sizes if it was broken off.
        seconds: Of the search.
        trial: Of a trial.
        done: Whether it came to its end.
    """

    shares: Shares
    seconds: Clocks
    trial: Clocks
    done: bool


def once(question: Question, passed: Passed, problem: Problem) -> Clocks:
    """Seconds of a trial."""
    trial = Trial(problem.fit(problem.available), float(problem.tokens))
    begin = now()
    run(passed.trainer, question.seed, trial)
    return now() - begin


def practice(question: Question, passed: Passed, problem: Problem) -> Clocks:
    """Seconds of a real run, from two short ones."""
    shares, seconds = problem.fit(problem.available), []
    proxy = proxies.load(question.proxy)
    most = parse_tokens(limit) if (limit := getattr(proxy, "tokens", "")) else question.tokens
    short = [min(tokens, question.tokens) for tokens in PRACTICE]
    for tokens in short:
        begin = _all_threads()
        run(passed.trainer, question.seed, Trial(shares, float(tokens)))
        seconds.append(_all_threads() - begin)
    each = (seconds[1] - seconds[0]) / max(short[1] - short[0], 1)
    each = np.where(each > 0, each, seconds[1] / short[1])
    rest = np.maximum(seconds[0] - each * short[0], 0.0)
    return each * min(question.tokens, most) + rest


def _all_threads() -> Clocks:
    """Both clocks; work is that of all threads, as libraries have their own."""
    return np.array([time.perf_counter(), time.process_time()])


def search(question: Question, opened: Opened, passed: Passed, problem: Problem) -> Searched:
    """Let the mixer search, for some seconds at most."""
    begin = now()
    trial = once(question, passed, problem)
    timed = _Timed(passed.trainer, problem.available, begin[0] + LONGEST)
    mixer, shares, done = mix.load(question.method), problem.fit(problem.available), False
    if not question.tables:
        try:
            with one_thread():
                study = explore(problem, timed, mixer, question.seed, opened.data.engine)
                found = mixer.recommend(study, rng=stream(question.seed, "recommend"))
            shares, done = problem.fit(found.mean), True
        except _EnoughError:
            pass
    return Searched(shares, now() - begin, trial, done)


@dataclass(frozen=True, slots=True)
class Written:
    """A little of the mixture, written as all of it will be.

    Args:
        text: Bytes of it.
        shards: Bytes of what was written.
        spill: Bytes of what was written on the way.
        drawing: Of the jobs that drew documents.
        writing: Of the jobs that wrote shards, or the index.
        held: Bytes of the sources that were read for it.
        index: Whether it is an index, and no text.
    """

    text: float
    shards: int
    spill: int
    drawing: Clocks
    writing: Clocks
    held: int
    index: bool


def write_some(
    question: Question, opened: Opened, survey: Survey, shares: Shares, format: str, folder: Path
) -> Written:
    """Write about as much as was looked at."""
    watch = Watch(opened.data.engine)
    data = replace(opened.data, engine=watch)
    available = survey.available
    wanted = shares > 1e-3
    tokens = min(question.tokens, int((available[wanted] / shares[wanted]).min()))
    out, writer = folder / "written", export.load(format)
    manifest = export.write_dataset(
        out, data, survey, shares, max(tokens, 1), format=writer, seed=question.seed
    )
    rows = manifest["sources"].values()
    text = sum(
        row["tokens_written"] * size / max(tokens, 1)
        for row, size, tokens in zip(rows, survey.text_bytes, available)
    )
    files = manifest.get("shards", manifest.get("index", ()))
    spill = sum(p.stat().st_size for p in (out / ".cuvee").rglob("*") if p.is_file())
    return Written(
        text, sum(file["bytes"] for file in files), spill,
        watch.of("drawing documents").total,
        watch.of("writing shards").total + watch.of("writing the index").total,
        sum(survey.text_bytes), isinstance(writer, export.Index),
    )  # fmt: skip
