"""Documents as points: what methods of choice look at."""

from cuvee.contracts import Feature
from cuvee.core.methods import make

METHODS = {
    "lsa": "cuvee.features.lsa:Lsa",
    "states": "cuvee.features.states:States",
}

__all__ = ["METHODS", "load"]


def load(name: str, /, **settings: object) -> Feature:
    """A feature by its name, `name:setting=value` or `module:Class`.

    Args:
        name: Key of METHODS, or a class of your own.
        settings: Fields of the class.
    """
    return make(METHODS, name, "features", **settings)
