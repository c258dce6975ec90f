"""The answer: what a blend is, what it writes, and what it says of itself."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cuvee import export, report
from cuvee.contracts import Format
from cuvee.core import Estimate, Problem, Study, stack
from cuvee.core.data import Data, Survey
from cuvee.core.files import explained, write_whole
from cuvee.core.recipe import Recipe, to_json
from cuvee.question import in_memory

CURVE = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the budget at which the forecast is repeated."""
MANY_EPOCHS = 15
"""Beyond about so many, repeats were worth nothing (Muennighoff et al., arXiv 2305.16264)."""
IN_RECIPE_ONLY = ("sources", "target", "seed", "method", "budget", "format")
"""Settings that an answer shows otherwise; paths stay out of what may be published."""


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """A mixture beside the answer, and its losses. Draws are paired with the answer's."""

    shares: Estimate
    losses: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """The answer: shares, what they will give, and how to make the dataset.

    Args:
        method: Mixer that found it.
        problem: What was to be decided.
        shares: Of the tokens, by source.
        losses: Predicted, by target; corrected for `optimism`.
        optimism: What was added to the losses, by target, because the shares were chosen on the
            documents that they are judged on.
        rivals: The baselines, by name, with their losses.
        curve: The objective at `CURVE` times the budget, same shares.
        survey: What the sources hold.
        study: Every trial that was run.
        data: Sources and targets.
        recipe: How to do it again.
    """

    method: str
    problem: Problem
    shares: Estimate
    losses: Estimate
    optimism: np.ndarray
    rivals: Mapping[str, Rival]
    curve: Estimate
    survey: Survey
    study: Study
    data: Data
    recipe: Recipe

    def __str__(self) -> str:
        return report.as_text(self.to_dict())

    def __repr__(self) -> str:
        shares = ", ".join(f"{n} {s:.1%}" for n, s in zip(self.problem.sources, self.shares.mean))
        return f"<Blend of {self.problem.tokens} tokens by {self.method}: {shares}>"

    def probability_better(self, rival: str = "uniform") -> float:
        """Share of draws in which the blend's objective is below a rival's; NaN if unknown."""
        return _probability(self.problem, self.losses, self.rivals[rival].losses)

    def to_dict(self) -> dict[str, Any]:
        """Everything that `blend.json` holds: plain names, numbers, lists."""
        return _as_dict(self)

    def write(
        self, out: str | Path, *, format: str = "parquet", resume: bool = False
    ) -> dict[str, Any]:
        """Write the mixed dataset, its manifest, its card, the recipe and the report.

        Args:
            out: Folder, new or empty; with `resume`, one where the same job was interrupted.
            format: Of the shards, a name in `cuvee.export.METHODS`.
            resume: Go on where an interrupted run stopped.

        Returns:
            The manifest.

        Raises:
            CuveeError: The folder holds something else, or cannot be written.
        """
        writer = export.load(format)
        recipe = with_format(self.recipe, format)
        folder = export.claim(Path(out), recipe, resume=resume)
        if (folder / "manifest.json").exists():
            return export.read_manifest(folder)
        with export.locked(folder):
            recipe.save(folder / "recipe.json")
            return self._write(folder, recipe, writer)

    def _write(self, folder: Path, recipe: Recipe, writer: Format) -> dict[str, Any]:
        with explained(folder):
            manifest = export.write_dataset(
                folder, self.data, self.survey, self.shares.mean, self.problem.tokens,
                format=writer, seed=int(self.recipe.settings["seed"]),
            )  # fmt: skip
        export.check_unchanged(self.data, recipe)
        for name, source in manifest["sources"].items():
            source["content"] = _content(recipe.fingerprints[f"source {name}"])
        answer = self.to_dict()
        texts = {
            "blend.json": to_json(answer),
            "README.md": report.as_card(answer, manifest).encode(),
            "report.html": report.as_html(answer, manifest).encode(),
            "quarantine.jsonl": export.quarantine(self.data, self.survey),
        }
        for name, content in texts.items():
            if content:
                write_whole(folder / name, partial(_put, content))
        self.study.save(folder / "trials.parquet")
        export.finish(folder, manifest)
        return manifest

    def report(self, path: str | Path) -> None:
        """Write the report: one HTML page that needs no network."""
        content = report.as_html(self.to_dict()).encode()
        write_whole(Path(path), partial(_put, content))


def with_format(recipe: Recipe, format: str) -> Recipe:
    """The recipe of a dataset: how it is written belongs to it."""
    return replace(recipe, settings={**recipe.settings, "format": format})


