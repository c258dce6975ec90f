"""`cuvee blend`, `cuvee trial` and `cuvee rerun`."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cuvee import driver, export, real_runs, report
from cuvee.answer import unread, with_format
from cuvee.cli import again, plan, runs
from cuvee.cli.lines import width
from cuvee.cli.progress import progress
from cuvee.cli.tried import said as tried_said
from cuvee.cli.words import means, number
from cuvee.cli.words import question as settings
from cuvee.cli.words import runs as runs_asked
from cuvee.core import CuveeError, Estimate, named_numbers, unknown
from cuvee.core.files import place, write_whole
from cuvee.core.recipe import Recipe, to_json, versions
from cuvee.core.tables import read_csv, to_csv
from cuvee.datasets import question_of
from cuvee.early import check_start
from cuvee.question import Opened, Question, open_question
from cuvee.workplace import at_work


def blend(options: argparse.Namespace) -> None:
    """Answer, print, write."""
    asked = runs_asked(options.runs)
    if not options.sources:
        if not isinstance(asked, list):
            raise CuveeError("expected sources as NAME=PATH, or --runs TABLE; see cuvee blend -h.")
        if options.dry_run:
            raise CuveeError("--dry-run is for sources of text: a table of runs takes seconds.")
        runs.blend_runs(options)
        return
    if options.budget is None:
        raise CuveeError("--budget is missing: expected tokens, e.g. 10M or 2e9.")
    for name in ("params", "available", "propose"):
        if getattr(options, name):
            raise CuveeError(f"--{name} is for --runs without text: leave out the sources, or it.")
    question = Question(
        method=options.method or real_runs.method_for(options.proxy, asked),
        runs=asked,
        split=runs.parts(options.split) if options.split else None,
        incomplete=options.incomplete,
        objective=options.objective,
        max_epochs=number(options.max_epochs or "4", "--max-epochs"),
        min_share=number(options.min_share, "--min-share"),
        fixed=named_numbers(options.fix, "--fix") if options.fix else None,
        **settings(options),
    )
    if options.dry_run:
        plan.show(options, question, "blend", format=options.format)
        return
    answer_and_write(question, options, options.out, options.format, options.resume)


def rerun(options: argparse.Namespace) -> None:
    """The same question again, on the same content."""
    if again.made_of_documents(Path(options.recipe)):
        again.choice(options)
        return
    recipe = Recipe.load(Path(options.recipe))
    question = question_of(recipe, options.recipe)
    format = recipe.settings.get("format", "parquet")
    other = [
        f"{name} {recipe.versions[name]} (here {version})"
        for name, version in versions().items()
        if recipe.versions.get(name, version) != version
    ]
    if other and not options.quiet:
        print(f"cuvee: made with {', '.join(other)}: bytes may differ.", file=sys.stderr)
    answer_and_write(question, options, options.out, format, options.resume, like=recipe)


def answer_and_write(
    question: Question,
    options: argparse.Namespace,
    out: str | None,
    format: str,
    resume: bool,
    like: Recipe | None = None,
) -> None:
    """Decide, print the answer, and write the dataset if a folder is given."""
    manifest = None
    options.keeps_runs = real_runs.keeps_runs(question.proxy)
    asked = means(options)
    resume = resume or asked.world > 1
    folder = None if out is None else place(out)
    if folder is not None and export.is_finished(folder):
        if asked.rank:
            return
        asked = replace(asked, world=1)  # nobody else will come
    check_start(question, folder, format=format, resume=resume, rank=asked.rank)
    work = {"command": "blend", "format": format}
    with progress(options.quiet) as show, at_work(asked, question, folder, show, work) as engine:
        opened = driver.opened_for(question, engine)
        if like is not None:
            _same_content(opened, like)
        if folder is not None and not asked.rank:
            export.claim(folder, with_format(opened.recipe, format), resume=resume)
        answer = driver.decide(opened)
        if out is not None:
            manifest = answer.write(out, format=format, resume=resume)
    if asked.rank:
        return  # rank 0 says it for all
    if options.json:
        sys.stdout.buffer.write(to_json(answer.to_dict()))
    elif not options.quiet:
        report.print_answer(answer.brief())
    if out is not None and manifest is not None and not options.quiet and not options.json:
        did, files = ("Indexed", "index") if "index" in manifest else ("Wrote", "shards")
        count, tokens, page = len(manifest[files]), manifest["tokens"], place(out) / "report.html"
        print(f"{did} {tokens:,} tokens in {count} file(s) to {out}; look at {page}")


def trial(options: argparse.Namespace) -> None:
    """Losses of given mixtures: CSV, or a table for a person in a terminal."""
    question = Question(**settings(options))
    names = tuple(question.sources)
    path = Path(options.shares)
    if "=" in options.shares and not path.exists():
        rows: list[dict[str, Any]] = [named_numbers(options.shares, "--shares")]
        table = [{f"share/{n}": rows[0].get(n, 0.0) for n in names}]
    else:
        table = read_csv(path, "a header share/<source>,... and mixtures")
        rows = [_shares(row, names, path, i) for i, row in enumerate(table)]
    if options.out and path.exists() and Path(options.out).resolve() == path.resolve():
        raise CuveeError(f"--out {options.out} is the file of the mixtures: choose another.")
    check_start(question, place(options.out) if options.out else None, command="trial")
    if options.dry_run:
        plan.show(options, question, "trial", trials=len(rows))
        return
    options.keeps_runs = real_runs.keeps_runs(question.proxy)
    asked = means(options)
    folder = _beside(options.out) if options.out and asked.world > 1 else None
    work = {"command": "trial", "mixtures": rows}
    with progress(options.quiet) as show, at_work(asked, question, folder, show, work) as engine:
        opened = open_question(question, engine)
        tried = driver.try_mixtures(opened, rows)
        targets, losses = tried.targets, tried.losses
        filled = [{**row, **_losses(losses, i, targets)} for i, row in enumerate(table)]
        text = to_csv(filled)
        if options.out and not asked.rank:
            write_whole(options.out, lambda p: p.write_text(text, encoding="utf-8", newline=""))
    if asked.rank:
        return
    for line in [] if options.quiet else unread(opened.data, tried.survey):
        print(f"cuvee: {line}", file=sys.stderr)
    if options.json:
        sys.stdout.buffer.write(to_json({"unit": losses.unit, "mixtures": filled}))
    if options.out:
        if not options.quiet:
            print(f"Wrote {len(filled)} mixture(s) to {options.out}", file=sys.stderr)
    elif not options.json:
        columns = width()
        sys.stdout.write(text if columns is None else tried_said(filled, losses.unit, columns))


def _beside(out: str) -> Path:
    """Folder in which processes share the work on a file."""
    path = place(out)
    return path.with_name(f".{path.name}.shared")


def _shares(
    row: dict[str, Any], names: tuple[str, ...], path: Path, index: int
) -> dict[str, float]:
    columns = {c.removeprefix("share/"): c for c in row if c.startswith("share/")}
    if not columns:
        raise CuveeError(f"{path} has no column share/<source>: it has {', '.join(row)}.")
    shares = {}
    for name, column in columns.items():
        if name not in names:
            raise unknown(f"source in {path}", name, names)
        try:
            shares[name] = float(row[column])
        except ValueError:
            raise CuveeError(
                f"{path}, line {index + 2}: {column} is {row[column]!r}, expected a number."
            ) from None
    return shares


def _losses(losses: Estimate, i: int, targets: tuple[str, ...]) -> dict[str, float | None]:
    means = {f"loss/{t}": float(losses.mean[i, j]) for j, t in enumerate(targets)}
    spread = losses.sd[i]
    return means | {
        f"sd/{t}": None if np.isnan(spread[j]) else float(spread[j]) for j, t in enumerate(targets)
    }


def _same_content(opened: Opened, recipe: Recipe) -> None:
    """Refuse to repeat a recipe on other data."""
    changed = [line for line in opened.recipe.changes(recipe) if line.startswith("content")]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise export.Refused(f"the recipe was made from other data: {changed[0]}{more}.")
