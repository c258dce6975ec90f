"""One command in a process of its own, on small parts, killed at a chosen file event if asked.

An event is a file or folder that is opened for writing, renamed, made or removed; the process and
all that it has started are killed by the system just before the event of a given number.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import cuvee.attributes.compression
import cuvee.attributes.gopher
import cuvee.clean.minhash
import cuvee.clean.spans
import cuvee.cli  # all of these once, before processes fork
import cuvee.cli.attributes
import cuvee.cli.blend
import cuvee.cli.choose
import cuvee.cli.compare
import cuvee.cli.decontaminate
import cuvee.cli.dedup
import cuvee.cli.demo
import cuvee.cli.discover
import cuvee.cli.filter
import cuvee.cli.predict
import cuvee.cli.runs
import cuvee.core.resampling
import cuvee.export.parquet
import cuvee.features.lsa
import cuvee.measure.token_divergences
import cuvee.mix.descent
import cuvee.mix.natural
import cuvee.mix.uniform
import cuvee.proxies.counts
import cuvee.proxies.network_trainer
import cuvee.select.dsir
import cuvee.select.rds
import cuvee.sources.npz
import cuvee.sources.text

if TYPE_CHECKING:
    from soak.process import Place

pa.array([""])  # imports pandas where there is one, which takes longer than a small command
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")
PIECE, SPILL, SHARD, FILES = 6000, 2000, 9000, 20
"""Bytes of a piece, a spill file and a shard, so that a small dataset has several of each; and
files of the standard library that the demonstration reads."""


class Events:
    """Counts what happens to files below some folders, and does something before one of it.

    Args:
        folders: Which.
        moment: Number of the event, or a part of its path: then before the first of these.
        then: What to do.
    """

    def __init__(
        self, folders: Sequence[Path], moment: int | str, then: Callable[[], object]
    ) -> None:
        self.folders, self.moment, self.then = tuple(f"{f}{os.sep}" for f in folders), moment, then
        self.count = 0

    def __call__(self, event: str, details: tuple[Any, ...]) -> None:
        """Called by Python before each event, and before much else."""
        if event in CHANGES or (event == "open" and _writes(details[2])):
            path = details[0]
            if isinstance(path, str | os.PathLike) and self._inside(os.fspath(path)):
                self.count += 1
                here = self.count if isinstance(self.moment, int) else str(self.moment)
                if here == self.moment and (isinstance(here, int) or here in str(path)):
                    self.moment = 0
                    self.then()

    def _inside(self, path: str | bytes) -> bool:
        absolute = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - a Path costs more
        return (absolute + os.sep).startswith(self.folders)


def _writes(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def die() -> None:
    """The system ends this process and all that it has started."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def run(
    words: Sequence[str],
    place: "Place",
    took: Any,
    event: int | str = 0,
    then: Callable[[], object] = die,
    first: Callable[[], object] | None = None,
) -> None:
    """Run a command in this process, and end the process with its status.

    Args:
        words: Of the command.
        place: Where.
        took: Shared array that gets the number of events, and the seconds.
        event: Before which something happens: its number, or a part of its path; 0 for none.
        then: What happens.
        first: What to do before the command.
    """
    os.setsid()
    begun = time.monotonic()
    handle = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.chdir(place.work)
    os.environ["CUVEE_CACHE"], os.environ["TMPDIR"] = str(place.cache), str(place.temporary)
    tempfile.tempdir = None  # found anew
    signal.signal(signal.SIGINT, signal.default_int_handler)
    small_parts()
    events = Events((place.out, place.cache, place.temporary), event, then)
    sys.addaudithook(events)
    if first is not None:
        first()
    status = cuvee.cli.main(words)
    took[:] = events.count, time.monotonic() - begun
    sys.stdout.flush()
    os._exit(status)


def small_parts() -> None:
    """Several pieces a source, spill files a piece and shards a dataset."""
    for name in ("files", "parquet", "arrow", "plain", "memory"):
        module: Any = import_module(f"cuvee.sources.{name}")
        module.PIECE = PIECE
    write: Any = import_module("cuvee.export.write")
    write.SPILL_BYTES = SPILL
    write.write_dataset.__kwdefaults__["shard_bytes"] = SHARD
    cuvee.cli.demo.FILES = FILES
