"""Where the record batches of a remote Arrow stream lie, so that a part is read without the rest.

A stream has no table of contents: on this machine it is mapped and skimmed for free. Elsewhere the
heads of its messages are followed, each of which tells how long its message is.

References: Apache Arrow, "Arrow columnar format: serialization and interprocess communication",
https://arrow.apache.org/docs/format/Columnar.html; FlatBuffers, "Internals",
https://flatbuffers.dev/internals/
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

from cuvee.core import remote

CONTINUED = 0xFFFFFFFF
"""Stands before the length of a message, save in the oldest streams."""
BATCH = 3
"""Kind of a message that is a record batch."""
KIND, BODY = 1, 3
"""Fields of a message: what it is, and how many bytes follow its head."""
LARGEST = 1 << 28
"""Bytes of a head; more, and the file is damaged."""


@dataclass(frozen=True, slots=True)
class Layout:
    """First byte and one past the last, in order: of record batches, and of all other messages."""

    batches: tuple[tuple[int, int], ...]
    others: tuple[tuple[int, int], ...]


def layout(path: str) -> Layout:
    """Of a remote stream; looked up once if the store marks its content.

    Raises:
        EOFError: It was cut short.
        OSError: It is no stream.
    """
    mark = remote.about(path).mark
    return _once(path, mark) if mark else _layout(path)


@lru_cache(maxsize=1000)
def _once(path: str, mark: str) -> Layout:
    return _layout(path)


def _layout(path: str) -> Layout:
    batches: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    at, end = 0, remote.about(path).size
    with remote.opened(path) as file:
        while at < end:
            kind, stop = _message(file, at)
            if stop == at:
                break
            if stop > end:
                raise EOFError("a record batch is not complete")
            (batches if kind == BATCH else others).append((at, stop))
            at = stop
    return Layout(tuple(batches), tuple(others))


def _message(file: BinaryIO, at: int) -> tuple[int, int]:
    """What the message is, and where it ends: where it starts if it is the mark of the end."""
    file.seek(at)
    (length,) = struct.unpack("<I", _exactly(file, 4))
    if length == CONTINUED:  # the oldest streams end with four bytes, and nothing after them
        (length,) = struct.unpack("<i", _exactly(file, 4))
    if not length:
        return 0, at
    if not 0 < length <= LARGEST:
        raise OSError("it is no Arrow stream")
    head = _exactly(file, length)
    try:
        kind, body = _field(head, KIND, "<B"), _field(head, BODY, "<q")
    except struct.error as error:
        raise OSError("it is no Arrow stream") from error
    if body < 0:
        raise OSError("it is no Arrow stream")
    return kind, file.tell() + body


def _exactly(file: BinaryIO, length: int) -> bytes:
    found = file.read(length)
    if len(found) < length:
        raise EOFError("a message is not complete")
    return found


def _field(head: bytes, number: int, form: str) -> int:
    """A number of the table that a FlatBuffer begins with; 0 if it is left out."""
    table = struct.unpack_from("<I", head, 0)[0]
    names = table - struct.unpack_from("<i", head, table)[0]
    place = 4 + 2 * number
    if names < 0 or place >= struct.unpack_from("<H", head, names)[0]:
        return 0
    offset = struct.unpack_from("<H", head, names + place)[0]
    return struct.unpack_from(form, head, table + offset)[0] if offset else 0


def spliced(data: Any, found: Layout, start: int, stop: int) -> BinaryIO:
    """A stream of some record batches only, after its schema and the dictionaries before them."""
    first = found.batches[start][0]
    before = [span for span in found.others if span[0] < first]
    return io.BufferedReader(_Spliced(data, [*before, (first, found.batches[stop - 1][1])]))


class _Spliced(io.RawIOBase):
    """Some ranges of a file as a file that is read in order."""

    def __init__(self, data: Any, spans: Sequence[tuple[int, int]]) -> None:
        self._data, self._spans, self._done = data, list(spans), 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        view = memoryview(target).cast("B")
        while self._spans:
            start, stop = self._spans[0]
            if start + self._done == stop:
                self._spans.pop(0)
                self._done = 0
                continue
            self._data.seek(start + self._done)
            part = self._data.read(min(len(view), stop - start - self._done))
            view[: len(part)] = part
            self._done += len(part)
            return len(part)
        return 0
