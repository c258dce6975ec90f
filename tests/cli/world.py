"""Files to work on, and the commands run inside this process or in one of their own."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from cuvee.cli import main
from cuvee.testing.proxies import language

START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in background
from cuvee.cli import main
sys.exit(main(sys.argv[1:]))
"""


class Ran(NamedTuple):
    """What came of a command."""

    status: int
    out: str
    err: str


def lines(texts) -> bytes:
    return b"".join(orjson.dumps({"text": text}) + b"\n" for text in texts)


def build(folder: Path) -> None:
    """`web.jsonl`, `code.parquet`, the folder `books/` and the target `val.jsonl`."""
    (folder / "web.jsonl").write_bytes(lines(language(1, 300, 0)))
    pq.write_table(pa.table({"text": language(2, 300, 0)}), folder / "code.parquet")
    (folder / "books").mkdir()
    for i, text in enumerate(language(3, 40, 0)):
        (folder / "books" / f"{i:02}.txt").write_text(text)
    (folder / "val.jsonl").write_bytes(lines([*language(1, 30, 7), *language(2, 10, 7)]))


SOURCES = ("web=web.jsonl", "code=code.parquet", "books=books")
COMMON = (*SOURCES, "--target", "val.jsonl", "--budget", "20k")


def run(capsys, *words: str) -> Ran:
    """`cuvee WORDS` in this process."""
    capsys.readouterr()
    try:
        status = main([str(word) for word in words])
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    return Ran(status, *capsys.readouterr())


def start(*words: object, cwd: Path) -> subprocess.Popen[str]:
    """`cuvee WORDS` in a process of its own."""
    command = [sys.executable, "-c", START, *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, stdout=pipe, stderr=pipe, text=True)


def refused(ran: Ran, *parts: str) -> None:
    """One clear line on stderr, status 2, nothing else."""
    assert ran.status == 2, ran
    assert ran.out == ""
    assert ran.err.count("\n") == 1, ran.err
    assert ran.err.startswith("cuvee: ")
    assert "Traceback" not in ran.err
    for part in parts:
        assert part in ran.err
