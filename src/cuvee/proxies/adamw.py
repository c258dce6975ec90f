"""AdamW without the class of the library, whose first use imports a compiler: seconds a process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

BETAS = (0.9, 0.95)
EPSILON = 1e-8
NAMES = ("step", "exp_avg", "exp_avg_sq")
"""What is kept of each parameter, in a file: as the library calls it."""


@dataclass(slots=True, eq=False)
class AdamW:
    """Moments of parameters, and the steps that they take: to the bit those of `torch.optim.AdamW`.

    Args:
        decaying: Parameters that weight decay pulls to zero.
        others: Those that it does not.
        kept: Steps, mean of the gradients and of their squares, of each: the decaying ones first.
    """

    decaying: list[Tensor]
    others: list[Tensor]
    kept: list[tuple[Tensor, Tensor, Tensor]]

    @staticmethod
    def of(parameters: Iterable[Tensor]) -> "AdamW":
        """Before the first step. Matrices decay."""
        every = list(parameters)
        decaying = [p for p in every if p.ndim == 2]
        others = [p for p in every if p.ndim != 2]
        kept = [
            (torch.zeros((), device=p.device), torch.zeros_like(p), torch.zeros_like(p))
            for p in (*decaying, *others)
        ]
        return AdamW(decaying, others, kept)

    @torch.no_grad()
    def step(self, rate: float, decay: float) -> None:
        """Move the parameters that have a gradient, and forget it."""
        first = len(self.decaying)
        groups = (self.decaying, self.kept[:first], decay), (self.others, self.kept[first:], 0.0)
        for parameters, kept, pull in groups:
            moved = [(p, p.grad, *k) for p, k in zip(parameters, kept) if p.grad is not None]
            if moved:
                values, gradients, steps, means, squares = map(list, zip(*moved))
                adamw(
                    values, gradients, means, squares, [], steps, fused=True, amsgrad=False,
                    beta1=BETAS[0], beta2=BETAS[1], lr=rate, weight_decay=pull, eps=EPSILON,
                    maximize=False,
                )  # fmt: skip
            for parameter in parameters:
                parameter.grad = None

    def to_dict(self) -> dict[str, Any]:
        """Laid out as the library does."""
        return {"state": {i: dict(zip(NAMES, kept)) for i, kept in enumerate(self.kept)}}

    def load(self, plain: Mapping[str, Any]) -> None:
        """What `to_dict` gave, or the library; one that took no step has nothing."""
        for i, named in plain["state"].items():
            for mine, name in zip(self.kept[i], NAMES):
                mine.copy_(named[name])
