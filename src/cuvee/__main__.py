"""`cuvee` and `python -m cuvee`: loads little, so that Ctrl-C is understood at once."""

import os
import signal
import sys
from types import FrameType

STOPPED = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""What may end a command, and with which status, as shells count."""


def main(arguments: list[str] | None = None) -> int:
    """Load the program and run one command; returns the exit status."""
    for number in STOPPED:
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _stop)
    from cuvee.cli import main as run

    return run(arguments)


def _stop(number: int, frame: FrameType | None) -> None:
    """Nothing is begun, or all is done: there is nothing to tidy up."""
    os.write(2, b"cuvee: stopped.\n")
    os._exit(STOPPED[signal.Signals(number)])


if __name__ == "__main__":
    sys.exit(main())
