"""Lines of files: those that start within a range of bytes, in lists, fast."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

from cuvee.core import remote
from cuvee.core.data import Piece
from cuvee.core.remote import is_address
from cuvee.sources.files import BLOCK, PIECE, blocks, is_compressed, opened, without_bom

LONGEST = 1 << 28
"""Bytes of a line, which has to be held several times; a longer one stops the reading."""
COUNTED = 1 << 28
"""Places further into a file than these bytes are told as bytes; counting lines costs a read."""


def piece_blocks(piece: Piece) -> Iterator[bytes]:
    """Bytes of the lines that start in a piece; the whole file if it is compressed."""
    data = blocks(piece.path) if is_compressed(piece.path) else _range(piece)
    return data if piece.start else without_bom(data)


def _range(piece: Piece) -> Iterator[bytes]:
    with opened(piece.path) as file:
        at = 0
        if piece.start:  # the line that is under way belongs to the piece before
            at = file.seek(piece.start - 1)
            while (end := (block := file.read(min(BLOCK, piece.stop - at))).find(b"\n")) < 0:
                at += len(block)
                if not block or at >= piece.stop:
                    return
            at += end + 1
            file.seek(at)
        if at >= piece.stop:
            return
        while block := file.read(BLOCK):
            if at + len(block) >= piece.stop:
                end = block.find(b"\n", max(piece.stop - 1 - at, 0))
                if end >= 0:
                    yield block[: end + 1]
                    return
            yield block
            at += len(block)


def split_lines(data: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lines without their line end, a list for each block that ends at least one."""
    rest: list[bytes] = []  # joined once: a line may be longer than many blocks
    held = 0
    for block in data:
        end = block.rfind(b"\n")
        if end < 0:
            rest.append(block)
            held += len(block)
            if held > LONGEST:
                raise OSError(f"a line in it is longer than {LONGEST >> 20} MiB")
            continue
        rest.append(block[:end])
        whole = b"".join(rest)
        rest, held = [block[end + 1 :]], 0
        yield whole.split(b"\n")
    if last := b"".join(rest):
        yield [last]


def line_place(piece: Piece, line: int) -> str:
    """Where a line stands in its file, counted from 1.

    Args:
        piece: Its piece.
        line: Its number in the piece, counted from 0.
    """
    if not piece.start or is_compressed(piece.path):
        return f"{piece.path}:{line + 1}"
    if piece.start > COUNTED:
        return f"{piece.path}:{line + 1} lines after byte {piece.start}"
    return f"{piece.path}:{line_ends(piece.path, piece.start - 1) + line + 2}"


def line_ends(path: str, stop: int) -> int:
    """Line ends in the first bytes of a file."""
    mark = remote.about(path).mark if is_address(path) else ""
    if not mark:
        return _counted(path, 0, stop)
    cuts = [0, *range(PIECE - 1, stop, PIECE), stop]  # pieces are asked for one byte earlier
    return sum(_counted_once(path, a, b, mark) for a, b in pairwise(cuts))


@lru_cache(maxsize=10_000)
def _counted_once(path: str, start: int, stop: int, mark: str) -> int:
    """The same for a remote file, which is dear to read again."""
    return _counted(path, start, stop)


def _counted(path: str, start: int, stop: int) -> int:
    """Line ends in a range of bytes."""
    found = 0
    with opened(path) as file:
        file.seek(start)
        while start < stop and (block := file.read(min(BLOCK, stop - start))):
            found += block.count(b"\n")
            start += len(block)
    return found
