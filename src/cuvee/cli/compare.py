"""`cuvee compare`."""

import argparse
import sys
from pathlib import Path

from cuvee import report
from cuvee.cli.progress import progress
from cuvee.cli.words import number, question
from cuvee.comparison import compare as run
from cuvee.core import CuveeError, named_numbers
from cuvee.core.files import explained
from cuvee.core.recipe import to_json


def compare(options: argparse.Namespace) -> None:
    """Every method on the same question."""
    folder = Path(options.out) if options.out else None
    if folder is not None and folder.exists() and not folder.is_dir():
        raise CuveeError(f"--out {folder} is a file: give a folder.")
    settings = question(options)
    if folder is not None:  # found out before the waiting, not after it
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
    with progress(options.quiet) as show:
        found = run(
            settings.pop("sources"),
            methods=options.methods,
            seeds=options.seeds,
            spend=options.spend,
            workers=options.workers,
            progress=show,
            objective=options.objective,
            max_epochs=number(options.max_epochs, "--max-epochs"),
            min_share=number(options.min_share, "--min-share"),
            fixed=named_numbers(options.fix, "--fix") if options.fix else None,
            **settings,
        )
    said = found.to_dict()
    if folder is not None:
        found.save(folder)
    if options.json:
        sys.stdout.buffer.write(to_json(said))
    elif not options.quiet:
        report.print_comparison(said)
        if folder is not None:
            print(f"Wrote {folder / 'comparison.json'}; look at {folder / 'comparison.html'}")
