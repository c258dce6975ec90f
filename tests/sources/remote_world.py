"""Servers on loopback, and the files of a folder copied to a store."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from cuvee.core import remote

numbers = count()


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3 server; the environment says how it is reached."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        try:
            yield f"http://{host}:{port}"
        finally:
            server.stop()


@dataclass
class Site:
    """A web server: what it has, and how it behaves."""

    files: dict[str, bytes]
    ranges: bool = True
    status: int = 200
    failures: int = 0
    sent: list[tuple[str, int]] = field(default_factory=list)
    address: str = ""


@contextmanager
def web_server(files: dict[str, bytes], **how) -> Iterator[Site]:
    """A web server that answers requests for ranges, and notes what it sent."""
    site = Site(files, **how)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self, body=True):
            content = site.files.get(self.path.partition("?")[0])
            status = 404 if content is None else site.status
            if body and site.failures:
                site.failures, status = site.failures - 1, 503
            if content is None or status != 200:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            asked = self.headers.get("Range")
            start, stop = 0, len(content)
            if asked and site.ranges:
                first, _, last = asked.removeprefix("bytes=").partition("-")
                start, stop = int(first), min(int(last) + 1, len(content))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(stop - start))
            self.end_headers()
            if body:
                site.sent.append((self.path, stop - start))
                self.wfile.write(content[start:stop])

        def do_HEAD(self):
            self.do_GET(body=False)

        def log_message(self, *args):
            """Nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            """A client that hangs up in the middle is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def place(scheme: str) -> str:
    """The address of a new, empty bucket."""
    address = f"{scheme}://bucket-{next(numbers)}"
    store, path = remote.store(address)
    store.mkdir(path)
    return address


def put(address: str, content: bytes) -> str:
    """Write a file behind cuvee's back."""
    store, path = remote.store(address)
    store.pipe_file(path, content)
    return address


def remove(address: str) -> None:
    """Delete a file behind cuvee's back."""
    store, path = remote.store(address)
    store.rm_file(path)


def copy(folder: Path, to: str) -> str:
    """All files of a folder, in a store."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            put(f"{to}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    return to


def moved(source, folder: Path, to: str):
    """The same source with its files in a store; one without files stays."""
    copy(folder, to)
    if not (is_dataclass(source) and any(f.name == "paths" for f in fields(source))):
        return source
    return replace(source, paths=tuple(path.replace(str(folder), to) for path in source.paths))


def read(source) -> list:
    """Documents and rejects, piece by piece."""
    return [
        [(batch.text.to_pylist(), batch.rejected) for batch in source.read(piece)]
        for piece in source.pieces()
    ]
