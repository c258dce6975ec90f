"""cuvee turns many data sources into the training set that a budget deserves.

The verbs are loaded when they are first used, so that `import cuvee` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cuvee.answer import Blend
    from cuvee.comparison import compare
    from cuvee.core import CuveeError, Estimate
    from cuvee.driver import blend, trial
    from cuvee.from_runs import blend_runs
    from cuvee.inference import infer
    from cuvee.scoring import score

__version__ = "0.1.0"

_VERBS = {
    "Blend": "cuvee.answer",
    "CuveeError": "cuvee.core",
    "Estimate": "cuvee.core",
    "blend": "cuvee.driver",
    "blend_runs": "cuvee.from_runs",
    "compare": "cuvee.comparison",
    "infer": "cuvee.inference",
    "score": "cuvee.scoring",
    "trial": "cuvee.driver",
}

__all__ = [
    "Blend", "CuveeError", "Estimate", "__version__", "blend", "blend_runs", "compare",
    "infer", "score", "trial",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module 'cuvee' has no attribute {name!r}")
    return getattr(import_module(_VERBS[name]), name)


def __dir__() -> list[str]:
    return __all__
