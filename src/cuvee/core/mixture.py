"""Shares: points on the simplex, and the limits that a user puts on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cuvee.core.errors import CuveeError, unknown

Shares = Float[np.ndarray, "sources"]
Rows = Float[np.ndarray, "*mixtures sources"]
MAX_EPOCHS = 4.0
"""Repeats that are worth almost as much as new text (Muennighoff et al., arXiv 2305.16264)."""
CELLS = 1 << 20
"""Numbers that are held at a time while mixtures are moved within the limits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a user demands of the shares.

    Args:
        max_epochs: How often a source may be repeated; inf for no cap. One number, or by name;
            sources that are not named keep `MAX_EPOCHS`.
        min_share: Floor of every source. One number, or by name.
        fixed: Shares that are decided already, by name.
    """

    max_epochs: float | Mapping[str, float] = MAX_EPOCHS
    min_share: float | Mapping[str, float] = 0.0
    fixed: Mapping[str, float] | None = None

    def box(
        self, sources: Sequence[str], available: np.ndarray, tokens: int
    ) -> tuple[Shares, Shares]:
        """Lowest and highest share of each source for a budget.

        Raises:
            CuveeError: A name or number is wrong, or no mixture can meet the limits.
        """
        epochs, low = self.check(sources)
        with np.errstate(invalid="ignore"):
            most = np.where(np.isinf(epochs), np.inf, epochs * available)
        high = np.minimum(most / tokens, 1.0)
        most_in_all = high.sum()
        for name, share in (self.fixed or {}).items():
            i = list(sources).index(name)
            if share > high[i] + 1e-12:
                raise CuveeError(
                    f"the fixed share of {name!r} ({share:g}) needs more than max_epochs allow: "
                    f"lower it, or raise max_epochs."
                )
            low[i] = high[i] = share
        for i, name in enumerate(sources):
            if low[i] > high[i] + 1e-12:
                raise CuveeError(
                    f"min_share {low[i]:g} of {name!r} needs {low[i] * tokens / available[i]:.3g} "
                    f"epochs of its {available[i]:.0f} tokens, but max_epochs is {epochs[i]:g}."
                )
        if low.sum() > 1 + 1e-9:
            raise CuveeError(
                f"the least shares sum to {low.sum():.4g}, which is more than 1: lower them."
            )
        if high.sum() < 1 - 1e-9 <= most_in_all:
            raise CuveeError(
                f"with the fixed shares, no mixture reaches more than {high.sum():.4g} of the "
                f"budget: raise them, or max_epochs."
            )
        if high.sum() < 1 - 1e-9:
            raise CuveeError(
                f"a budget of {tokens} tokens is beyond the data: with max_epochs the sources "
                f"allow {high.sum() * tokens:.0f}. Lower the budget, add data or raise max_epochs."
            )
        return low, high

    def check(self, sources: Sequence[str]) -> tuple[np.ndarray, Shares]:
        """Epochs allowed and floor of each source; what can be refused without its data, is."""
        epochs = _by_name(self.max_epochs, sources, "max_epochs", default=MAX_EPOCHS)
        low = _by_name(self.min_share, sources, "min_share", default=0.0)
        if not (epochs > 0).all():
            raise CuveeError(f"max_epochs must be above 0, got {epochs.min():g}.")
        if not ((low >= 0) & (low <= 1)).all():
            wrong = low[(low < 0) | (low > 1)][0]
            raise CuveeError(f"min_share must lie between 0 and 1, got {wrong:g}.")
        for name, share in (self.fixed or {}).items():
            if name not in sources:
                raise unknown("source with a fixed share", name, sources)
            if not 0 <= share <= 1:
                raise CuveeError(
                    f"the fixed share of {name!r} must lie between 0 and 1: {share:g}."
                )
            if share < low[list(sources).index(name)]:
                raise CuveeError(f"the fixed share of {name!r} ({share:g}) is below its min_share.")
        return epochs, low


def nearest(shares: Rows, low: Shares, high: Shares) -> Rows:
    """Shares that keep their proportions as far as the limits allow: of one mixture, or of many.

    The result is `clip(scale * shares, low, high)` with the one scale that makes it sum to 1.

    Args:
        shares: Wished for, (sources,) or (mixtures, sources), 0 or more.
        low: Least shares.
        high: Most shares.
    """
    wish = np.maximum(np.asarray(shares, float), 0)
    if wish.ndim == 1:
        return _nearest(wish[None], low, high)[0]
    some = max(1, CELLS // max(3 * wish.shape[1] ** 2, 1))
    parts = [_nearest(wish[i : i + some], low, high) for i in range(0, len(wish), some)]
    return np.concatenate(parts) if parts else wish


def _nearest(
    wish: Float[np.ndarray, "mixtures sources"], low: Shares, high: Shares
) -> Float[np.ndarray, "mixtures sources"]:
    top = wish.max(axis=1, keepdims=True)
    wish = np.where(top > 0, wish / np.where(top > 0, top, 1), high)
    wish = np.where(wish < 1e-12, 0, wish)  # scales of such wishes would overflow
    # Where the wished-for sources run out, the others share the rest.
    short = np.where(wish > 0, high, low).sum(axis=1) < 1
    if short.any():
        wish[short] = wish[short] + 1e-9 * high
    wish /= wish.sum(axis=1, keepdims=True)
    # The sum grows piecewise linearly with the scale, with corners where a share meets a limit.
    corners = np.zeros((len(wish), 1 + 2 * wish.shape[1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(low, wish, out=corners[:, 1 : 1 + wish.shape[1]])
        np.divide(high, wish, out=corners[:, 1 + wish.shape[1] :])
    corners[~np.isfinite(corners)] = 0.0
    corners.sort(axis=1)
    sums = np.clip(corners[:, :, None] * wish[:, None], low, high).sum(axis=2)
    every = np.arange(len(wish))
    at = np.maximum((sums <= 1).sum(axis=1) - 1, 0)
    then = np.minimum(at + 1, corners.shape[1] - 1)
    start, begun = corners[every, at], sums[every, at]
    rise = np.where(then > at, sums[every, then] - begun, 1.0)
    scale = start + (corners[every, then] - start) / rise * (1.0 - begun)
    result = np.clip(scale[:, None] * wish, low, high)
    return result / result.sum(axis=1, keepdims=True)


def check_shares(shares: object, sources: Sequence[str], where: str = "shares") -> Shares:
    """Shares as an array, after checking that they are shares of these sources.

    Rounding is renormalised; anything else that does not sum to 1 is refused.
    """
    if isinstance(shares, Mapping):
        for name in shares:
            if name not in sources:
                raise unknown(f"source in {where}", str(name), sources)
        shares = [shares.get(name, 0.0) for name in sources]
    try:
        array = np.asarray(shares, dtype=float)
    except (TypeError, ValueError):
        raise CuveeError(f"{where}: expected numbers, got {shares!r}.") from None
    if array.shape != (len(sources),):
        raise CuveeError(f"{where}: expected {len(sources)} shares, got {array.size}.")
    for name, share in zip(sources, array):
        if not np.isfinite(share) or share < 0:
            raise CuveeError(f"{where}: the share of {name!r} is {share:g}; expected 0 or more.")
    # Published tables round shares to three decimals, so many sources can miss 1 by a little.
    if abs(array.sum() - 1) > max(1e-3, 6e-4 * len(array)):
        raise CuveeError(f"{where}: shares sum to {array.sum():.4g}, expected 1.")
    return array / array.sum()


def _by_name(
    value: float | Mapping[str, float], sources: Sequence[str], what: str, default: float
) -> np.ndarray:
    if not isinstance(value, Mapping):
        value = dict.fromkeys(sources, value)
    for name in value:
        if name not in sources:
            raise unknown(f"source in {what}", name, sources)
    try:
        array = np.array([float(value.get(name, default)) for name in sources])
    except (TypeError, ValueError):
        raise CuveeError(f"{what} must be a number, or numbers by source, got {value!r}.") from None
    if np.isnan(array).any():
        raise CuveeError(f"{what} must be a number, got nan.")
    return array
