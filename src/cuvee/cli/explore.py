"""`cuvee explore`."""

import argparse
import sys
import webbrowser
from pathlib import Path

from cuvee import explore as room
from cuvee.cli.progress import progress
from cuvee.cli.words import means
from cuvee.core import CuveeError
from cuvee.explore.server import beside


def explore(options: argparse.Namespace) -> None:
    """Count once, then serve the page until Ctrl-C."""
    if not 0 <= options.port < 2**16:
        raise CuveeError(f"--port: expected 0 to 65535, got {options.port}.")
    folder = Path(options.folder)
    with progress(options.quiet) as show:
        session = room.Session.at(folder, beside(folder, options.out), means(options).start(show))
    with room.served(session, options.port) as page:
        if options.check:
            told = session.predict(session.start.tolist(), session.opened.question.tokens)
            print(f"The page answers: loss {told['objective']['mean']:.3f} {told['unit']}.")
            return
        print(page.address, flush=True)
        if not options.quiet:
            print("Open it in a browser on this machine; Ctrl-C ends it.", file=sys.stderr)
        if not options.no_browser:
            webbrowser.open(page.address)
        page.wait()
