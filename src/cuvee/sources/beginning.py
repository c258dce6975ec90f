"""The beginning of a file, unpacked, and how much of the file that is."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from cuvee.sources.files import BLOCK, WINDOW, file_name, is_compressed, opened, reading

FEED = 4096
"""Packed bytes that are unpacked at a time."""


def shortened(path: str, want: int, folder: Path, name: str) -> tuple[Path, int]:
    """A small file of the same kind, in a folder, and how many bytes of the large one it is.

    Args:
        path: Of the large file.
        want: Bytes of its content, unpacked.
        folder: Where other small files may be.
        name: Of whoever wants it: two get two files.

    Raises:
        CuveeError: The file cannot be read.
    """
    with reading(path, "a file of text"):
        begin, used = _beginning(path, want)
    own = hashlib.blake2b(f"{name}\n{path}".encode(), digest_size=8).hexdigest()
    short = folder / f"{own}-{Path(file_name(path)).name}"
    short.write_bytes(_packed(begin, path))
    return short, used


def _beginning(path: str, want: int) -> tuple[bytes, int]:
    """Whole lines of the beginning of a file, unpacked, and the bytes on disk that they took."""
    parts: list[bytes] = []
    held = used = 0
    with opened(path, buffering=BLOCK) as file:
        for part, at in _unpacked(file, path):
            parts.append(part)
            held, used = held + len(part), at
            if held >= want:
                break
        else:
            return b"".join(parts), used
    out = b"".join(parts)
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
    packed = file_name(path).lower().endswith(".zst")
    context = zstandard.ZstdDecompressor(max_window_size=WINDOW)

    def begin() -> Any:
        return context.decompressobj() if packed else zlib.decompressobj(31)

    frame, used, between = begin(), 0, False
    while part := file.read(FEED):
        used += len(part)
        while part:
            if between and not packed and not (part := part.lstrip(b"\0")):
                break  # zeros that fill up what follows a gzip member are passed over
            out = frame.decompress(part)
            part, between = frame.unused_data, frame.eof
            if between:
                frame = begin()
            yield out, used - len(part)


def _packed(data: bytes, path: str) -> bytes:
    """As the name of a file says."""
    path = file_name(path).lower()
    if path.endswith(".zst"):
        return zstandard.ZstdCompressor(level=1).compress(data)
    return gzip.compress(data, 1) if path.endswith(".gz") else data
