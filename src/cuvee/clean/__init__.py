"""Which documents, or passages of them, stand more than once?"""

from cuvee.core.copies import Deduper
from cuvee.core.methods import make

METHODS = {
    "exact": "cuvee.clean.exact:Exact",
    "minhash": "cuvee.clean.minhash:Minhash",
    "spans": "cuvee.clean.spans:Spans",
}

__all__ = ["METHODS", "load"]


def load(name: str, /, **settings: object) -> Deduper:
    """A method by its name, `name:setting=value` or `module:Class`.

    Args:
        name: Key of METHODS, or a class of your own.
        settings: Fields of the class.
    """
    return make(METHODS, name, "clean", **settings)
