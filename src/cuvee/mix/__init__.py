"""How much of which source? Baselines first: they are what every method has to beat."""

from cuvee.contracts import Mixer
from cuvee.core.methods import make as _make

METHODS = {
    "uniform": "cuvee.mix.uniform:Uniform",
    "natural": "cuvee.mix.natural:Natural",
    "own_share": "cuvee.mix.own_share:OwnShare",
    "temperature": "cuvee.mix.temperature:Temperature",
    "descent": "cuvee.mix.descent:Descent",
}


def load(name: str, **settings: object) -> Mixer:
    """A mixer by name, or by `"module:Class"`."""
    return _make(METHODS, name, "mix", **settings)
