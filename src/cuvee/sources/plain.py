"""Plain text: a file is a document, a long file several. Shared by `text` and `folder`."""

from collections.abc import Iterator

import pyarrow as pa

from cuvee.core.data import Batch, Piece
from cuvee.sources.arrays import array_batches
from cuvee.sources.files import BLOCK, BOM, PIECE, is_compressed, ranges, reading, size
from cuvee.sources.lines import piece_blocks

EXPECTED = "a text file"
LONGEST = BLOCK
"""Bytes of a document; longer files are cut."""
FILES = 1000
"""Files of a piece, at most."""


def plain_pieces(paths: tuple[str, ...]) -> tuple[Piece, ...]:
    """Ranges of bytes of large files; small ones together, as `Piece("", first, stop)`.

    Args:
        paths: Files; `first` and `stop` count in this tuple.
    """
    pieces: list[Piece] = []
    first = held = 0
    for i, path in enumerate(paths):
        total = size(path)
        if i > first and (i - first >= FILES or held + total > PIECE):
            pieces.append(Piece("", first, i))
            first, held = i, 0
        held += total
        if total > PIECE:
            pieces.extend(ranges(path))
            first, held = i + 1, 0
    if held:
        pieces.append(Piece("", first, len(paths)))
    return tuple(pieces)


def read_plain(paths: tuple[str, ...], piece: Piece) -> Iterator[Batch]:
    """Documents of a piece, a megabyte or so at a time."""
    texts: list[bytes] = []
    places: list[str] = []
    held = 0
    for place, text in _documents(paths, piece):
        if texts and held + len(text) > BLOCK:
            yield from array_batches(pa.array(texts, pa.large_binary()), places.__getitem__)
            texts, places, held = [], [], 0
        texts.append(text)
        places.append(place)
        held += len(text)
    if texts:
        yield from array_batches(pa.array(texts, pa.large_binary()), places.__getitem__)


def _documents(paths: tuple[str, ...], piece: Piece) -> Iterator[tuple[str, bytes]]:
    if piece.path:
        yield from _cut(piece)
        return
    for path in paths[piece.start : piece.stop]:
        if is_compressed(path):
            yield from _cut(Piece(path, 0, size(path)))
            continue
        with reading(path, EXPECTED), open(path, "rb") as file:  # noqa: PTH123 - thousands of them
            whole = file.read(LONGEST + 1)
        if len(whole) > LONGEST:
            yield from _cut(Piece(path, 0, size(path)))
        elif text := whole.removeprefix(BOM):
            yield path, text


def _cut(piece: Piece) -> Iterator[tuple[str, bytes]]:
    """Documents of one range: cut at the last line end, else space, else between characters."""
    rest, at, path = b"", piece.start, piece.path
    with reading(path, EXPECTED):
        for block in piece_blocks(piece) if piece.stop else ():
            rest += block
            while len(rest) > LONGEST:
                end = rest.rfind(b"\n", 0, LONGEST) + 1 or rest.rfind(b" ", 0, LONGEST) + 1
                end = end or _character_end(rest)
                yield f"{path}:byte {at}", rest[:end]
                rest, at = rest[end:], at + end
    if rest:
        yield f"{path}:byte {at}" if at else path, rest


def _character_end(text: bytes) -> int:
    return next((i for i in range(LONGEST, LONGEST - 4, -1) if text[i] & 0xC0 != 0x80), LONGEST)
