"""The beginning of a file, unpacked, and how much of the file that is."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from cuvee.sources.files import BLOCK, WINDOW, is_compressed

FEED = 4096
"""Packed bytes that are unpacked at a time."""


def beginning(path: str, want: int) -> tuple[bytes, int]:
    """Whole lines of the beginning of a file, unpacked, and the bytes on disk that they took."""
    out, used = b"", 0
    with Path(path).open("rb") as file:
        for part, at in _unpacked(file, path):
            out, used = out + part, at
            if len(out) >= want:
                break
        else:
            return out, used
    end = out.rfind(b"\n") + 1 or len(out)
    return out[:end], round(used * end / len(out))


def _unpacked(file: BinaryIO, path: str) -> Iterator[tuple[bytes, int]]:
    """Parts of the content, and the bytes on disk so far."""
    if not is_compressed(path):
        used = 0
        while part := file.read(BLOCK // 8):
            used += len(part)
            yield part, used
        return
    packed = path.lower().endswith(".zst")
    context = zstandard.ZstdDecompressor(max_window_size=WINDOW)

    def begin() -> Any:
        return context.decompressobj() if packed else zlib.decompressobj(31)

    frame, used = begin(), 0
    while part := file.read(FEED):
        used += len(part)
        while part:
            out = frame.decompress(part)
            part = frame.unused_data
            if frame.eof:
                frame = begin()
            yield out, used - len(part)


def packed(data: bytes, path: str) -> bytes:
    """As the name of a file says."""
    if path.lower().endswith(".zst"):
        return zstandard.ZstdCompressor(level=1).compress(data)
    return gzip.compress(data, 1) if path.lower().endswith(".gz") else data
