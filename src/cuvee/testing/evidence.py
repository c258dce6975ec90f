"""What a piece of evidence says, and how the pieces are found and run."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import orjson

from cuvee.core import CuveeError, unknown
from cuvee.core.files import write_whole
from cuvee.core.recipe import to_json, versions


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome of running a method's own claim.

    Args:
        claim: What was claimed, and by whom.
        measured: What came out, in words and numbers.
        holds: Whether the claim held here; a claim that does not is a finding, too.
        numbers: The figures behind it.
    """

    claim: str
    measured: str
    holds: bool
    numbers: dict[str, Any]


class Missing(CuveeError):
    """Data that a piece of evidence needs is not on this machine."""


def shared_data(root: Path, *parts: str) -> Path:
    """A file of the evaluation data: $CUVEE_DATA, or `shared/data` beside the checkout.

    Raises:
        Missing: It is not there.
    """
    folder = Path(os.environ.get("CUVEE_DATA", root.parent / "shared" / "data"))
    path = folder.joinpath(*parts)
    if not path.exists():
        raise Missing(f"needs the evaluation data {'/'.join(parts)}: set CUVEE_DATA to its folder.")
    return path


def find_evidence(root: Path, which: str | None = None) -> dict[str, Path]:
    """`room/method` -> file, for all, one room or one method.

    Raises:
        CuveeError: No evidence folder, or nothing of that name.
    """
    files = sorted((root / "evidence").glob("*/*.py"))
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))  # the files share helpers: from evidence.tables import ...
    if not files:
        raise CuveeError(f"no evidence/<room>/<method>.py under {root}: run this in a checkout.")
    found = {f"{f.parent.name}/{f.stem}": f for f in files}
    chosen = {n: f for n, f in found.items() if which in (None, n, n.partition("/")[0])}
    if not chosen:
        raise unknown("evidence", str(which), found)
    return chosen


def run_evidence(path: Path) -> Finding:
    """Run the function `run` of one file."""
    spec = spec_from_file_location(f"evidence_{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    run: Callable[[], Finding] = module.run
    return run()


def record(
    files: dict[str, Path], results: Path, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run evidence and write what came out beside what was recorded before."""
    known = orjson.loads(results.read_bytes()) if results.exists() else {}
    for name, path in files.items():
        start = time.perf_counter()
        try:
            row = asdict(run_evidence(path))
        except Missing as missing:
            say(f"{name}: not run, {missing}")
            continue
        row["seconds"] = round(time.perf_counter() - start, 1)
        row["versions"] = versions()
        known[name] = row
        say(f"{name}: {'holds' if row['holds'] else 'DOES NOT HOLD'}. {row['measured']}")
        write_whole(results, lambda p: p.write_bytes(to_json(dict(sorted(known.items())))))
    return {name: known[name] for name in files if name in known}
