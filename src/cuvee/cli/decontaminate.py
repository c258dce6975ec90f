"""`cuvee decontaminate`: test text out of the sources."""

import argparse
import sys

from cuvee.cli.attributes import sources
from cuvee.cli.made import say_made
from cuvee.cli.progress import progress
from cuvee.cli.words import means, targets, text_columns
from cuvee.core.recipe import to_json
from cuvee.documents.decontaminating import Leaks, Rule, order
from cuvee.documents.outputs import Made

SHOWN = 10
"""Leaked test documents in the terminal."""


def decontaminate(options: argparse.Namespace) -> None:
    """Look for the tests, write what is clean, print what leaked."""
    rule = Rule(options.n, options.shortest, options.share, options.common, options.cut)
    with progress(options.quiet) as show:
        asked = order(
            sources(options.sources), targets(options.against), out=options.out,
            attributes=options.attributes, report=options.report, rule=rule,
            text=text_columns(options.text_column),
        )  # fmt: skip
        found = asked.once(means(options).start(show))
    if isinstance(found, Made):
        say_made(found, options)
    elif options.json:
        sys.stdout.buffer.write(to_json(found.to_dict()))
    elif not options.quiet:
        print_leaks(found, options)


def print_leaks(found: Leaks, options: argparse.Namespace) -> None:
    """What leaked, the worst with its text, and where the rest is."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    console.print(Text(str(found)), highlight=False)
    for leak in list(found.details())[:SHOWN]:
        head = f"\n{leak['target']} {leak['document']}: {leak['share']:.0%}"
        console.print(Text(head, "bold"), highlight=False)
        for place in leak["found_in"][:1]:
            where = f"{place['path']}, document {place['row']}"
            console.print(Text(f"  in {where}: {_line(place['text'])}", "dim"), highlight=False)
    written = [path for path in (options.out, options.attributes, options.report) if path]
    end = f"Wrote {', '.join(written)}." if written else "Nothing was written: add --out FILE."
    console.print(Text(f"\n{end}"), highlight=False)


def _line(text: str | None) -> str:
    """A passage in one line that cannot steer the terminal."""
    flat = " ".join((text or "(not kept)").split())
    return "".join(c if c.isprintable() else "?" for c in flat)[:160]
