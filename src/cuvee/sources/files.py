"""Bytes of files, on this machine and remote, and errors that a person can act on.

Readers ask here and never open a path themselves: a path with `://` goes to `core.remote`.
"""

import gzip
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, groupby
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import zstandard

from cuvee.core import remote
from cuvee.core.data import Piece
from cuvee.core.errors import CuveeError
from cuvee.core.remote import is_address
from cuvee.sources.hashed import BLOCK as SMALL
from cuvee.sources.hashed import hash_of, hash_once

BLOCK = 1 << 20
"""Bytes that are read, and text that is handed on, at a time."""
PIECE = 32 << 20
"""Bytes of a piece, where the format allows."""
WINDOW = 1 << 27
"""Largest zstd window, 128 MiB as in the zstd program: what a file may ask for in memory."""
BOMB = 1 << 30
"""Bytes from which on it matters how much a compressed file unpacks to."""
RATIO = 1000
"""Text that repeats itself without end is packed so tightly; all other text much less."""
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
    except MemoryError as error:
        raise CuveeError(
            f"{path}: not enough memory to read it: a record, or what the file says of one, is too "
            "large. Cut such records, fetch the file again, or use a machine with more memory."
        ) from error
    except (OSError, EOFError, UnicodeDecodeError, pa.ArrowException, zlib.error,
            zstandard.ZstdError) as error:  # fmt: skip
        came = (str(error) or type(error).__name__).strip().partition("\n")[0].rstrip(".")
        raise CuveeError(
            f"{path}: expected {expected}, but {came}. "
            "The file is damaged, cut short or of another format: fetch or write it again."
        ) from error


def size(path: str) -> int:
    """Bytes of a file; a compressed one of no bytes is an error, as it was cut short."""
    with reading(path, "a file"):
        # A Path costs more than the call.
        total = remote.about(path).size if is_address(path) else os.stat(path).st_size  # noqa: PTH116
        if not total and is_compressed(path):
            raise EOFError("it holds no bytes at all")
        return total


def unique(paths: Iterable[str]) -> tuple[str, ...]:
    """Paths as they were given, sorted, each file once."""
    ways = sorted(paths, key=lambda p: (-len(p), p))  # the shortest way to write it wins
    by_place = {p if is_address(p) else os.path.abspath(p): p for p in ways}  # noqa: PTH100
    return tuple(sorted(by_place.values()))


def file_name(path: str) -> str:
    """The path, or an address without what a web server is asked beside it."""
    return re.split(r"[?#]", path)[0] if path.startswith(("http://", "https://")) else path


def is_compressed(path: str) -> bool:
    """Whether the name says gzip or zstd."""
    return file_name(path).lower().endswith((".gz", ".zst"))


def is_file(path: str) -> bool:
    """Whether a file that can be read again lies there."""
    if is_address(path):
        found = remote.look(path)
        return found is not None and not found.folder
    return Path(path).is_file()


def is_folder(path: str) -> bool:
    """Whether a folder lies there; on a web server, whether the address ends with a slash."""
    if path.startswith(("http://", "https://")):
        return path.endswith("/")
    if is_address(path):
        found = remote.look(path)
        return found is not None and found.folder
    return os.path.isdir(path)  # noqa: PTH112 - thousands


def joined(folder: str, name: str) -> str:
    """Path of what lies in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_address(folder) else str(Path(folder, name))


def opened(path: str, *, buffering: int = 0) -> BinaryIO:
    """A file to read and to seek in."""
    if is_address(path):
        return remote.opened(path)
    return cast("BinaryIO", Path(path).open("rb", buffering=buffering))


@contextmanager
def by_ranges(path: str, ahead: int = 0) -> Iterator[str | BinaryIO]:
    """A file for libraries that choose what they read: its path, or a remote file, opened.

    Args:
        path: Of the file.
        ahead: Bytes that may be fetched beyond what is asked for.
    """
    if is_address(path):
        with remote.opened(path, ahead) as file:
            yield file
    else:
        yield path


def request(path: str) -> int:
    """Bytes to ask for at a time while a file is read in order."""
    return remote.AHEAD if is_address(path) else BLOCK


def pieces_of(
    work: Callable[[str, str | None], Iterator[Piece]], paths: Sequence[str], text: str | None
) -> tuple[Piece, ...]:
    """Pieces of all files; remote ones are looked at several at a time, and each content once.

    Args:
        work: (file, text column) -> its pieces.
        paths: Files.
        text: Text column.
    """
    if not any(map(is_address, paths)):
        return tuple(piece for path in paths for piece in work(path, text))

    def one(path: str) -> tuple[Piece, ...]:
        mark = remote.about(path).mark if is_address(path) else ""
        return _pieces_once(work, path, text, mark) if mark else tuple(work(path, text))

    with ThreadPoolExecutor(remote.AT_ONCE) as pool:
        return tuple(piece for pieces in pool.map(one, paths) for piece in pieces)


@lru_cache(maxsize=100_000)
def _pieces_once(
    work: Callable[[str, str | None], Iterator[Piece]], path: str, text: str | None, mark: str
) -> tuple[Piece, ...]:
    return tuple(work(path, text))


def starts(paths: Sequence[str], expected: str, most: int) -> Iterator[tuple[str, bytes]]:
    """The first bytes of each of many small files."""
    for away, some in groupby(paths, is_address):
        if away:
            yield from remote.starts(list(some), most)
            continue
        for path in some:
            with reading(path, expected), open(path, "rb") as file:  # noqa: PTH123 - thousands
                start = file.read(most)
            yield path, start


def blocks(path: str) -> Iterator[bytes]:
    """The bytes of a file, decompressed if its name says so; a file cut short is an error."""
    with opened(path, buffering=BLOCK) as file:
        if not is_compressed(path):
            while block := file.read(BLOCK):
                yield block
        elif file_name(path).lower().endswith(".gz"):
            with gzip.open(file) as stream:
                yield from _no_bomb(iter(lambda: stream.read(BLOCK), b""), file)
        else:
            yield from _no_bomb(_unzstd(file), file)


def _no_bomb(data: Iterator[bytes], packed: BinaryIO) -> Iterator[bytes]:
    """The blocks, until they are more than any text unpacks to."""
    total = 0
    for block in data:
        total += len(block)
        if total > BOMB and total > RATIO * packed.tell():
            raise OSError(f"it unpacks to more than {RATIO} times its size, as no text does")
        yield block


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


def sizes(paths: Iterable[str]) -> tuple[int, int]:
    """Bytes of files, and of those among them that are read again when they are hashed again."""
    held = {path: size(path) for path in paths}
    return sum(held.values()), sum(n for p, n in held.items() if n < SMALL and not is_address(p))


def fingerprint(paths: Iterable[str]) -> Mapping[str, str]:
    """Hash of the raw bytes of each file; of a remote one the store's own mark, if it has any."""
    paths = list(paths)
    known = remote.marks([path for path in paths if is_address(path)])
    return {path: known.get(path) or _hash(path) for path in paths}


def _hash(path: str) -> str:
    with reading(path, "a file"), opened(path) as file:
        return hash_of(file) if is_address(path) else hash_once(path, file)
