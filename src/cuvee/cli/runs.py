"""`cuvee score`, `cuvee runs`, and `cuvee blend --runs` without text."""

import argparse
import sys
from pathlib import Path

import numpy as np

from cuvee import driver, from_runs, report
from cuvee.cli.lines import hanging, width
from cuvee.cli.progress import progress
from cuvee.cli.words import amounts, means, named_paths, number, text_columns
from cuvee.core import CuveeError, format_tokens, named_numbers
from cuvee.core.recipe import to_json
from cuvee.core.run_files import read_runs, write_runs
from cuvee.core.runs import Runs
from cuvee.engine import Progress
from cuvee.question import Question, open_question
from cuvee.scoring import Prior, score


def blend_runs(options: argparse.Namespace) -> None:
    """Answer from a table of runs alone."""
    for name, given in (("--out", options.out), ("--resume", options.resume)):
        if given:
            raise CuveeError(f"{name} writes text: give the sources, too, as NAME=PATH.")
    unused = {
        "--tokenizer": options.tokenizer, "--text-column": options.text_column,
        "--proxy": options.proxy != "counts", "--format": options.format != "parquet",
        "--strict": options.strict,
    }  # fmt: skip
    for name, given in unused.items():
        if given:
            raise CuveeError(f"{name} is for text: give the sources, too, as NAME=PATH.")
    answer = from_runs.blend_runs(
        runs_of(options),
        target=options.target,
        objective=options.objective,
        budget=options.budget,
        params=options.params,
        available=amounts(options.available, "--available"),
        method=options.method or from_runs.JUDGE,
        max_epochs=_given(options.max_epochs),
        min_share=number(options.min_share, "--min-share"),
        fixed=named_numbers(options.fix, "--fix") if options.fix else None,
        propose=options.propose,
        seed=options.seed,
        refuse=options.incomplete == "refuse",
    )
    if options.json:
        sys.stdout.buffer.write(to_json(answer.to_dict()))
    elif not options.quiet:
        report.print_answer(answer.to_dict())
        report.print_next(answer.to_dict())


def _given(text: str | None) -> float | dict[str, float] | None:
    return None if text is None else number(text, "--max-epochs")


def runs_of(options: argparse.Namespace) -> Runs:
    """The runs of --runs, after --split."""
    runs = read_runs(*options.runs)
    if options.split:
        runs = runs.split(parts(options.split))
    if options.target and getattr(options, "test", None) is None and not options.sources:
        runs = runs.only(options.target)
    return runs


def parts(words: list[str]) -> dict[str, dict[str, float]]:
    """`web=clean:3,dirty:1` -> {"web": {"clean": 3, "dirty": 1}}."""
    parts = {}
    for word in words:
        whole, equals, rest = word.partition("=")
        if not equals:
            raise CuveeError(f"--split: expected SOURCE=PART:WEIGHT,PART:WEIGHT, got {word!r}.")
        named = ",".join(part.replace(":", "=") for part in rest.split(","))
        parts[whole] = named_numbers(named, "--split", default=1.0)
    return parts


def score_methods(options: argparse.Namespace) -> None:
    """Every method on runs that it has not seen."""
    runs, test = runs_of(options), read_runs(*options.test)
    if options.split:
        test = test.split(parts(options.split))
    if options.target:
        if len(options.target) > 1:
            runs, test = runs.only(options.target), test.only(options.target)
        target = options.target[0] if len(options.target) == 1 else None
    else:
        target = None
    if target:
        runs, test = runs.only([target]), test.only([target])
    methods = options.methods or from_runs.JUDGE
    with progress(options.quiet) as show:
        prior = _prior(options, runs, show) if options.sources else None
        available = amounts(options.available, "--available")
        scores = score(
            runs, test, methods, target=target, seed=options.seed, prior=prior,
            available=available, refuse=options.incomplete == "refuse",
        )  # fmt: skip
    if options.json:
        sys.stdout.buffer.write(to_json(scores.to_dict()))
    elif not options.quiet:
        report.print_scores(scores.to_dict())


def _prior(options: argparse.Namespace, runs: Runs, show: Progress) -> Prior:
    """The count proxy on the sources' text, for the targets of the runs."""
    asked = Question(
        named_paths(options.sources, "source"),
        target=named_paths(options.target_text, "target") if options.target_text else None,
        budget=runs.problem().tokens,
        tokenizer=options.tokenizer,
        text=text_columns(options.text_column),
        seed=options.seed,
        target_tokens=options.target_tokens,
    )
    trainer, _ = driver.prepare(open_question(asked, means(options).start(show)))
    return driver.as_prior(trainer, runs.sources, runs.targets, options.seed)


def convert(options: argparse.Namespace) -> None:
    """What a table of runs holds; written in another form if asked."""
    options.target, options.sources = options.target or [], []
    runs = runs_of(options)
    if options.incomplete == "refuse":
        runs = runs.complete(refuse=True)
    shown = _shown(runs)
    if options.out:
        files = write_runs(runs, Path(options.out), options.to)
        shown["files"] = [str(f) for f in files]
    if options.json:
        sys.stdout.buffer.write(to_json(shown))
    elif not options.quiet:
        for name, value in shown.items():
            said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            print(hanging(f"{name:<9} ", said, width()))


def _shown(runs: Runs) -> dict[str, object]:
    at = runs.points
    scales = sorted({(p, n) for p, n in zip(at.params, at.tokens) if n == n})
    words = [f"{format_tokens(p)} params x {format_tokens(n)} tokens" for p, n in scales]
    return {
        "runs": len(runs),
        "lacking": int((~np.isfinite(runs.losses)).any(axis=1).sum()),
        "sources": list(runs.sources),
        "targets": list(runs.targets),
        "scales": words if len(words) <= 8 else [*words[:7], f"and {len(words) - 7} more"],
    }
