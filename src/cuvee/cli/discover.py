"""`cuvee discover`: domains in text without labels, one file for each."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from cuvee.cli.lines import hanging, width
from cuvee.core.apart import check_apart
from cuvee.core.recipe import to_json
from cuvee.sources import open_source
from cuvee.sources.discover import Domains, Size
from cuvee.sources.discover import discover as find


def discover(options: argparse.Namespace) -> None:
    """Find the domains, write them if a folder is given, print what they are."""
    if options.out is not None:
        check_apart(Path(options.out), {"text": options.path})
    source = open_source("text", options.path, options.text_column)
    found = find(source, options.domains, clusters=options.clusters, seed=options.seed)
    if options.out is None:
        sizes, files = found.sizes(), ()
    else:
        files, sizes = found.write(options.out)
    rows = _rows(found, sizes, files)
    if options.json:
        sys.stdout.buffer.write(to_json({"domains": rows}))
        return
    if options.quiet:
        return
    print(_table(rows))
    if files:
        print(f"\nWrote {len(files)} files to {options.out}. Next:\n\n  {_next(rows)}")
    else:
        print("\nNothing was written: --out DIR writes a file for each domain.")


def _rows(found: Domains, sizes: tuple[Size, ...], files: tuple[Path, ...]) -> list[dict[str, Any]]:
    """One row for each domain."""
    every = max(1, sum(size.tokens for size in sizes))
    rows = [
        {
            "domain": name, "documents": size.documents, "tokens": size.tokens,
            "share": size.tokens / every, "words": list(words),
        }
        for name, size, words in zip(found.names, sizes, found.words)
    ]  # fmt: skip
    return [row | {"file": str(file)} for row, file in zip(rows, files)] or rows


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [f"{'domain':<10} {'documents':>10} {'tokens':>8}  words"]
    for row in rows:
        share, words = f"{100 * row['share']:.1f}%", ", ".join(row["words"])
        first = f"{row['domain']:<10} {row['documents']:>10,} {share:>8}  "
        lines.append(hanging(first, words, width()))
    return "\n".join(lines)


def _next(rows: list[dict[str, Any]]) -> str:
    """The command that blends what was written; domains without text cannot be blended."""
    named = [shlex.quote(f"{r['domain']}={r['file']}") for r in rows if r["tokens"]]
    return f"cuvee blend {' '.join(named)} --target TARGET --budget 10M --method climb"
