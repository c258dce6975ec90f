"""`cuvee export`: a mixed dataset in the form that a trainer reads."""

import argparse
import sys

from cuvee.core.recipe import to_json
from cuvee.exporting import export_dataset


def export(options: argparse.Namespace) -> None:
    """Write it, and say what to write on the trainer's side."""
    settings = {"tokenizer": options.tokenizer} if options.tokenizer else {}
    said = export_dataset(
        options.dataset, options.to, options.out, resume=options.resume, **settings
    )
    if options.json:
        sys.stdout.buffer.write(to_json({"out": options.out, "to": options.to, "usage": said}))
    elif not options.quiet:
        print(f"Wrote {options.out}. Then:\n\n{said}")
