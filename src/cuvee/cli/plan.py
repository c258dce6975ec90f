"""`--dry-run`: what a command will read, need and take."""

import argparse
import sys

from cuvee import comparison, real_runs, report
from cuvee.cli.progress import progress
from cuvee.cli.words import means
from cuvee.core import parse_tokens
from cuvee.core.recipe import to_json
from cuvee.planning import planned
from cuvee.question import Question


def show(
    options: argparse.Namespace,
    question: Question,
    command: str,
    *,
    format: str = "parquet",
    trials: int = 0,
) -> None:
    """Print the plan of a command instead of running it.

    Args:
        options: Of the command.
        question: That it asks.
        command: blend, trial or compare.
        format: Of the dataset.
        trials: Mixtures that it tries; 0: those of a search.
    """
    out, asked = options.out if command == "blend" else None, means(options)
    with progress(options.quiet) as shown:
        found = planned(
            question, asked.start(shown), out=out, format=format, command=command,
            trials=trials, resume=getattr(options, "resume", False) or asked.world > 1,
            world=asked.world,
        )  # fmt: skip
    if options.json:
        sys.stdout.buffer.write(to_json(found.to_dict()))
    elif not options.quiet:
        report.print_plan(found.to_dict())


def trials_of(options: argparse.Namespace, question: Question) -> int:
    """Mixtures that a comparison tries at most: every method, with every seed."""
    real = real_runs.is_real(question.proxy)
    budgets = real_runs.RUNS if real else comparison.SPEND
    if options.spend is not None:
        budgets = max(parse_tokens(options.spend) // question.tokens, 1)
    seeds = options.seeds or (1 if real else comparison.SEEDS)
    return len(comparison.chosen(options.methods)) * seeds * (budgets + 1)
