"""Bytes of files: blocks, ranges, fingerprints, and errors that a person can act on."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import zstandard

from cuvee.core.data import Piece
from cuvee.core.errors import CuveeError

BLOCK = 1 << 20
"""Bytes that are read, and text that is handed on, at a time."""
PIECE = 32 << 20
"""Bytes of a piece, where the format allows."""
WINDOW = 1 << 27
"""Largest zstd window, 128 MiB as in the zstd program: what a file may ask for in memory."""
BOM = b"\xef\xbb\xbf"


@contextmanager
def reading(path: str, expected: str) -> Iterator[None]:
    """Turns what libraries raise about a file into one line: path, expected, what came, advice."""
    try:
        yield
    except FileNotFoundError as error:
        raise CuveeError(f"{path}: expected {expected}, but there is no such file.") from error
    except PermissionError as error:
        raise CuveeError(f"{path}: may not be read; change its permissions.") from error
    except IsADirectoryError as error:
        raise CuveeError(f"{path}: expected {expected}, but this is a folder.") from error
    except (OSError, EOFError, pa.ArrowException, zlib.error, zstandard.ZstdError) as error:
        came = (str(error) or type(error).__name__).strip().partition("\n")[0].rstrip(".")
        raise CuveeError(
            f"{path}: expected {expected}, but {came}. "
            "The file is damaged, cut short or of another format: fetch or write it again."
        ) from error


def size(path: str) -> int:
    """Bytes of a file; a compressed one of no bytes is an error, as it was cut short."""
    with reading(path, "a file"):
        total = os.stat(path).st_size  # noqa: PTH116 - a Path costs more than the call
        if not total and is_compressed(path):
            raise EOFError("it holds no bytes at all")
        return total


def unique(paths: Iterable[str]) -> tuple[str, ...]:
    """Paths as they were given, sorted, each file once."""
    ways = sorted(paths, key=lambda p: (-len(p), p))  # the shortest way to write it wins
    by_place = {os.path.normpath(Path(p).absolute()): p for p in ways}
    return tuple(sorted(by_place.values()))


def is_compressed(path: str) -> bool:
    """Whether the name says gzip or zstd."""
    return path.lower().endswith((".gz", ".zst"))


def blocks(path: str) -> Iterator[bytes]:
    """The bytes of a file, decompressed if its name says so; a file cut short is an error."""
    with Path(path).open("rb", buffering=BLOCK) as file:
        if not is_compressed(path):
            while block := file.read(BLOCK):
                yield block
        elif path.lower().endswith(".gz"):
            with gzip.open(file) as stream:
                while block := stream.read(BLOCK):
                    yield block
        else:
            yield from _unzstd(file)


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    """Frames one after the other.

    zstandard's stream_reader takes the end of the file for the end of the data, so this feeds
    frames by hand: little at a time, less if it grows much, as 4 kB can become 128 MB.
    """
    context = zstandard.ZstdDecompressor(max_window_size=WINDOW)
    frame, begun, feed = context.decompressobj(), False, 256
    out: list[bytes] = []
    held = 0
    while part := file.read(feed):
        before, size = held, len(part)
        while part:
            out.append(frame.decompress(part))
            held += len(out[-1])
            part, begun = frame.unused_data, not frame.eof
            if frame.eof:
                frame = context.decompressobj()
        feed = max(16, min(4096, 2 * size, BLOCK * size // max(held - before, 1)))
        if held >= BLOCK:
            whole = b"".join(out)
            yield from (whole[i : i + BLOCK] for i in range(0, held, BLOCK))
            out, held = [], 0
    if begun:
        raise EOFError("the last zstd frame is not complete")
    if held:
        yield b"".join(out)


def without_bom(data: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks, less a byte order mark at the very beginning."""
    first = b""
    for block in data:
        first += block
        if len(first) >= len(BOM):
            break
    return chain((first.removeprefix(BOM),), data)


def ranges(path: str) -> tuple[Piece, ...]:
    """Pieces of one file: byte ranges, or the whole file if it is compressed."""
    total = size(path)
    step = total if is_compressed(path) else PIECE
    return tuple(Piece(path, i, min(i + step, total)) for i in range(0, total, step or 1))


def fingerprint(paths: Iterable[str]) -> Mapping[str, str]:
    """Hash of the raw bytes of each file."""
    return {path: _hash(path) for path in paths}


def _hash(path: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with reading(path, "a file"), Path(path).open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return f"blake2b:{digest.hexdigest()}"
