"""What would training on this give? Stand-ins for training."""

from cuvee.contracts import Proxy
from cuvee.core.data import Data
from cuvee.core.errors import CuveeError
from cuvee.core.methods import make as _make
from cuvee.core.rows import ROWS

METHODS = {
    "counts": "cuvee.proxies.counts:Counts",
    "transformer": "cuvee.proxies.transformer:Transformer",
    "linear": "cuvee.proxies.linear:Linear",
    "boosting": "cuvee.proxies.boosting:Boosting",
    "neighbours": "cuvee.proxies.neighbours:Neighbours",
}


def load(name: str, **settings: object) -> Proxy:
    """A proxy by name, or by `"module:Class"`."""
    return _make(METHODS, name, "proxies", **settings)


def reads(proxy: Proxy) -> str:
    """What a proxy trains on: "text", unless it says "rows"."""
    return getattr(proxy, "reads", "text")


def check_reads(proxy: Proxy, data: Data) -> None:
    """Refuse rows of tables for a proxy that reads text; proxies for rows refuse text themselves.

    Raises:
        CuveeError: They do not fit.
    """
    if data.units.name == ROWS and reads(proxy) != ROWS:
        raise CuveeError(
            f"the proxy {type(proxy).__name__.lower()!r} reads text, and these sources hold rows "
            "of numbers: take --proxy linear, boosting or neighbours."
        )
