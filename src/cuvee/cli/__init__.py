"""What does a person type?"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from cuvee.cli.parser import build_parser
from cuvee.core import CuveeError


class Terminated(KeyboardInterrupt):
    """Another process asked this one to end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0: done; 1: a claim or comparison did not hold; 2: bad input, said in one line; 130: Ctrl-C;
    143: ended by another process.
    """
    options = argparse.Namespace()
    try:
        with _stoppable():
            options = build_parser().parse_args(arguments)
            return options.run(options) or 0
    except CuveeError as error:
        print(f"cuvee: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        begun = getattr(options, "resume", None) is not None and options.out
        hint = " What is finished stays; --resume goes on." if begun else ""
        if getattr(options, "keeps_runs", False):
            hint = " Finished runs are kept: the same command goes on where it stopped."
        print(f"cuvee: stopped.{hint}", file=sys.stderr)
        # Worker threads are in the middle of a job; every file they write is whole or not there.
        sys.stderr.flush()
        if cluster := sys.modules.get("cuvee.engine.cluster"):
            cluster.end()
        os._exit(143 if isinstance(stop, Terminated) else 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C and a request to end are exceptions: what was begun is tidied up on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if before[signal.SIGINT] is not signal.SIG_IGN:  # ignored as in the background of a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if before[signal.SIGTERM] is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
