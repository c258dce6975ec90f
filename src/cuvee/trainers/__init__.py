"""What does a trainer read? The mixture in the form that each training stack expects."""

from typing import TYPE_CHECKING

from cuvee.core.methods import make as _make

if TYPE_CHECKING:
    from cuvee.contracts import Stack

__all__ = ["METHODS", "load"]

METHODS = {
    # the mixed documents, in the stack's own form
    "datasets": "cuvee.trainers.datasets:Datasets",
    "mds": "cuvee.trainers.mds:Mds",
    "litdata": "cuvee.trainers.litdata:Litdata",
    "tokens": "cuvee.trainers.tokens:Tokens",
    "megatron_indexed": "cuvee.trainers.megatron_indexed:MegatronIndexed",
    # a configuration: the stack mixes by itself
    "megatron": "cuvee.trainers.megatron:Megatron",
    "nemo": "cuvee.trainers.nemo:Nemo",
    "energon": "cuvee.trainers.energon:Energon",
    "streaming": "cuvee.trainers.streaming:Streaming",
    "datasets_interleave": "cuvee.trainers.datasets_interleave:DatasetsInterleave",
    "litgpt": "cuvee.trainers.litgpt:Litgpt",
    "llama_factory": "cuvee.trainers.llama_factory:LlamaFactory",
    "olmo_core": "cuvee.trainers.olmo_core:OlmoCore",
    "levanter": "cuvee.trainers.levanter:Levanter",
    "nanotron": "cuvee.trainers.nanotron:Nanotron",
    "open_lm": "cuvee.trainers.open_lm:OpenLm",
    "torch": "cuvee.trainers.torch:Torch",
    "olmix": "cuvee.trainers.olmix:Olmix",
}


def load(name: str, **settings: object) -> "Stack":
    """A stack by name, or by `"module:Class"`; settings may stand in the name."""
    return _make(METHODS, name, "trainers", **settings)
