"""What does a person type?"""

import os
import sys
from collections.abc import Sequence

from cuvee.cli.parser import build_parser
from cuvee.core import CuveeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0: done; 1: a claim or comparison did not hold; 2: bad input, said in one line; 130: Ctrl-C.
    """
    options = build_parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except CuveeError as error:
        print(f"cuvee: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        begun = getattr(options, "resume", None) is not None and options.out
        hint = " What is finished stays; --resume goes on." if begun else ""
        if getattr(options, "keeps_runs", False):
            hint = " Finished runs are kept: the same command goes on where it stopped."
        print(f"cuvee: stopped.{hint}", file=sys.stderr)
        # Worker threads are in the middle of a job; every file they write is whole or not there.
        sys.stderr.flush()
        os._exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
