"""Every command that writes is killed at many moments and begun again: the same bytes must result.

The system kills the process and all that it started (SIGKILL), at a random file event, a random
time, or a random time after the first file was there. Then the same command, with `--resume` where
there is such a thing, has to give the tree of an undisturbed run, byte for byte; and after every
kill no file may be there under its final name that is not whole.
"""

import random
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from cuvee.core import CuveeError
from soak.commands import COMMANDS, Command
from soak.process import Place, Started
from soak.world import build

MOST = 4
"""Kills of one case before it is left in peace."""
PATIENCE = 300.0
"""Seconds after which a command is said to hang."""
TIMES = re.compile(rb'"seconds": ?[0-9.e-]+')
"""What no two runs have in common: how long a method of `compare` took."""

Tree = Mapping[str, bytes]


@dataclass(slots=True)
class Tally:
    """What came of the kills of one command.

    Args:
        kills: That landed while it was at work.
        resumed: Times that it was begun again after a kill, and left in peace.
        stages: What was there when it was killed.
        differences: Final trees with other files or bytes.
        orphans: Temporary files that were left at the end.
        half: Files under their final name that were not whole after a kill.
        problems: What else is to be known, in words.
        seconds: Of the undisturbed run.
    """

    kills: int = 0
    resumed: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    differences: int = 0
    orphans: int = 0
    half: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def row(self) -> dict[str, Any]:
        """For the results."""
        return {
            "kills": self.kills, "resumed": self.resumed, "differences": self.differences,
            "orphans": self.orphans, "half_written": self.half,
            "seconds_undisturbed": round(self.seconds, 2),
            "stages": dict(sorted(self.stages.items())), "problems": self.problems[:10],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reference:
    """An undisturbed run: what it wrote, how long it took, and its number of file events."""

    out: Tree
    cache: Tree
    work: Tree
    seconds: float
    events: int


def campaign(
    folder: Path, kills: int, *, commands: Sequence[Command] = COMMANDS, seed: int = 0
) -> dict[str, Tally]:
    """Kill every command about so many times; two cases run at a time.

    Args:
        folder: To work in; new.
        kills: Of each command.
        commands: Which.
        seed: Of the moments.
    """
    found = {command.name: Tally() for command in commands}
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(_kill, command, folder / str(i), kills, seed, found[command.name])
            for i, command in enumerate(commands)
        ]
        for job in jobs:
            job.result()
    return found


def _kill(command: Command, folder: Path, kills: int, seed: int, tally: Tally) -> None:
    rng = random.Random(f"{seed} {command.name}")
    build(folder / "work")
    try:
        if command.before:
            _undisturbed(command.before, folder, "before")
        reference = _undisturbed(command.words, folder, "whole")
    except CuveeError as error:
        tally.differences += 1
        tally.problems.append(str(error))
        return
    tally.seconds = reference.seconds
    case = 0
    while tally.kills < kills and case < 3 * kills + 3:
        case += 1
        _case(command, Place.below(folder, f"case{case}"), reference, rng, tally, kills)
        if not tally.problems:
            shutil.rmtree(folder / f"case{case}")


def _undisturbed(words: Sequence[str], folder: Path, name: str) -> Reference:
    place = Place.below(folder, name)
    work = dict(files(place.work))
    begun = Started(words, place)
    if begun.wait() != 0:
        raise CuveeError(f"soak: the command failed undisturbed: {begun.said}")
    events, seconds = begun.took
    return Reference(dict(files(place.out)), dict(files(place.cache)), work, seconds, int(events))


def _case(
    command: Command,
    place: Place,
    reference: Reference,
    rng: random.Random,
    tally: Tally,
    most: int,
) -> None:
    """Kill it once or several times, then let it finish."""
    words = command.words
    for _ in range(rng.randint(1, MOST)):
        if tally.kills >= most:
            break
        killed = _killed(words, place, reference, rng)
        words = (*command.words, "--resume") if command.resumes else command.words
        if not killed:
            break
        tally.kills += 1
        tally.stages[stage(place)] += 1
        _look(command, place, reference, tally)
    last = Started(words, place)
    status = last.wait(PATIENCE)
    tally.resumed += 1
    if status != 0:
        last.kill()
        tally.differences += 1
        tally.problems.append(f"{place.out}: ended with {status}: {last.said.strip()[-300:]}")
        return
    _compare(place, reference, tally)


