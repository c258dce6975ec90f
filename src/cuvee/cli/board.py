"""`cuvee board`."""

import argparse
import sys

from cuvee import boards
from cuvee.cli.progress import progress
from cuvee.cli.words import means
from cuvee.core import CuveeError
from cuvee.core.recipe import to_json
from cuvee.report.board import print_boards


def board(options: argparse.Namespace) -> None:
    """Score methods of choice and answers on tasks with planted faults, or write such a task."""
    if options.write:
        if options.submit or options.methods:
            raise CuveeError("--write only writes the task: leave out --submit and --methods.")
        files = boards.publish(
            options.task, options.write, seed=options.seed, seeds=options.seeds
        )  # fmt: skip
        if options.json:
            sys.stdout.buffer.write(to_json({"files": [str(file) for file in files]}))
        elif not options.quiet:
            print(f"Wrote {files[0]}; how to answer is in {files[1].name}")
        return
    with progress(options.quiet) as show:
        found = boards.board(
            options.task, methods=options.methods or boards.ALL, seed=options.seed,
            seeds=options.seeds, submit=options.submit, engine=means(options).start(show),
        )  # fmt: skip
    said = found.to_dict()
    if options.json:
        sys.stdout.buffer.write(to_json(said))
    elif not options.quiet:
        print_boards(said)
