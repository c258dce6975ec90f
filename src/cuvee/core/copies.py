"""What stands more than once: documents, passages, and which of them stays."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

import numpy as np
from jaxtyping import Bool, Float32, Int64

if TYPE_CHECKING:
    import pyarrow as pa

Result = TypeVar("Result")


class Texts(Protocol):
    """All documents, numbered in the order in which they come; they can be gone through again."""

    def __call__(
        self, job: "Callable[[pa.LargeStringArray], Result]", *, label: str
    ) -> Iterator[Result]:
        """Results of `job` on some documents at a time, in order, whatever the workers.

        Args:
            job: What is done to some documents, about a megabyte of text.
            label: Of this pass, for whoever watches.
        """
        ...


class Deduper(Protocol):
    """Finds what stands more than once."""

    finds: ClassVar[str]
    """"copies" (of whole documents), "near" (documents with few changes) or "passages"."""

    def find(self, texts: Texts) -> "Found":
        """Which documents, or passages of them, repeat others.

        What stays is decided by content alone, so that the order of the documents does not matter:
        the same texts stay. Of equal documents it is the first.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Passages that stand elsewhere, too, where they stay.

    Args:
        documents: Number of the document of each, rising.
        starts: First byte of each within its document's UTF-8 text, rising within a document.
        stops: One past the last.
        of: Number of the document in which the passage, or its beginning, stays.
    """

    documents: Int64[np.ndarray, "passages"]
    starts: Int64[np.ndarray, "passages"]
    stops: Int64[np.ndarray, "passages"]
    of: Int64[np.ndarray, "passages"]

    def __len__(self) -> int:
        return len(self.documents)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What stands more than once among some documents.

    Args:
        canonical: Number of the document that stays in the place of each; its own if it stays.
        similarity: Of each to that document: 1 is equal; NaN where it was not measured.
        cuts: Passages to be cut out of documents that stay; None if only documents are compared.
        notes: What to know, in sentences.
    """

    canonical: Int64[np.ndarray, "documents"]
    similarity: Float32[np.ndarray, "documents"]
    cuts: Cuts | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.canonical)

    @property
    def kept(self) -> Bool[np.ndarray, "documents"]:
        """Which documents stay."""
        return self.canonical == np.arange(len(self))