def _killed(words: Sequence[str], place: Place, reference: Reference, rng: random.Random) -> bool:
    """Start it and kill it; whether it was still at work."""
    way = rng.choice(("event", "event", "time", "writing"))
    begun = Started(words, place, event=rng.randint(1, reference.events) if way == "event" else 0)
    if way != "event":
        end = time.monotonic() + PATIENCE
        while way == "writing" and not any(place.out.iterdir()) and time.monotonic() < end:
            if begun.wait(0.002) is not None:
                break
        begun.wait(rng.uniform(0, reference.seconds * (1 if way == "time" else 0.5)))
        begun.kill()
    if begun.wait(PATIENCE) is None:
        begun.kill()
    return begun.wait() == -signal.SIGKILL


def stage(place: Place) -> str:
    """How far a command came, by what it left."""
    names = {str(path.relative_to(place.out)) for path in place.out.rglob("*")}
    cached = [path.name for path in place.cache.rglob("*") if path.is_file()]
    shards = sum("data/" in name and "/." not in name for name in names)
    how = (
        ("finished", "d/manifest.json" in names and "d/.cuvee" not in names),
        ("tidying up", "d/manifest.json" in names),
        ("report", "d/blend.json" in names),
        (f"{min(shards, 3)} shards", shards > 0),
        ("drawing", any(name.endswith(".arrow") for name in names)),
        ("begun", "d/recipe.json" in names),
        ("parts kept", any(".cuvee/parts/" in name for name in names)),
        ("jobs kept", any(".cuvee/jobs/" in name for name in names)),
        ("runs kept", any(name.endswith((".npz", ".pt")) for name in cached)),
        ("tokens kept", any(name.endswith((".json", ".tokens")) for name in cached)),
        ("some files", any("/." not in f"/{name}" for name in names - {"d"})),
        ("folder", "d" in names),
        ("nothing", True),
    )
    half = any(name.endswith(".tmp") for name in [*names, *cached])
    return next(name for name, here in how if here) + (", a file half written" if half else "")


def _look(command: Command, place: Place, reference: Reference, tally: Tally) -> None:
    """What is there under its final name must be what an undisturbed run writes."""
    for name, content in files(place.out):
        hidden = any(part.startswith(".") for part in Path(name).parts)
        if hidden and not _sound(name, content):
            tally.half += 1
            tally.problems.append(f"{command.name}: {name} is not whole")
        elif not hidden and reference.out.get(name) != content:
            tally.half += 1
            tally.problems.append(f"{command.name}: {name} is not as it will be")


def _sound(name: str, content: bytes) -> bool:
    """Whether a hidden file is temporary, or whole."""
    if name.endswith(".json"):
        return orjson.loads(content) is not None
    return not name.endswith(".arrow") or content.endswith(b"ARROW1")


def _compare(place: Place, reference: Reference, tally: Tally) -> None:
    out = dict(files(place.out))
    changed = {n for n in {*out, *reference.out} if out.get(n) != reference.out.get(n)}
    cache = dict(files(place.cache))
    missed = {n for n in {*cache, *reference.cache} if cache.get(n) != reference.cache.get(n)}
    work = dict(files(place.work))
    moved = {n for n in {*work, *reference.work} if work.get(n) != reference.work.get(n)}
    left = [n for n in [*out, *cache] if n.endswith(".tmp") or ".cuvee" in n]
    left += [name for name, _ in files(place.temporary)]
    left += [str(p) for p in place.out.rglob(".*")]
    tally.orphans += len(left)
    if changed or missed or moved:
        tally.differences += 1
    if left or changed or missed or moved:
        what = {"out": changed, "cache": missed, "sources": moved, "left": left}
        shown = "; ".join(f"{k}: {', '.join(sorted(v)[:4])}" for k, v in what.items() if v)
        tally.problems.append(f"{place.out}: {shown}")


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file by its path, without the times in it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), TIMES.sub(b"", path.read_bytes())
