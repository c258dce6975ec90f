"""`cuvee filter`: documents of which something is known to be so."""

import argparse
import sys

from cuvee.cli.attributes import sources
from cuvee.cli.progress import progress
from cuvee.cli.words import means, text_columns
from cuvee.core.recipe import to_json
from cuvee.documents.filtering import filter_documents


def filter_(options: argparse.Namespace) -> None:
    """Write what meets every condition, and say how much that is."""
    with progress(options.quiet) as show:
        found = filter_documents(
            sources(options.sources), options.attributes, options.where, options.out,
            text=text_columns(options.text_column), engine=means(options).start(show),
        )  # fmt: skip
    if options.json:
        sys.stdout.buffer.write(to_json(found.to_dict()))
    elif not options.quiet:
        print(f"{found}\nWrote {options.out}.")
