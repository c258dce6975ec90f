"""cuvee turns many data sources into the training set that a budget deserves.

The verbs are loaded when they are first used, so that `import cuvee` stays quick.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cuvee.answer import Blend
    from cuvee.boards import board
    from cuvee.comparison import compare
    from cuvee.core import CuveeError, Estimate
    from cuvee.datasets import open_dataset
    from cuvee.documents.choosing import choose
    from cuvee.documents.decontaminating import decontaminate
    from cuvee.documents.deduplicating import dedup
    from cuvee.documents.describing import attributes
    from cuvee.documents.filtering import filter_documents
    from cuvee.driver import blend, trial
    from cuvee.exporting import export_dataset
    from cuvee.forecasting import predict
    from cuvee.from_runs import blend_runs
    from cuvee.inference import infer
    from cuvee.law_scores import score_laws
    from cuvee.measuring import measure, measure_all, measure_pairs
    from cuvee.planning import plan
    from cuvee.procedures import contrast
    from cuvee.scoring import score

__version__ = "0.1.0"

_VERBS = {
    "Blend": "cuvee.answer",
    "CuveeError": "cuvee.core",
    "Estimate": "cuvee.core",
    "attributes": "cuvee.documents.describing",
    "blend": "cuvee.driver",
    "blend_runs": "cuvee.from_runs",
    "board": "cuvee.boards",
    "choose": "cuvee.documents.choosing",
    "compare": "cuvee.comparison",
    "contrast": "cuvee.procedures",
    "decontaminate": "cuvee.documents.decontaminating",
    "dedup": "cuvee.documents.deduplicating",
    "export_dataset": "cuvee.exporting",
    "filter_documents": "cuvee.documents.filtering",
    "infer": "cuvee.inference",
    "measure": "cuvee.measuring",
    "measure_all": "cuvee.measuring",
    "measure_pairs": "cuvee.measuring",
    "open_dataset": "cuvee.datasets",
    "plan": "cuvee.planning",
    "predict": "cuvee.forecasting",
    "score": "cuvee.scoring",
    "score_laws": "cuvee.law_scores",
    "trial": "cuvee.driver",
}

__all__ = [
    "Blend", "CuveeError", "Estimate", "__version__", "attributes", "blend", "blend_runs", "board",
    "choose", "compare", "contrast", "decontaminate", "dedup", "export_dataset",
    "filter_documents", "infer", "measure", "measure_all", "measure_pairs", "open_dataset", "plan",
    "predict", "score", "score_laws", "trial",
]  # fmt: skip


class _Face(ModuleType):
    """A room may be called like its verb: `cuvee.predict` is the verb, also once the room is there.

    When a submodule is loaded, the import system sets it as an attribute of its package.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _VERBS and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module 'cuvee' has no attribute {name!r}")
    return getattr(import_module(_VERBS[name]), name)


def __dir__() -> list[str]:
    return __all__
