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


DOCUMENTS = (
    Command(
        "choose",
        ("choose", "web=web.jsonl", "code=code.parquet", "-k", "3k-tokens", *TARGET, "--quiet",
         "--out", "OUT/chosen.parquet"),
    ),
    Command(
        "choose points",
        ("choose", "web=web.jsonl", "code=code.parquet", "-k", "30%", *TARGET, "--method", "rds",
         "--features", "lsa:dims=8:documents=60",
         "--workers", "2", "--quiet", "--out", "OUT/chosen.jsonl.zst"),
    ),
    Command(
        "dedup",
        ("dedup", "web=twice.jsonl", "code=code.parquet", "--quiet", "--out", "OUT/kept.parquet",
         "--attributes", "OUT/known", "--report", "OUT/report.json"),
    ),
    Command(
        "dedup spans",
        ("dedup", "web=twice.jsonl", "--method", "spans:words=12", "--workers", "2", "--quiet",
         "--out", "OUT/kept.jsonl"),
    ),
    Command(
        "dedup attributes",
        ("dedup", "web=twice.jsonl", "code=code.parquet", "--method", "exact", "--quiet",
         "--attributes", "OUT/known"),
    ),
    Command(
        "decontaminate",
        ("decontaminate", "web=twice.jsonl", "code=code.parquet", "--against", "test.jsonl",
         "--quiet", "--out", "OUT/clean.jsonl.zst", "--attributes", "OUT/known",
         "--report", "OUT/report.json"),
    ),
    Command(
        "decontaminate cut",
        ("decontaminate", "web=twice.jsonl", "--against", "test.jsonl", "--cut", "--quiet",
         "--out", "OUT/clean.parquet"),
    ),
    Command(
        "attributes",
        ("attributes", "web=twice.jsonl", "code=code.parquet", "--of", "gopher,compression",
         "--quiet", "--out", "OUT/known"),
    ),
    Command(
        "filter",
        ("filter", "web=twice.jsonl", "code=code.parquet", "--attributes", "../before/out/known",
         "--where", "gopher_words>=30", "--quiet", "--out", "OUT/good.parquet"),
        before=("attributes", "web=twice.jsonl", "code=code.parquet", "--of", "gopher", "--quiet",
                "--out", "OUT/known"),
    ),
)  # fmt: skip
"""Commands that look at documents one by one."""
COMMANDS = (
    *DOCUMENTS,
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
    Command(
        "board", ("board", "selection/text", "--write", "OUT/task.csv", "--seeds", "1", "--quiet")
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
    Command(
        "measure",
        ("measure", "web=web.jsonl", "code=code.parquet", "--pairs", "--method", "token_js",
         "--quiet", "--out", "OUT/pairs.html"),
    ),
    Command(
        "measure json",
        ("measure", "web.jsonl", "--method", "entropy", "--quiet", "--out", "OUT/entropy.json"),
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
