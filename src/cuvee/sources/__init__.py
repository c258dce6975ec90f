"""Where do samples come from?"""

from typing import TYPE_CHECKING

from cuvee.core.methods import load as _load
from cuvee.sources.listed import METHODS
from cuvee.sources.resolve import open_source

if TYPE_CHECKING:
    from cuvee.core.data import Source

__all__ = ["METHODS", "load", "open_source"]


def load(method: str, /, **settings: object) -> "Source":
    """A source by the name of its format, or by `"module:Class"`; `open_source` finds the format.

    Args:
        method: Key of METHODS.
        settings: Fields of the class: name, paths (items, for memory), text.
    """
    return _load(METHODS, method, "sources")(**settings)