def warnings(answer: Blend) -> list[str]:
    """What a user should know before trusting the answer."""
    problem, lines = answer.problem, []
    if len(problem.sources) == 1:
        lines.append("There is only one source: nothing is to be decided.")
    p = answer.probability_better("uniform")
    if p < 0.05:
        lines.append("Equal shares are predicted to be better than this blend.")
    elif answer.method != "uniform" and len(problem.sources) > 1 and p <= 0.95:
        lines.append("The blend does not beat equal shares by more than noise.")
    lines += [
        f"{name} is predicted to be better than this blend: see --method {name}."
        for name in answer.rivals
        if name != "uniform" and answer.probability_better(name) < 0.05
    ]
    for name, share, high, low in zip(
        problem.sources, answer.shares.mean, problem.high, problem.low
    ):
        if low < high < 1 and 1e-6 < share >= high * (1 - 1e-6):
            lines.append(
                f"{name} is at its cap: more of it would help; get more, or raise max_epochs."
            )
    epochs = zip(problem.sources, problem.epochs(answer.shares.mean))
    if many := [f"{name} ({e:.0f} times)" for name, e in epochs if e > MANY_EPOCHS]:
        lines.append(
            f"Gone through very often: {', '.join(many)}. Proxies know little about so many "
            f"repeats, and further ones may do harm."
        )
    return lines + unread(answer.data, answer.survey)


def unread(data: Data, survey: Survey) -> list[str]:
    """What could not be read, a line for each source and target."""
    names = [s.name for s in data.sources] + [f"target {t.name}" for t in data.targets]
    first = [*survey.rejected, *data.unread]
    counts = [*survey.quarantined, *map(len, data.unread)]
    return [
        f"{name}: {count} {'records' if count > 1 else 'record'} could not be read and "
        f"{'were' if count > 1 else 'was'} left out, "
        f"first {rejected[0].place}: {rejected[0].reason}."
        for name, rejected, count in zip(names, first, counts)
        if count
    ]


def _as_dict(answer: Blend) -> dict[str, Any]:
    problem, score = answer.problem, answer.problem.objective.score
    epochs = problem.epochs(answer.shares.mean)
    rivals = {}
    for name, rival in answer.rivals.items():
        rivals[name] = {
            "shares": dict(zip(problem.sources, map(float, rival.shares.mean))),
            "losses": _numbers(rival.losses, problem.targets),
            "objective": _numbers(stack([rival.losses.map(score, "")]), ("all",))["all"],
            "gains": _numbers(_difference(rival.losses, answer.losses), problem.targets),
            "objective_gain": _numbers(
                stack([_gain(problem, rival.losses, answer.losses)]), ("all",)
            )["all"],
            "probability_blend_is_better": _json(answer.probability_better(name)),
        }
    curve = _numbers(answer.curve, tuple(str(round(problem.tokens * c)) for c in CURVE))
    return {
        "method": answer.method,
        "tokens": problem.tokens,
        "token": answer.data.units.name,
        "unit": answer.losses.unit,
        "spread": answer.losses.spread,
        "objective": {
            "kind": "worst" if problem.objective.worst else "mean",
            "weights": dict(zip(problem.targets, map(float, problem.objective.weights))),
            **_numbers(stack([answer.losses.map(score, "")]), ("all",))["all"],
        },
        "shares": _numbers(answer.shares, problem.sources),
        "epochs": dict(zip(problem.sources, map(float, epochs))),
        "available": dict(zip(problem.sources, map(float, problem.available))),
        "losses": _numbers(answer.losses, problem.targets),
        "optimism": dict(zip(problem.targets, map(float, answer.optimism))),
        "rivals": rivals,
        "curve": [{"tokens": int(tokens), **row} for tokens, row in curve.items()],
        "trials": len(answer.study.trials),
        "can_rerun": in_memory(answer.recipe.settings) is None,
        "quarantined": dict(zip(problem.sources, answer.survey.quarantined)),
        "left_out_as_target": dict(zip(problem.sources, answer.survey.left_out)),
        "warnings": warnings(answer),
        "settings": {k: v for k, v in answer.recipe.settings.items() if k not in IN_RECIPE_ONLY},
        "seed": answer.recipe.settings["seed"],
        "versions": dict(answer.recipe.versions),
    }


def _numbers(estimate: Estimate, names: tuple[str, ...]) -> dict[str, Any]:
    low, high = estimate.interval(0.9)
    columns = zip(names, estimate.mean, estimate.sd, low, high)
    return {
        name: {"mean": _json(m), "sd": _json(s), "low": _json(lo), "high": _json(hi)}
        for name, m, s, lo, hi in columns
    }


def _json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _probability(problem: Problem, a: Estimate, b: Estimate) -> float:
    if len(a.draws) == 1:
        return float("nan")
    gain = _gain(problem, b, a).draws
    return float(np.mean((gain > 0) + 0.5 * (gain == 0)))


def _difference(a: Estimate, b: Estimate) -> Estimate:
    """`a - b` on paired draws."""
    return Estimate(a.draws - b.draws, a.unit, a.spread, a.mean - b.mean)


def _gain(problem: Problem, a: Estimate, b: Estimate) -> Estimate:
    """How much smaller the objective of b is than that of a, on paired draws."""
    score = problem.objective.score
    return _difference(a.map(score, a.unit), b.map(score, b.unit))


def _content(files: Mapping[str, str], most: int = 100) -> dict[str, str]:
    """Hash by file; of very many files, which the recipe lists, one hash of all."""
    if len(files) <= most:
        return dict(files)
    joined = "".join(f"{name} {value}\n" for name, value in sorted(files.items()))
    digest = hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()
    return {f"{len(files)} files, listed in recipe.json": f"blake2b:{digest}"}


def _put(content: bytes, path: Path) -> None:
    path.write_bytes(content)
