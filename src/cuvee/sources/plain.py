"""Plain text: a file is a document, a long one several. Shared by `text` and `folder`."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Protocol

import pyarrow as pa

from cuvee.core.data import Batch, Piece
from cuvee.sources.arrays import array_batches
from cuvee.sources.files import (
    BLOCK,
    BOM,
    PIECE,
    fingerprint,
    is_compressed,
    ranges,
    reading,
    size,
    starts,
)
from cuvee.sources.lines import piece_blocks

EXPECTED = "a text file"
FILES = 1000
"""Files of a piece, at most."""


class Plain(Protocol):
    """What `text` and `folder` share; the functions below are their methods.

    Args:
        paths: Files.
        longest: Bytes of a document; longer files are cut.
    """

    @property
    def paths(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def longest(self) -> int: ...  # noqa: D102


def plain_pieces(plain: Plain) -> tuple[Piece, ...]:
    """Ranges of about 32 MB of large files; runs of at most 1000 small ones.

    A run is `Piece("", first, stop)`, counted in the paths.
    """
    pieces: list[Piece] = []
    first = held = 0
    for i, path in enumerate(plain.paths):
        total = size(path)
        if i > first and (i - first >= FILES or held + total > PIECE):
            pieces.append(Piece("", first, i))
            first, held = i, 0
        held += total
        if total > PIECE:
            pieces.extend(ranges(path))
            first, held = i + 1, 0
    if held:
        pieces.append(Piece("", first, len(plain.paths)))
    return tuple(pieces)


def read_plain(plain: Plain, piece: Piece) -> Iterator[Batch]:
    """The documents of the piece, a megabyte or so at a time; what is no text is rejected."""
    texts: list[bytes] = []
    places: list[str] = []
    held = 0
    for place, text in _documents(plain, piece):
        if texts and held + len(text) > BLOCK:
            yield from array_batches(pa.array(texts, pa.large_binary()), places.__getitem__)
            texts, places, held = [], [], 0
        texts.append(text)
        places.append(place)
        held += len(text)
    if texts:
        yield from array_batches(pa.array(texts, pa.large_binary()), places.__getitem__)


def plain_fingerprint(plain: Plain) -> Mapping[str, str]:
    """Hash of each file."""
    return fingerprint(plain.paths)


def _documents(plain: Plain, piece: Piece) -> Iterator[tuple[str, bytes]]:
    if piece.path:
        yield from _cut(piece, plain.longest)
        return
    paths = plain.paths[piece.start : piece.stop]
    for compressed, some in groupby(paths, is_compressed):
        if compressed:  # read once, from the start: a beginning is of no use
            for path in some:
                yield from _cut(Piece(path, 0, size(path)), plain.longest)
            continue
        for path, whole in starts(list(some), EXPECTED, plain.longest + 1):
            if len(whole) > plain.longest:
                yield from _cut(Piece(path, 0, size(path)), plain.longest)
            elif text := whole.removeprefix(BOM):
                yield path, text


def _cut(piece: Piece, longest: int) -> Iterator[tuple[str, bytes]]:
    """Documents of one range."""
    rest, at, path = b"", piece.start, piece.path
    with reading(path, EXPECTED):
        for block in piece_blocks(piece) if piece.stop else ():
            rest += block
            start = 0
            while len(rest) - start > longest:
                end = _document_end(rest, start, start + longest)
                yield f"{path}:byte {at + start}", rest[start:end]
                start = end
            rest, at = rest[start:], at + start
    if rest:
        yield f"{path}:byte {at}" if at else path, rest


def _document_end(text: bytes, start: int, stop: int) -> int:
    """After a blank line in the second half, else a line, else a space, else a character."""
    middle = (start + stop) // 2
    blank = max(text.rfind(mark, middle, stop) + len(mark) for mark in (b"\n\n", b"\n\r\n"))
    if blank > middle:
        return blank
    end = text.rfind(b"\n", start, stop) + 1 or text.rfind(b" ", start, stop) + 1
    return end or next((i for i in range(stop, stop - 4, -1) if text[i] & 0xC0 != 0x80), stop)
