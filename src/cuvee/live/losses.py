"""Losses of samples, summed by source, over batches and ranks."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, distributed
from torch.nn.functional import cross_entropy, pad

from cuvee.core import CuveeError

UNIT = 2.0**-24
"""Losses are summed in whole units of this: sums are then exact, in any order, on any ranks."""
IGNORED = -100
"""Label of a token that does not count."""


class Tally:
    """Sums of losses and numbers of samples, by source. Reading it waits for the device.

    Args:
        sources: How many.
    """

    def __init__(self, sources: int) -> None:
        self.sources = sources
        self._waiting: dict[torch.device, Tensor] = {}
        self.counts: Int[np.ndarray, "3 sources"] = np.zeros((3, sources), np.int64)

    def add(self, sources: Tensor, losses: Tensor) -> None:
        """The losses of one batch, on all ranks; nothing waits for the device here.

        Raises:
            CuveeError: Not one loss per sample.
        """
        if losses.ndim != 1 or losses.shape != sources.shape:
            raise CuveeError(
                f"expected one loss for each of {sources.numel()} samples, got the shape "
                f"{tuple(losses.shape)}: do not average over the batch (reduction='none'), or see "
                "cuvee.live.sample_losses."
            )
        if sources.device.type == "cpu" and ((sources < 0) | (sources >= self.sources)).any():
            raise CuveeError(
                f"expected sources by number, 0 to {self.sources - 1}, as the batch gives them, "
                f"got {sources.tolist()}."
            )
        values = losses.detach()
        values = (values.cpu() if values.device.type == "mps" else values).double()
        sources = sources.to(values.device, non_blocking=True)
        finite = torch.isfinite(values)
        units = torch.where(finite, values, 0.0).div(UNIT).round().long()
        rows = torch.stack([units, finite.long(), (~finite).long()])
        found = torch.zeros((3, self.sources), dtype=torch.int64, device=values.device)
        self._wait(summed(found.index_add_(1, sources, rows)))

    def add_means(self, means: Sequence[float | None]) -> None:
        """A mean loss for each source, None where there is none, which all ranks know alike."""
        known = np.array([mean is not None for mean in means])
        values = np.array([0.0 if mean is None else float(mean) for mean in means])
        finite = np.isfinite(values)
        units = np.round(np.where(finite, values, 0.0) / UNIT)
        self._wait(torch.from_numpy(np.stack([units, known & finite, ~finite]).astype(np.int64)))

    def _wait(self, rows: Tensor) -> None:
        """Add on the device: however long nobody reads, this takes no more room."""
        before = self._waiting.get(rows.device)
        self._waiting[rows.device] = rows if before is None else before + rows

    @property
    def waiting(self) -> bool:
        """Whether a read would have to wait for a device."""
        return any(device.type != "cpu" for device in self._waiting)

    def read(self) -> tuple[Float[np.ndarray, "sources"], Int[np.ndarray, "sources"]]:
        """Mean losses so far, NaN where there is none, and how many losses were not finite.

        Those are forgotten by this.
        """
        for rows in self._waiting.values():
            self.counts = self.counts + rows.cpu().numpy()
        self._waiting = {}
        units, many, bad = self.counts
        self.counts = np.stack([units, many, np.zeros_like(bad)])
        return np.where(many > 0, units * UNIT / np.maximum(many, 1), np.nan), bad


def token_losses(logits: Tensor, labels: Tensor, *, shift: bool = True) -> tuple[Tensor, Tensor]:
    """Loss of each token of a language model, and which tokens count.

    Args:
        logits: Shape (samples, tokens, vocabulary).
        labels: Shape (samples, tokens); `IGNORED` where nothing is to be forecast.
        shift: Position t forecasts token t + 1, as in a causal model, and not token t.
    """
    # The labels are moved, not the logits cut: those are the large ones.
    wanted = (pad(labels, (0, 1), value=IGNORED)[:, 1:] if shift else labels).to(logits.device)
    flat = logits.flatten(0, 1).float()
    losses = cross_entropy(flat, wanted.flatten(), reduction="none", ignore_index=IGNORED)
    return losses.view_as(wanted), wanted != IGNORED


def sample_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean loss of each sample: of a causal language model, or of a classifier.

    Args:
        logits: Shape (samples, tokens, vocabulary), or (samples, classes).
        labels: Shape (samples, tokens), or (samples).

    Raises:
        CuveeError: Other shapes.
    """
    if logits.ndim == 2 and labels.ndim == 1:
        return cross_entropy(logits.float(), labels.to(logits.device), reduction="none")
    if logits.ndim != 3 or labels.ndim != 2:
        raise CuveeError(
            f"expected logits of shape (samples, tokens, vocabulary) or (samples, classes), got "
            f"{tuple(logits.shape)} with labels {tuple(labels.shape)}: report your own losses."
        )
    losses, counted = token_losses(logits, labels)
    return losses.sum(dim=1) / counted.sum(dim=1).clamp(min=1)


def ranks() -> tuple[int, int]:
    """This rank and how many there are; 0 and 1 without `torch.distributed`."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def summed(rows: Tensor) -> Tensor:
    """The sum over all ranks."""
    if ranks()[1] == 1:
        return rows
    rows = rows.to(_reachable(rows.device))
    distributed.all_reduce(rows)
    return rows


def of_first(values: np.ndarray) -> np.ndarray:
    """What rank 0 says, on every rank."""
    if ranks()[1] == 1:
        return values
    sent = torch.from_numpy(np.ascontiguousarray(values)).to(_reachable(torch.device("cpu")))
    distributed.broadcast(sent, src=0)
    return sent.cpu().numpy()


def _reachable(device: torch.device) -> torch.device:
    """A device that the ranks can talk through."""
    if distributed.get_backend() == "nccl" and device.type == "cpu":
        return torch.device("cuda", torch.cuda.current_device())
    return device
