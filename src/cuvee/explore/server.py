"""The page's server: on this machine only, for whoever holds the token.

Four things keep others out. It listens on the loopback address. Every question about data carries
a token that only the address which was printed holds, behind its `#`, where no server and no other
page sees it. The `Host` must be this address, so that a foreign name which points here is of no
use. And what comes from another page, by its `Origin`, is refused.
"""

import json
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from cuvee import engine as engines
from cuvee.core import CuveeError
from cuvee.core.data import Engine
from cuvee.core.recipe import to_json
from cuvee.engine import Progress, silent
from cuvee.explore.session import Session
from cuvee.report.style import STYLE

LOOPBACK = "127.0.0.1"
MOST = 1 << 20
"""Bytes of a question."""
HEADER = "X-Cuvee-Token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
Answer = Callable[[Mapping[str, Any]], Any]


class Explorer:
    """A running page.

    Args:
        session: What it shows.
        port: To listen on; 0: any that is free.
    """

    def __init__(self, session: Session, port: int = 0) -> None:
        self.session = session
        self.token = secrets.token_urlsafe(24)
        try:
            self._server = _Server((LOOPBACK, port), _Handler)
        except OSError as error:
            raise CuveeError(
                f"port {port} cannot be had: {error.strerror}: take another."
            ) from error
        self._server.explorer = self
        self.port = int(self._server.server_address[1])
        self.answers: Mapping[str, Answer] = {
            "/api/about": lambda _: session.about(),
            "/api/predict": lambda q: session.predict(q["shares"], q["tokens"]),
            "/api/limits": lambda q: session.limits(q["tokens"]),
            "/api/suggest": lambda q: session.suggest(str(q["method"]), q["tokens"]),
            "/api/add": lambda q: session.add(q["shares"], q["tokens"], q["losses"]),
            "/api/write": lambda q: session.write(q["shares"], q["tokens"], q["name"]),
        }

    @property
    def address(self) -> str:
        """What is opened in a browser; who has it may see the data's names and write datasets."""
        return f"http://{LOOPBACK}:{self.port}/#{self.token}"

    def serve(self) -> None:
        """Answer until `close` is called, or Ctrl-C."""
        self._server.serve_forever(poll_interval=0.1)

    def wait(self) -> None:
        """Until Ctrl-C."""
        threading.Event().wait()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # questions that wait to be taken; more are refused by the system
    explorer: Explorer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True  # or each answer waits 40 ms for the one before to be confirmed
    wbufsize = -1

    @property
    def explorer(self) -> Explorer:
        return cast(_Server, self.server).explorer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: paths are of no interest."""

    def version_string(self) -> str:
        return "cuvee"

    def do_GET(self) -> None:
        """The page itself, which holds no data."""
        if not self._is_ours():
            return
        page = PAGES.get(self.path.partition("?")[0])
        if page is None:
            self._say(404, b"not here", "text/plain")
            return
        name, kind = page
        content = files("cuvee.explore").joinpath(name).read_bytes()
        self._say(200, STYLE.encode() + content if name.endswith(".css") else content, kind)

    def do_POST(self) -> None:
        """A question about the data."""
        explorer = self.explorer
        if not self._is_ours():
            return
        given = self.headers.get(HEADER, "")
        if not compare_digest(given.encode("utf-8", "replace"), explorer.token.encode()):
            self._refuse(403, "open the address that cuvee explore printed: it holds a token.")
            return
        answer = explorer.answers.get(self.path)
        if answer is None:
            self._refuse(404, f"there is no {self.path[:60]}.")
            return
        try:
            size = int(self.headers.get("Content-Length", ""))
        except ValueError:
            size = -1
        if not 0 <= size <= MOST:
            self._refuse(413, f"expected a question of at most {MOST} bytes.")
            return
        self._answer(answer, self.rfile.read(size))

    def _answer(self, answer: Answer, body: bytes) -> None:
        try:
            question = json.loads(body or b"{}", parse_constant=_no_constant)
            if not isinstance(question, dict):
                raise ValueError("no object")
        except (ValueError, RecursionError):
            self._refuse(400, "expected a JSON object.")
            return
        try:
            found = to_json(answer(defaultdict(lambda: None, question)))
        except CuveeError as error:
            self._refuse(422, str(error))
            return
        except OSError as error:
            self._refuse(500, f"the machine refused: {error.strerror or error}.")
            return
        self._say(200, found, "application/json")

    def _is_ours(self) -> bool:
        """Whether the question was sent to this address, and not by another page."""
        port = self.explorer.port
        ours = {f"{LOOPBACK}:{port}", f"localhost:{port}"}
        origin = self.headers.get("Origin")
        if self.headers.get("Host") not in ours:
            self._refuse(421, "this page is on the loopback address only.")
            return False
        if origin is not None and origin.removeprefix("http://") not in ours:
            self._refuse(403, "another page has nothing to ask here.")
            return False
        return True

    def _refuse(self, status: int, why: str) -> None:
        self.close_connection = True  # a body may be left that nobody has read
        self._say(status, to_json({"error": why}), "application/json")

    def _say(self, status: int, content: bytes, kind: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


@contextmanager
def explore(
    folder: str | Path,
    *,
    out: str | Path | None = None,
    port: int = 0,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
) -> Iterator[Explorer]:
    """A page for a dataset that `cuvee blend --out` wrote, while the block lasts.

    Args:
        folder: Of the dataset.
        out: Folder for datasets and runs that the page writes; beside the dataset by default.
        port: To listen on; 0: any that is free.
        engine: Where the sources are counted.
        workers: At a time; all cores by default.
        progress: Called after each finished part of the counting.

    Raises:
        CuveeError: No dataset is there, or its sources are not what they were.
    """
    where = Path(folder)
    session = Session.at(where, beside(where, out), engines.load(engine, workers, progress))
    with served(session, port) as page:
        yield page


def beside(folder: Path, out: str | Path | None) -> Path:
    """Where a page writes to."""
    return (
        Path(out)
        if out is not None
        else folder.resolve().with_name(f"{folder.resolve().name}-explored")
    )


@contextmanager
def served(session: Session, port: int = 0) -> Iterator[Explorer]:
    """The page of a session, answered in another thread while the block lasts."""
    page = Explorer(session, port)
    thread = threading.Thread(target=page.serve, daemon=True)
    thread.start()
    try:
        yield page
    finally:
        page.close()
        thread.join()
