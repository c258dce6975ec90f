"""`cuvee infer`."""

import argparse
import sys

from cuvee.cli.progress import progress
from cuvee.cli.words import means, named_paths, text_columns
from cuvee.core.recipe import to_json
from cuvee.inference import Inferred
from cuvee.inference import infer as find
from cuvee.mix.merges import MergeInference
from cuvee.report import numbers

MUCH_SLACK = 0.1
"""More than this left unexplained: a warning. Right sources leave a few percent."""


def infer(options: argparse.Namespace) -> None:
    """Shares that a tokenizer was trained on, as a table."""
    with progress(options.quiet) as show:
        found = find(
            options.tokenizer,
            named_paths(options.sources, "source"),
            engine=means(options).start(show),
            seed=options.seed,
            text=text_columns(options.text_column),
            settings=MergeInference(merges=options.merges),
        )
    if options.json:
        sys.stdout.buffer.write(to_json(found.to_dict()))
    elif not options.quiet:
        print_inferred(found)


def print_inferred(found: Inferred) -> None:
    """Sources by share, the largest first, and how well they explain the merges."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    rows = sorted(found.to_dict()["shares"].items(), key=lambda row: -row[1]["mean"])
    tokens = found.to_dict()["shares_of_tokens"]
    measured = all(value["sd"] is not None for _, value in rows)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("source", overflow="fold")
    for title in ("share", *(["± %"] if measured else []), "of tokens"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, value in rows:
        cells = [Text(name), Text(numbers.percent(value["mean"]), "bold")]
        if measured:
            cells.append(Text(numbers.spread(value["sd"], 1, 100), "dim"))
        table.add_row(*cells, Text(numbers.percent(tokens[name]["mean"])))
    console.print()
    note = "" if measured else " (spread not measured)"
    console.print(Text(f"Shares of the bytes it was trained on{note}", "bold"))
    console.print(table)
    console.print()
    unseen = f"; {found.unseen} more are in none of the sources" if found.unseen else ""
    line = f"From {found.merges} merges{unseen}. Left unexplained: {numbers.percent(found.slack)}."
    console.print(Text(line), highlight=False)
    for warning in _warnings(found):
        console.print(Text("Warning: " + warning, "yellow"), highlight=False)


def _warnings(found: Inferred) -> list[str]:
    said = []
    if found.slack > MUCH_SLACK:
        said.append("the sources do not explain the merges well: one may be missing.")
    if not found.settled:
        said.append("the search did not settle: take the last digits with care.")
    return said
