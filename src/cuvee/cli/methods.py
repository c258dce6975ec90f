"""`cuvee methods` and `cuvee evidence`."""

import argparse
import inspect
import sys
from importlib import import_module
from pathlib import Path

import cuvee
from cuvee.cli.lines import hanging, reflow, width
from cuvee.core import CuveeError, unknown
from cuvee.core.methods import load, summary
from cuvee.core.recipe import to_json
from cuvee.testing.evidence import find_evidence, record

ROOMS = {
    "sources": "where do samples come from?",
    "proxies": "what would training on this give?",
    "mix": "how much of which source?",
    "predict": "what at another budget, size, or seed?",
    "features": "where does a document lie?",
    "select": "which samples?",
    "clean": "what stands more than once?",
    "attributes": "what is known of each document?",
    "measure": "how much, how different, how diverse?",
    "export": "how is a dataset written?",
    "trainers": "what does a trainer read?",
    "engine": "where does it run?",
}


def methods(options: argparse.Namespace) -> None:
    """Every method with its first docstring line."""
    room, _, method = (options.room or "").partition("/")
    if room in ROOMS and method:
        found = load(import_module(f"cuvee.{room}").METHODS, method, room)
        doc = inspect.getdoc(found) or ""
        if options.json:
            sys.stdout.buffer.write(to_json({f"{room}/{method}": doc}))
        else:
            print(reflow(f"{room}/{method}: {doc}", width()))
        return
    if options.room is not None and options.room not in ROOMS:
        raise unknown("room", options.room, ROOMS)
    rooms = [options.room] if options.room else list(ROOMS)
    found = {room: describe(room) for room in rooms}
    if options.json:
        sys.stdout.buffer.write(to_json(found))
        return
    for room, table in found.items():
        print(f"{room}: {ROOMS[room]}")
        widest, columns = max(map(len, table)), width()
        for name, text in table.items():
            print(hanging(f"  {name:<{widest}} ", text, columns))
        print()


def describe(room: str) -> dict[str, str]:
    """Name -> first line of the docstring; a missing library is said instead."""
    table = import_module(f"cuvee.{room}").METHODS
    lines = {}
    for name in table:
        try:
            lines[name] = summary(load(table, name, room))
        except CuveeError as error:
            lines[name] = f"({error})"
    return lines


def evidence(options: argparse.Namespace) -> None:
    """Run claims, record what came out. A claim that does not hold is a finding, not an error."""
    root = _checkout()
    files = find_evidence(root, options.which)
    results = Path(options.out) if options.out else root / "evidence" / "results.json"
    silent = options.json or options.quiet
    found = record(files, results, (lambda line: None) if silent else print)
    if options.json:
        sys.stdout.buffer.write(to_json(found))


def _checkout() -> Path:
    """The folder that holds evidence/: this one, or the one that cuvee was installed from."""
    for folder in (Path.cwd(), Path(cuvee.__file__).parents[2]):
        if (folder / "evidence").is_dir():
            return folder
    raise CuveeError("no folder evidence/ here: run this in a checkout of the repository.")
