"""`cuvee dedup`: what stands more than once, and what stays."""

import argparse
import sys
from typing import TYPE_CHECKING

from cuvee.cli.made import say_made
from cuvee.cli.progress import progress
from cuvee.cli.words import means, text_columns
from cuvee.core.recipe import to_json
from cuvee.documents.deduplicating import Deduped, named, order
from cuvee.documents.outputs import Made
from cuvee.report import numbers

if TYPE_CHECKING:
    from rich.table import Table

WIDE = 40
"""Characters of all names beyond which columns have numbers."""


def dedup(options: argparse.Namespace) -> None:
    """Find duplicates, write what stays if a file is given, and explain what goes."""
    sources = named(options.sources)
    asked = order(
        sources, method=options.method, out=options.out, attributes=options.attributes,
        report=options.report, text=text_columns(options.text_column), strict=options.strict,
    )  # fmt: skip
    with progress(options.quiet) as show:
        found = asked.once(means(options).start(show))
    if isinstance(found, Made):
        say_made(found, options)
    elif options.json:
        sys.stdout.buffer.write(to_json(found.to_dict()))
    elif not options.quiet:
        print_deduped(found)
        written = [str(o) for o in (options.out, options.attributes, options.report) if o]
        print(f"\nWrote {', '.join(written)}." if written else
              "\nNothing was written: --out FILE writes what stays, --attributes DIR what became "
              "of each document.")  # fmt: skip


def print_deduped(found: Deduped) -> None:
    """Counts by source, overlap of sources, and examples."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    console.print()
    console.print(Text(str(found), "bold"), highlight=False)
    console.print()
    console.print(_counts(found))
    if len(found.sources) > 1 and found.overlap.any():
        console.print()
        console.print(Text("Documents of the row that have a copy in the column", "dim"))
        console.print(_overlap(found))
    if found.examples:
        console.print()
        kind = "Largest groups" if found.passages is None else "Longest passages"
        console.print(Text(kind, "bold"))
    for one in found.examples:
        what = f"{one.size} documents" if found.passages is None else f"{one.size} bytes"
        near = "" if one.similarity != one.similarity else f", similarity {one.similarity:.2f}"
        console.print(Text(f"{what}{near}"), highlight=False)
        for word, source, file, row, text in (
            ("stays", one.source, one.file, one.row, one.text),
            ("goes ", one.other_source, one.other_file, one.other_row, one.other),
        ):
            place = f"{source} {row}" + (f" ({file})" if file else "")
            console.print(Text(f"  {word}  {place}: {text}"), highlight=False)
    for note in found.notes:
        console.print(Text(note), highlight=False)


def _counts(found: Deduped) -> "Table":
    from rich.text import Text

    table = _table("source", "documents", "stay", "go", "go %", *_unread(found))
    rows = list(zip(found.sources, found.documents, found.kept, found.unread))
    if len(rows) > 1:
        rows.append(("all", sum(found.documents), sum(found.kept), sum(found.unread)))
    for name, documents, kept, unread in rows:
        share = numbers.percent((documents - kept) / documents if documents else 0.0)
        more = [f"{unread:,}"] if any(found.unread) else []
        cells = (f"{documents:,}", f"{kept:,}", f"{documents - kept:,}", share, *more)
        table.add_row(Text(name), *cells)
    return table


def _unread(found: Deduped) -> list[str]:
    return ["unreadable"] if any(found.unread) else []


def _overlap(found: Deduped) -> "Table":
    from rich.text import Text

    names, titles = list(found.sources), list(found.sources)
    if sum(map(len, titles)) > WIDE:
        titles = [str(i) for i, _ in enumerate(names, 1)]
        names = [f"{title} {name}" for title, name in zip(titles, names)]
    table = _table("", *titles)
    for name, row in zip(names, found.overlap.tolist()):
        table.add_row(Text(name), *(f"{value:,}" for value in row))
    return table


def _table(*titles: str) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(Text(titles[0]), overflow="fold")
    for title in titles[1:]:
        table.add_column(Text(title), justify="right", no_wrap=True)
    return table
