"""The answer: what a blend is, what it writes, and what it says of itself."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cuvee import export, report
from cuvee.contracts import Format
from cuvee.core import CuveeError, Estimate, Problem, Study
from cuvee.core.data import Data, Engine, Survey
from cuvee.core.files import explained, place, write_whole
from cuvee.core.recipe import Recipe, to_json
from cuvee.engine import Kept
from cuvee.fidelity import Trained
from cuvee.landscape import Landscape
from cuvee.likeness import Likeness
from cuvee.question import in_memory
from cuvee.report.facts import visible
from cuvee.summary import Rival, describe, numbers, probability_better

CURVE = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the budget at which the forecast is repeated."""
MANY_EPOCHS = 15
"""Beyond about so many, repeats were worth nothing (Muennighoff et al., arXiv 2305.16264)."""
IN_RECIPE_ONLY = ("sources", "target", "seed", "method", "budget", "format")
"""Settings that an answer shows otherwise; paths stay out of what may be published."""


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
        curve: The objective at `CURVE` times the budget, same shares; None if that is not known.
        survey: What the sources hold.
        study: Every trial that was run.
        data: Sources and targets.
        recipe: How to do it again.
        notes: What else a user should know.
        trained: The real runs behind it, if the proxy made any.
        landscape: What lies around it; None where losses come from real runs.
    """

    method: str
    problem: Problem
    shares: Estimate
    losses: Estimate
    optimism: np.ndarray
    rivals: Mapping[str, Rival]
    curve: Estimate | None
    survey: Survey
    study: Study
    data: Data
    recipe: Recipe
    notes: tuple[str, ...] = ()
    trained: Trained | None = None
    landscape: Landscape | None = None
    _around: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __str__(self) -> str:
        return report.as_text(self.brief())

    def _repr_html_(self) -> str:
        return report.fragment(report.print_answer, self.brief())

    def __repr__(self) -> str:
        shares = ", ".join(f"{n} {s:.1%}" for n, s in zip(self.problem.sources, self.shares.mean))
        return f"<Blend of {self.problem.tokens} tokens by {self.method}: {shares}>"

    def probability_better(self, rival: str = "uniform") -> float:
        """Share of draws in which the blend's objective is below a rival's; NaN if unknown."""
        return probability_better(self, rival)

    def to_dict(self) -> dict[str, Any]:
        """Everything that `blend.json` holds: plain names, numbers, lists.

        The first call looks around the answer, and at the sources once more, which takes seconds.
        """
        if not self._around:
            # Each process by itself: no other one waits for it.
            engine, seed = alone(self.data.engine), int(self.recipe.settings["seed"])
            order = np.argsort(-self.shares.mean, kind="stable").tolist()
            likeness = Likeness(self.data, self.survey.text_bytes, tuple(order), seed, engine)
            self._around["landscape"] = (
                {"not_computed": "losses come from real runs, and no more of them were made."}
                if self.landscape is None
                else replace(self.landscape, engine=engine).to_dict()
            )
            self._around["likeness"] = likeness.to_dict()
        return {**self.brief(), **self._around}

    def brief(self) -> dict[str, Any]:
        """What a terminal shows: all but what lies around the answer."""
        problem = self.problem
        epochs = problem.epochs(self.shares.mean)
        scales = tuple(str(round(problem.tokens * c)) for c in CURVE)
        curve = {} if self.curve is None else numbers(self.curve, scales)
        settings = self.recipe.settings
        return {
            **describe(self),
            **({} if self.trained is None else self.trained.to_dict(self.study)),
            "token": self.data.units.name,
            "epochs": dict(zip(problem.sources, map(float, epochs))),
            "available": dict(zip(problem.sources, map(float, problem.available))),
            "curve": [{"tokens": int(tokens), **row} for tokens, row in curve.items()],
            "can_rerun": in_memory(settings) is None,
            "quarantined": dict(zip(problem.sources, self.survey.quarantined)),
            "left_out_as_target": dict(zip(problem.sources, self.survey.left_out)),
            "warnings": warnings(self),
            "settings": {k: v for k, v in settings.items() if k not in IN_RECIPE_ONLY},
            "seed": settings["seed"],
            "versions": dict(self.recipe.versions),
        }

    def write(
        self, out: str | Path, *, format: str = "parquet", resume: bool = False
    ) -> dict[str, Any]:
        """Write the mixed dataset, its manifest, its card, the recipe and the report.

        Args:
            out: Folder, new or empty; with `resume`, one where the same job was interrupted. An
                address such as `s3://bucket/mixed` is written to as well.
            format: Of the shards, a name in `cuvee.export.METHODS`; or `"index"` to write none and
                stream the mixture from the sources, see `cuvee.open_dataset`.
            resume: Go on where an interrupted run stopped.

        Returns:
            The manifest.

        Raises:
            CuveeError: The folder holds something else, or cannot be written.
        """
        writer = format_for(self.recipe.settings, format)
        recipe = with_format(self.recipe, format)
        together = self.data.engine if isinstance(self.data.engine, Kept) else None
        rank, world = (together.rank, together.world) if together else (0, 1)
        folder = place(out)
        if together is None or world == 1:
            export.claim(folder, recipe, resume=resume)
        else:  # as a job of rank 0: before it is done, nobody else writes there
            claim = partial(_claim, folder, recipe)
            list(together(claim, [str(folder)], label="claiming the folder"))
        if (folder / "manifest.json").exists():
            return export.read_manifest(folder)
        with export.locked(folder, rank):
            shares, spills = self.shares.mean, not isinstance(writer, export.Index)
            export.check_room(folder, self.survey, shares, self.problem.tokens, spills=spills)
            if rank == 0:
                recipe.save(folder / "recipe.json")
            try:
                return self._write(folder, recipe, writer, together)
            except export.Changed:
                export.discard(folder)
                raise

    def _write(
        self, folder: Path, recipe: Recipe, writer: Format, together: Kept | None
    ) -> dict[str, Any]:
        with explained(folder):
            manifest = export.write_dataset(
                folder, self.data, self.survey, self.shares.mean, self.problem.tokens,
                format=writer, seed=int(self.recipe.settings["seed"]),
            )  # fmt: skip
        export.check_unchanged(self.data, recipe)
        if together is not None:
            together.leave()
            if together.rank:
                return manifest
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
        write_whole(path, partial(_put, content))


def format_for(settings: Mapping[str, Any], format: str) -> Format:
    """A format by name, if a dataset of these sources can be written in it.

    Raises:
        CuveeError: There is none of this name, or data in memory cannot be indexed.
    """
    writer, name = export.load(format), in_memory(settings)
    if isinstance(writer, export.Index) and name:
        raise CuveeError(
            f"{name!r} is in memory, where no index can find it again: give files, or write it "
            "as parquet."
        )
    return writer


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
    return [*lines, *answer.notes, *unread(answer.data, answer.survey)]


def unread(data: Data, survey: Survey) -> list[str]:
    """What could not be read, a line for each source and target."""
    names = [s.name for s in data.sources] + [f"target {t.name}" for t in data.targets]
    first = [*survey.rejected, *data.unread]
    counts = [*survey.quarantined, *map(len, data.unread)]
    return [
        f"{visible(name)}: {count} {'records' if count > 1 else 'record'} could not be read and "
        f"{'were' if count > 1 else 'was'} left out, "
        f"first {visible(rejected[0].place)}: {visible(rejected[0].reason)}."
        for name, rejected, count in zip(names, first, counts)
        if count
    ]


def alone(engine: Engine) -> Engine:
    """The engine of this process, which shares no work with others."""
    return engine.engine if isinstance(engine, Kept) else engine


def _content(files: Mapping[str, str], most: int = 100) -> dict[str, str]:
    """Hash by file; of very many files, which the recipe lists, one hash of all."""
    if len(files) <= most:
        return dict(files)
    joined = "".join(f"{name} {value}\n" for name, value in sorted(files.items()))
    digest = hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()
    return {f"{len(files)} files, listed in recipe.json": f"blake2b:{digest}"}


def _claim(folder: Path, recipe: Recipe, name: str) -> None:
    export.claim(folder, recipe, resume=True)
    recipe.save(folder / "recipe.json")


def _put(content: bytes, path: Path) -> None:
    path.write_bytes(content)
