"""What everybody got on tasks with planted faults, beside random answers."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from cuvee.boards.tasks import Measure
from cuvee.core import Estimate
from cuvee.core.errors import unknown
from cuvee.core.recipe import to_json, versions
from cuvee.report.board import boards_text

BASELINE = "random"
LEVEL = 0.9
ABOUT = {
    "selection": "which rows to train on",
    "debugging": "which labels are wrong",
    "acquisition": "what to buy from whom",
}


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What one method got on a task.

    Args:
        name: Of the method.
        values: Each measure for each seed.
    """

    name: str
    values: Float[np.ndarray, "seeds measures"]


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A task, and what everybody got on it.

    Args:
        task: Its name.
        measures: What was scored.
        entries: The best first.
        seeds: Of the faults.
        tries: Comparisons with random answers in all, those on other tasks included; 0: those of
            this one.
    """

    task: str
    measures: tuple[Measure, ...]
    entries: tuple[Entry, ...]
    seeds: tuple[int, ...]
    tries: int = 0

    def entry(self, name: str) -> Entry:
        """By its name.

        Raises:
            CuveeError: There is none.
        """
        found = {entry.name: entry for entry in self.entries}
        if name not in found:
            raise unknown("entry", name, found)
        return found[name]

    def score(self, entry: Entry) -> Estimate:
        """What ranks: the mean of the main measures; higher is better."""
        main = [i for i, measure in enumerate(self.measures) if measure.main]
        return _estimate(entry.values[:, main].mean(axis=1), self.measures[main[0]].unit)

    def gain(self, entry: Entry) -> Estimate | None:
        """How much higher the score is than that of random answers, seed by seed."""
        if entry.name == BASELINE:
            return None
        score, base = self.score(entry), self.score(self.entry(BASELINE))
        return _estimate(score.draws - base.draws, score.unit)

    def better(self) -> list[str]:
        """Who beats random answers, beyond what so many tries would give by luck."""
        level = 1 - (1 - LEVEL) / max(1, self.tries or len(self.entries) - 1)
        gains = {entry.name: self.gain(entry) for entry in self.entries}
        return [name for name, gain in gains.items() if gain and interval(gain, level)[0] > 0]

    def sentence(self) -> str:
        """The verdict."""
        first, others = self.entries[0].name, len(self.entries) - 1
        if len(self.seeds) < 2:
            return f"{first} is ahead; with one seed nobody knows whether that is luck."
        better = self.better()
        if not better:
            return "Nobody beats random choice here."
        return f"{first} is best; {len(better)} of {others} beat random choice."

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee board --json` prints it."""
        return {
            "task": self.task, "about": ABOUT[self.task.partition("/")[0]],
            "sentence": self.sentence(), "seeds": list(self.seeds),
            "measures": [
                {"name": m.name, "unit": m.unit, "lower_is_better": m.lower, "main": m.main}
                for m in self.measures
            ],
            "entries": [
                {
                    "name": entry.name, "score": _plain(self.score(entry)),
                    "gain": _plain(self.gain(entry)),
                    "measures": [
                        _plain(_estimate(values, measure.unit))
                        for values, measure in zip(entry.values.T, self.measures)
                    ],
                }
                for entry in self.entries
            ],
            "better_than_random": self.better(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Boards:
    """Methods of choice, or an answer of your own, on each task: print it.

    Args:
        standings: One for each task.
        notes: What to know, the methods that could not be run among it.
    """

    standings: tuple[Standing, ...]
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return boards_text(self.to_dict())

    def __getitem__(self, task: str) -> Standing:
        found = {standing.task: standing for standing in self.standings}
        if task not in found:
            raise unknown("task", task, found)
        return found[task]

    @property
    def digest(self) -> str:
        """Hash of all numbers: the same for the same seeds, on the same machine and libraries."""
        return str(self.to_dict()["hash"])

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee board --json` prints it; nothing in it depends on the time or on workers."""
        said = {
            "level": LEVEL, "tasks": [standing.to_dict() for standing in self.standings],
            "notes": list(self.notes),
        }  # fmt: skip
        digest = hashlib.blake2b(to_json(said), digest_size=16).hexdigest()
        return {**said, "hash": digest, "versions": versions()}


def interval(estimate: Estimate, level: float = LEVEL) -> tuple[float, float]:
    """Of the mean over seeds, by Student's t; NaN if there is one seed only."""
    draws = estimate.draws
    if len(draws) < 2:
        return float("nan"), float("nan")
    half = stdtrit(len(draws) - 1, (1 + level) / 2) * draws.std(ddof=1) / np.sqrt(len(draws))
    return float(draws.mean() - half), float(draws.mean() + half)


def _estimate(values: Float[np.ndarray, "seeds"], unit: str) -> Estimate:
    return Estimate(values, unit, "seeds" if len(values) > 1 else "none")


def _plain(estimate: Estimate | None) -> dict[str, float | None] | None:
    if estimate is None:
        return None
    low, high = (None if np.isnan(edge) else edge for edge in interval(estimate))
    return {"mean": float(estimate.mean), "low": low, "high": high}
