"""What would training on this give? Stand-ins for training."""

from cuvee.contracts import Proxy
from cuvee.core.methods import make as _make

METHODS = {"counts": "cuvee.proxies.counts:Counts"}


def load(name: str, **settings: object) -> Proxy:
    """A proxy by name, or by `"module:Class"`."""
    return _make(METHODS, name, "proxies", **settings)
