"""Where losses were measured, or are asked for: shares, tokens and size of model."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from cuvee.core.mixture import Shares


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Mixtures, each trained for a number of tokens with a model of some size.

    Args:
        shares: Of the tokens.
        tokens: Trained on.
        params: Parameters of the model; NaN where not stated.
    """

    shares: Float[np.ndarray, "points sources"]
    tokens: Float[np.ndarray, "points"]
    params: Float[np.ndarray, "points"]

    @staticmethod
    def at(
        shares: Float[np.ndarray, "points sources"] | Shares,
        tokens: float | np.ndarray,
        params: float | np.ndarray = np.nan,
    ) -> "Points":
        """Several mixtures at one scale, or one scale each."""
        rows = np.atleast_2d(np.asarray(shares, dtype=float))
        n = len(rows)
        return Points(
            rows,
            np.broadcast_to(np.asarray(tokens, dtype=float), n),
            np.broadcast_to(np.asarray(params, dtype=float), n),
        )

    def __len__(self) -> int:
        return len(self.shares)

    def __getitem__(self, rows: np.ndarray | slice) -> "Points":
        return Points(self.shares[rows], self.tokens[rows], self.params[rows])

    def scales(self) -> Int[np.ndarray, "points"]:
        """Number of each point's (params, tokens): points of one number can be ranked."""
        # Tokens of a chain are a sum, so they are compared up to rounding.
        both = np.log(np.stack([np.nan_to_num(self.params, nan=1.0), self.tokens], axis=1))
        both = np.round(np.nan_to_num(both, nan=-1.0), 9)
        return np.unique(both, axis=0, return_inverse=True)[1].ravel()
