"""`cuvee attributes`: what is known of each document, beside the data."""

import argparse
import sys

from cuvee.cli.progress import progress
from cuvee.cli.words import means, named_paths, text_columns
from cuvee.core.recipe import to_json
from cuvee.documents.describing import attributes as describe


def attributes(options: argparse.Namespace) -> None:
    """Compute the attributes, write them, print a summary."""
    with progress(options.quiet) as show:
        found = describe(
            sources(options.sources), options.of, options.out, reference=options.reference,
            text=text_columns(options.text_column), sample_bytes=options.sample_bytes,
            seed=options.seed, engine=means(options).start(show),
        )  # fmt: skip
    if options.json:
        sys.stdout.buffer.write(to_json(found.to_dict()))
    elif not options.quiet:
        print(found)
        read = f"{found.made} pieces read" + (f", {found.taken} known before" * bool(found.taken))
        print(f"\nWritten to {found.folder} ({read}).")


def sources(words: list[str]) -> str | dict[str, str]:
    """`NAME=PATH ...`, or one path without a name."""
    if len(words) == 1 and "=" not in words[0]:
        return words[0]
    return named_paths(words, "source")
