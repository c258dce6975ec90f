"""The commands that are killed: all that write something."""

from collections.abc import Sequence
from dataclasses import dataclass

from soak.world import SOURCES, TARGET

ASKED = (*SOURCES, *TARGET, "--budget", "6k", "--workers", "2", "--quiet")
TINY = "transformer:size=40k:vocabulary=300:context=32:tokens=2k:draws=4"


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Args:
        name: In the results.
        words: Its own, with OUT for the place of what it writes.
        resumes: Whether it takes `--resume`; others begin again.
        before: A command that is run once before it, undisturbed, in another place.
    """

    name: str
    words: Sequence[str]
    resumes: bool = False
    before: Sequence[str] = ()


COMMANDS = (
    Command("blend", ("blend", *ASKED, "--out", "OUT/d"), True),
    Command("blend jsonl", ("blend", *ASKED, "--format", "jsonl.zst", "--out", "OUT/d"), True),
    Command("blend one thread", ("blend", *ASKED, "--workers", "1", "--out", "OUT/d"), True),
    Command("blend runs", ("blend", *ASKED, "--runs", "runs.csv", "--out", "OUT/d"), True),
    Command(
        "blend transformer",
        ("blend", *ASKED, "--proxy", TINY, "--runs", "3", "--out", "OUT/d"),
        True,
    ),
    Command(
        "rerun",
        ("rerun", "../before/out/d/recipe.json", "--quiet", "--out", "OUT/d"),
        True,
        ("blend", *ASKED, "--method", "natural", "--out", "OUT/d"),
    ),
    Command("blend index", ("blend", *ASKED, "--format", "index", "--out", "OUT/d"), True),
    Command(
        "export",
        ("export", "../before/out/d", "--to", "mds", "--quiet", "--out", "OUT/d"),
        True,
        before=("blend", *ASKED, "--method", "natural", "--out", "OUT/d"),
    ),
    Command("demo", ("demo", "--budget", "20k", "--quiet", "--out", "OUT/d"), True),
    Command(
        "compare",
        ("compare", *ASKED, "--methods", "uniform,natural", "--seeds", "1", "--out", "OUT/d"),
    ),
    Command("discover", ("discover", "books", "--domains", "3", "--quiet", "--out", "OUT/d")),
    Command(
        "predict",
        ("predict", "scales.csv", "--method", "constant", "--at", "params=1e9,tokens=1e10",
         "--quiet", "--chart", "OUT/chart.html"),
    ),
    Command("runs", ("runs", "runs.csv", "--quiet", "--out", "OUT/runs.parquet")),
    Command("runs olmix", ("runs", "runs.csv", "--quiet", "--to", "olmix", "--out", "OUT/d")),
    Command(
        "trial", ("trial", *ASKED, "--shares", "web=.5,code=.3,books=.2", "--out", "OUT/l.csv")
    ),
    Command(
        "trial transformer",
        ("trial", *ASKED, "--proxy", TINY, "--shares", "web=.5,code=.3,books=.2",
         "--out", "OUT/l.csv"),
    ),
)  # fmt: skip
