"""What is known of each document?

A method looks at texts and returns columns, a row for each text. One with `learns = True` is fitted
to a reference first; `prepare` does so where it is needed.
"""

from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from cuvee.core.errors import CuveeError
from cuvee.core.methods import make

if TYPE_CHECKING:
    import pyarrow as pa

METHODS = {
    "gopher": "cuvee.attributes.gopher:Gopher",
    "compression": "cuvee.attributes.compression:Compression",
    "perplexity": "cuvee.attributes.perplexity:Perplexity",
    "language": "cuvee.attributes.language:Language",
    "overlap": "cuvee.attributes.overlap:Overlap",
}

__all__ = ["METHODS", "Attribute", "Learned", "Scorer", "load", "prepare"]


class Scorer(Protocol):
    """Says something of each text."""

    def score(self, text: "pa.LargeStringArray") -> "pa.Table":
        """A row for each text, in order; what cannot be known of one is null.

        What is said of a text depends on this text alone.
        """
        ...


class Attribute(Protocol):
    """Settings of a scorer; one that learns nothing is the scorer."""

    learns: ClassVar[str]
    """What it is fitted to: "sample" (of the source itself, if no reference is given), "reference"
    (which must be given), or "" for nothing."""

    def columns(self) -> tuple[str, ...]:
        """Names of the columns, each of which begins with the method's name."""
        ...


@runtime_checkable
class Learned(Attribute, Protocol):
    """Settings of a scorer that has to be fitted."""

    def fit(self, reference: "pa.LargeStringArray") -> Scorer:
        """The scorer.

        Raises:
            CuveeError: There is too little in the reference.
        """
        ...


def load(name: str, /, **settings: object) -> Attribute:
    """A method by its name, `name:setting=value` or `module:Class`.

    Args:
        name: Key of METHODS, or a class of your own.
        settings: Fields of the class.
    """
    return make(METHODS, name, "attributes", **settings)


def prepare(method: Attribute, reference: "pa.LargeStringArray | None" = None) -> Scorer:
    """The scorer of a method, fitted if it has to be.

    Raises:
        CuveeError: It learns, and there is nothing to learn from.
    """
    if not method.learns:
        return method  # type: ignore[return-value]
    if reference is None or not len(reference):
        raise CuveeError("this attribute learns from a reference, and there is no text in it.")
    return method.fit(reference)  # type: ignore[attr-defined]
