"""One law behind several mixers, each with its own matrix, and how true each one is.

Within a round the losses fall linearly in the shares,

    L_i(t + 1) = L_i(t) - sum_j A_ij p_j,

and a method is a choice of A at step t: data mixing laws take the slope of a static exponential,
Skill-It a graph times the losses, DoReMi the excess losses on the diagonal, DoGE products of
gradients, Aioli what it measures. The mixers of those names take their matrices and their update
from here. How far a choice is from the truth, the falls that really come of training on each source
alone, says whether its method can be right.

References: Chen et al., "Aioli: A Unified Optimization Framework for Language Model Data Mixing",
arXiv 2411.05735, 2024 (linear mixing optimisation; similarity of matrices).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cuvee.core import CuveeError, Shares

Matrix = Float[np.ndarray, "targets sources"]
"""Fall of each target's loss for a round on each source alone."""
NOTHING = 1e-300


def measured(
    mixtures: Float[np.ndarray, "n sources"], falls: Float[np.ndarray, "n targets"]
) -> Matrix:
    """The matrix that fits best how far the losses fell in rounds on several mixtures.

    With each source alone these are finite differences; with smoothed ones a linear system.
    """
    if np.linalg.matrix_rank(mixtures) < mixtures.shape[1]:
        raise CuveeError(
            f"{len(mixtures)} mixtures do not tell {mixtures.shape[1]} sources apart: try each "
            "source mostly alone."
        )
    return np.linalg.lstsq(mixtures, falls, rcond=None)[0].T


def mixing_law(
    scale: Float[np.ndarray, "targets"], exponents: Matrix, shares: Shares, part: float = 1.0
) -> Matrix:
    """Of the static law `L_i = c_i + b_i exp(-sum_j t_ij p_j)`: minus its slope at some shares.

    Args:
        scale: b.
        exponents: t, positive where a source helps.
        shares: Of all that was seen so far.
        part: That a round makes up of all that is seen when it ends.
    """
    return part * (scale * np.exp(-exponents @ shares))[:, None] * exponents


def skill_it(graph: Matrix, losses: Float[np.ndarray, "targets"]) -> Matrix:
    """The parts by which sources lower losses, of the losses as they are now."""
    return graph * losses[:, None]


def doremi(excess: Float[np.ndarray, "sources"]) -> Matrix:
    """What each source's own text lags behind the reference, and nothing between sources."""
    return np.diag(np.maximum(excess, 0))


def doge(gradient: Matrix) -> Matrix:
    """Products of gradients: minus the derivatives of the losses with respect to the shares."""
    return -gradient


def next_shares(shares: Shares, matrix: Matrix, eta: float) -> Shares:
    """The update that all these methods share: `p_j ~ p_j exp(eta sum_i A_ij)`."""
    with np.errstate(divide="ignore"):
        return softmax(np.log(shares) + eta * matrix.sum(axis=0))


def softmax(scores: Float[np.ndarray, "sources"]) -> Shares:
    """exp, normalised."""
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How near a method's matrix is to the true one.

    Shares sum to 1, so a number added to a whole row moves no decision, and a static law cannot
    know it: all but `error` compare the rows less their means.

    Args:
        similarity: Mean of correlation and rank correlation of the column sums, which is all that
            the update looks at; 1 is the same up to scale.
        cosine: Of all entries.
        error: Root mean square difference over root mean square of the true entries, rows as they
            are.
        scaled_error: The same less the rows' means, after the best common factor.
        explained: R squared of the forecast falls over mixtures, all targets together, after that
            factor and an offset for each target; negative: worse than the mean.
    """

    similarity: float
    cosine: float
    error: float
    scaled_error: float
    explained: float


def fidelity(
    matrix: Matrix,
    true: Matrix,
    shares: Float[np.ndarray, "n sources"],
    falls: Float[np.ndarray, "n targets"],
) -> Fidelity:
    """Compare a matrix with the true one, and its forecasts with what rounds on mixtures gave.

    Args:
        matrix: The method's.
        true: By finite differences.
        shares: Of rounds that were run from the same start.
        falls: Of the losses in those rounds.
    """
    ours, theirs = (m - m.mean(axis=1, keepdims=True) for m in (matrix, true))
    columns, wanted = ours.sum(axis=0), theirs.sum(axis=0)
    factor = float((ours * theirs).sum() / max((ours**2).sum(), NOTHING))
    predicted, centered = (x - x.mean(axis=0) for x in (factor * shares @ ours.T, falls))
    left = ((predicted - centered) ** 2).sum()
    return Fidelity(
        similarity=(_cosine(columns, wanted) + _ranks(columns, wanted)) / 2,
        cosine=_cosine(ours.ravel(), theirs.ravel()),
        error=float(np.linalg.norm(matrix - true) / np.linalg.norm(true)),
        scaled_error=float(np.linalg.norm(factor * ours - theirs) / np.linalg.norm(theirs)),
        explained=float(1 - left / (centered**2).sum()),
    )


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), NOTHING))


def _ranks(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation; 0 where one of them says nothing."""
    from scipy.stats import rankdata  # half a second to import

    x, y = (rankdata(v) - (len(v) + 1) / 2 for v in (a, b))
    return _cosine(x, y)
