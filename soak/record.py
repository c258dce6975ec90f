"""Where the soaks write what came out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from cuvee.core.files import write_whole
from cuvee.core.recipe import to_json, versions

RESULTS = Path(__file__).parent / "results.json"


def record(name: str, found: Mapping[str, Any], out: Path) -> None:
    """Put the results of one soak beside those of the others."""
    results = orjson.loads(out.read_bytes()) if out.exists() else {}
    results[name] = {**found, "versions": versions()}
    write_whole(out, lambda path: path.write_bytes(to_json(results)))
