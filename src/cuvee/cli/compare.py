"""`cuvee compare`."""

import argparse
import sys

from cuvee import driver, report
from cuvee.cli import plan
from cuvee.cli.progress import progress
from cuvee.cli.words import means, number, question
from cuvee.comparison import chosen
from cuvee.comparison import compare as run
from cuvee.core import CuveeError, named_numbers
from cuvee.core.files import place
from cuvee.core.recipe import to_json
from cuvee.early import check_methods, check_start
from cuvee.workplace import at_work


def compare(options: argparse.Namespace) -> None:
    """Every method on the same question."""
    folder = place(options.out) if options.out else None
    if folder is not None and folder.exists() and not folder.is_dir():
        raise CuveeError(f"--out {folder} is a file: give a folder.")
    settings = question(options) | {
        "objective": options.objective,
        "max_epochs": number(options.max_epochs, "--max-epochs"),
        "min_share": number(options.min_share, "--min-share"),
        "fixed": named_numbers(options.fix, "--fix") if options.fix else None,
    }
    asked, how = driver.ask(**settings), means(options)
    check_methods(asked.proxy, chosen(options.methods), options.seeds)
    check_start(asked, folder, command="compare")
    if options.dry_run:
        plan.show(options, asked, "compare", trials=plan.trials_of(options, asked))
        return
    work = {
        "command": "compare", "methods": options.methods, "seeds": options.seeds,
        "spend": options.spend,
    }  # fmt: skip
    with progress(options.quiet) as show, at_work(how, asked, folder, show, work) as engine:
        found = run(
            settings.pop("sources"),
            methods=options.methods,
            seeds=options.seeds,
            spend=options.spend,
            engine=engine,
            progress=show,
            **settings,
        )
        if folder is not None and how.rank == 0:
            found.save(folder)
    if how.rank:
        return  # rank 0 says it for all
    said = found.to_dict()
    if options.json:
        sys.stdout.buffer.write(to_json(said))
    elif not options.quiet:
        report.print_comparison(said)
        if folder is not None:
            print(f"Wrote {folder / 'comparison.json'}; look at {folder / 'comparison.html'}")
