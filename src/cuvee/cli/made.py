"""What is said of work that was done before."""

import argparse
import sys

from cuvee.core.recipe import to_json
from cuvee.documents.outputs import Made


def say_made(found: Made, options: argparse.Namespace) -> None:
    """That all was there already; or its summary, as JSON."""
    if options.json:
        sys.stdout.buffer.write(to_json(found.summary))
    elif not options.quiet:
        print(found)
