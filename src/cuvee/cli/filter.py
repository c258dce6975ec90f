"""`cuvee filter`: documents of which something is known to be so."""

import argparse
import sys

from cuvee.cli.attributes import sources
from cuvee.cli.made import say_made
from cuvee.cli.progress import progress
from cuvee.cli.words import means, text_columns
from cuvee.core.recipe import to_json
from cuvee.documents.filtering import order
from cuvee.documents.outputs import Made


def filter_(options: argparse.Namespace) -> None:
    """Write what meets every condition, and say how much that is."""
    with progress(options.quiet) as show:
        asked = order(
            sources(options.sources), options.attributes, options.where, options.out,
            text=text_columns(options.text_column),
        )  # fmt: skip
        found = asked.once(means(options).start(show))
    if isinstance(found, Made):
        say_made(found, options)
    elif options.json:
        sys.stdout.buffer.write(to_json(found.to_dict()))
    elif not options.quiet:
        print(f"{found}\nWrote {options.out}.")
