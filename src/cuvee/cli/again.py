"""`cuvee rerun` of what was made of documents."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from cuvee.core import CuveeError
from cuvee.core.recipe import Recipe

if TYPE_CHECKING:
    from cuvee.documents.selecting import Selection

CHOICE = "choice"


def made_of_documents(path: Path) -> bool:
    """Whether this is what lies beside a file of documents."""
    return _record(path) is not None


def choice(options: argparse.Namespace) -> None:
    """The same choice once more."""
    from cuvee.cli.choose import chosen  # nobody who mixes needs methods of choice

    chosen(options, _asked(_record(Path(options.recipe)) or {}, options))


def _record(path: Path) -> Mapping[str, Any] | None:
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and "recipe" in content else None


def _asked(record: Mapping[str, Any], options: argparse.Namespace) -> "Selection":
    """The selection of a record, if its files are still what they were.

    Raises:
        CuveeError: It is the record of another command, or the files have changed.
    """
    from cuvee.documents.selecting import recipe_of, selection_of

    where = options.recipe
    if CHOICE not in record:
        command = next((name for name in record if name != "recipe"), "another command")
        raise CuveeError(
            f"{where} is the record of {command}: give that command again with another --out. "
            "rerun repeats blends and choices."
        )
    try:
        old = Recipe(**record["recipe"])
    except TypeError:
        raise CuveeError(f"{where} is not a record that cuvee wrote.") from None
    asked = selection_of(old, where)
    changes = recipe_of(asked).changes(old)
    if content := [line for line in changes if line.startswith("content")]:
        more = f" and {len(content) - 1} more" if len(content) > 1 else ""
        raise CuveeError(f"the choice was made from other data: {content[0]}{more}.")
    others = [line for line in changes if line.startswith("version")]
    if others and not options.quiet:
        print(f"cuvee: {', '.join(others)}: bytes may differ.", file=sys.stderr)
    return asked
