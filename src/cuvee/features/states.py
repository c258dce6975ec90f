"""Hidden states of a local model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32
from numpy.random import Generator

from cuvee.core import CuveeError
from cuvee.core.methods import missing

POOLINGS = ("position", "mean", "last")


@dataclass(frozen=True, slots=True)
class States:
    """Hidden states of a language model that lies on this machine, pooled over the tokens.

    Args:
        path: Folder of the model and its tokenizer, as transformers saves them.
        layer: Number of the layer; -1 is the last.
        pooling: "position" weighs token i of n with i, as RDS+ does; or "mean", or "last".
        tokens: Of a document that are looked at.
        batch: Documents at a time.

    Fails when: documents are longer than `tokens`, and differ only later.

    References: Ivison et al., "Large-scale data selection for instruction tuning", 2025,
    https://arxiv.org/abs/2503.01807
    """

    path: str = ""
    layer: int = -1
    pooling: str = "position"
    tokens: int = 256
    batch: int = 16

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise CuveeError(f"states: pooling is one of {', '.join(POOLINGS)}.")
        if self.tokens < 1 or self.batch < 1:
            raise CuveeError("states: tokens and batch must be at least 1.")

    def stamp(self) -> str:
        """What changes when another model is put into the folder."""
        found = sorted(Path(self.path).glob("*")) if self.path else []
        return " ".join(f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in found)

    def fit(self, texts: Sequence[str], *, rng: Generator) -> "StatePoints":
        """Load the model; nothing is learnt.

        Raises:
            CuveeError: No model lies there, or a library is missing.
        """
        if not self.path or not Path(self.path).is_dir():
            raise CuveeError(
                f"states: expected the folder of a saved model, got {self.path!r}: give "
                "states:path=FOLDER."
            )
        try:
            import torch  # noqa: F401
            from transformers import AutoModel, AutoTokenizer
        except ModuleNotFoundError as error:
            raise missing(error) from error
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.path, local_files_only=True)
            model = AutoModel.from_pretrained(self.path, local_files_only=True)
        except (OSError, ValueError) as error:
            said = str(error).strip().partition("\n")[0]
            raise CuveeError(
                f"states: {self.path} holds no model that can be read: {said}"
            ) from error
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        return StatePoints(self, tokenizer, model.eval())


@dataclass(frozen=True, slots=True, eq=False)
class StatePoints:
    """A loaded model; a document without tokens is the origin."""

    settings: States
    tokenizer: Any
    model: Any

    def __call__(self, text: pa.LargeStringArray) -> Float32[np.ndarray, "documents dims"]:
        """Points of length 1."""
        step, size = self.settings.batch, int(self.model.config.hidden_size)
        points = np.zeros((len(text), size), np.float32)
        for start in range(0, len(text), step):
            some = text.slice(start, step).to_pylist()
            points[start : start + len(some)] = self._pooled(some)
        return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)

    def _pooled(self, texts: list[str]) -> np.ndarray:
        import torch

        asked = self.settings
        cut = self.tokenizer(
            texts, truncation=True, max_length=asked.tokens, padding=True, return_tensors="pt"
        )
        mask = cut["attention_mask"].float()
        if not mask.shape[1]:
            return np.zeros((len(texts), int(self.model.config.hidden_size)), np.float32)
        with torch.inference_mode():
            found = self.model(**cut, output_hidden_states=True).hidden_states[asked.layer]
        weight = mask
        if asked.pooling == "position":
            weight = mask * mask.cumsum(1)
        elif asked.pooling == "last":
            weight = mask * (mask.cumsum(1) == mask.sum(1, keepdim=True))
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1)
        return (found.float() * weight[:, :, None]).sum(1).numpy()
