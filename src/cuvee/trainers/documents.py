"""The mixed documents, one by one or some at a time, and files of about one size."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("id", "text", "source", "tokens")
MOST = 2**32 - 2**16
"""Bytes of a file whose offsets have 32 bits, its head left out."""


class Sized(Protocol):
    """Whatever has a length."""

    def __len__(self) -> int: ...


Item = TypeVar("Item", bound=Sized)


class Document(NamedTuple):
    """A document of the mixture."""

    id: str
    text: str
    source: str
    tokens: int


def tables(dataset: Dataset, rows: int) -> "Iterator[pa.Table]":
    """The documents, so many at a time however they come; the last time fewer.

    Raises:
        CuveeError: They are not as many as were drawn, or none.
    """
    import pyarrow as pa

    found, left = 0, None
    for table in dataset.tables():
        wanted = table.select(COLUMNS)
        left = wanted if left is None else pa.concat_tables([left, wanted])
        found += len(wanted)
        whole = len(left) - len(left) % rows
        for start in range(0, whole, rows):
            yield left.slice(start, rows)
        left = left.slice(whole)
    if found != dataset.documents:
        raise CuveeError(
            f"expected the {dataset.documents} documents that were drawn, read {found}: "
            f"the dataset changed, write it again."
        )
    if not found:
        raise CuveeError("the dataset holds no documents: expected at least one.")
    if left is not None and len(left):
        yield left


def documents(dataset: Dataset) -> Iterator[Document]:
    """The documents, in order."""
    for table in tables(dataset, 1000):
        columns = [table[name].to_pylist() for name in COLUMNS]
        for row in zip(*columns):
            yield Document(*row)


def runs(items: Iterable[Item], size: int, each: int = 0) -> Iterator[list[Item]]:
    """Items in order, in runs whose lengths sum to at most `size`; a longer item is alone.

    Args:
        items: Have a length.
        size: Of a run.
        each: What an item takes beside its length.
    """
    run: list[Item] = []
    total = 0
    for item in items:
        length = len(item) + each
        if run and total + length > size:
            yield run
            run, total = [], 0
        run.append(item)
        total += length
    if run:
        yield run


def check_size(stack: str, size: int) -> None:
    """Refuse sizes of a file that are tiny, or beyond offsets of 32 bits."""
    if not 1024 <= size <= MOST:
        raise CuveeError(f"{stack}: size must lie in 1024..{MOST} bytes, got {size}.")


def check_long(stack: str, length: int) -> None:
    """Refuse a document that no file of the stack can hold."""
    if length > MOST:
        raise CuveeError(f"{stack} holds documents of at most 4 GiB, one has {length} bytes.")
