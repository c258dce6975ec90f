"""`cuvee measure`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from cuvee import measuring, report
from cuvee.cli.progress import progress
from cuvee.cli.words import means, named_paths, text_columns
from cuvee.core import CuveeError
from cuvee.core.files import write_whole
from cuvee.core.recipe import to_json


def measure(options: argparse.Namespace) -> None:
    """Measure one data set, two, or all pairs of several."""
    if options.method and options.methods:
        raise CuveeError("--method takes one, --methods compares several: give one of them.")
    if options.out is not None:
        _check(options.out, options.pairs)
    given = _data(options.data)
    with progress(options.quiet) as show:
        common = {
            "features": options.features, "embeddings": options.embeddings,
            "labels": options.labels, "text": text_columns(options.text_column),
            "seed": options.seed, "engine": means(options).start(show), "x": options.x or (),
        }  # fmt: skip
        if options.pairs:
            found = measuring.measure_pairs(_named(given), method=options.method, **common)
        else:
            common |= {"y": options.y or (), "paired": options.paired}
            if len(given) > 2:
                raise CuveeError(
                    f"expected one or two data sets, got {len(given)}: add --pairs for all pairs."
                )
            found = _one(options, given, common)
    said = found.to_dict()
    if options.out is not None:
        _write(found, options.out, said)
    if options.json:
        sys.stdout.buffer.write(to_json(said))
    elif not options.quiet:
        show_pairs, show_all = report.print_pairs, report.print_measurements
        printer = show_pairs if options.pairs else show_all if options.methods else None
        (printer or report.print_measured)(said)
        if options.out is not None:
            print(f"Written to {options.out}")


def _one(options: argparse.Namespace, given: dict[str, str], common: dict[str, Any]) -> Any:
    specs = list(given.values())
    named = dict(zip(("a", "b"), specs))
    if options.methods:
        return measuring.measure_all(**named, methods=options.methods, **common)
    return measuring.measure(**named, method=options.method, **common)


def _data(words: list[str]) -> dict[str, str]:
    """Data sets by name; those that have none are called after their place."""
    if all("=" in word and not Path(word).exists() for word in words):
        return named_paths(words, "data set")
    return {f"{i}": word for i, word in enumerate(words)}


def _named(given: dict[str, str]) -> dict[str, str]:
    """Without names, the files' own."""
    if not all(name.isdecimal() for name in given):
        return given
    stems = [Path(path).stem for path in given.values()]
    if len(set(stems)) < len(stems):
        raise CuveeError("--pairs: give each data set a name of its own, as NAME=PATH.")
    return dict(zip(stems, given.values()))


def _write(found: Any, out: str, said: Any) -> None:
    path = Path(out)
    if path.suffix == ".html":
        found.report(path)
    else:
        write_whole(path, lambda p: p.write_bytes(to_json(said)))


def _check(out: str, pairs: bool) -> None:
    """Before anything is measured. A file of an earlier measurement is replaced."""
    if Path(out).suffix not in ((".json", ".html") if pairs else (".json",)):
        raise CuveeError(f"--out {out}: expected .json, or .html with --pairs.")
