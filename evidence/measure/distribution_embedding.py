"""Is the learned space of laws one in which distance is W2, and its middle the middle?

An embedding of sets of two columns, learned from random mixtures. 100 pairs of Gaussians that it
did not see: distance of codes against W2 in closed form. 100 pairs of mixtures: against W2 of 400
rows each, matched. Middle: of 30 pairs of Gaussians the generator draws 400 rows from the mean of
both codes; how far these are from the W2 interpolant (a Gaussian in closed form), beside how far
its ends are, and beside the equal mixture of both ends, all by matching 400 rows.
"""

import numpy as np
import torch
from numpy.random import Generator, default_rng
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from cuvee.measure.distribution_embedding import DistributionEmbedding
from cuvee.measure.embedded_sets import gaussian, w2
from cuvee.measure.set_networks import RandomLaw, random_law
from cuvee.testing.evidence import Finding

PAIRS, MIDDLES, ROWS = 100, 30, 400


def run() -> Finding:
    torch.set_num_threads(1)
    rng = default_rng(101)
    learned = DistributionEmbedding().learned(2, rng)

    def apart(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.linalg.norm(learned.code(one) - learned.code(other)))

    table = {"gaussian": [], "mixture": []}
    for _ in range(PAIRS):
        pair = [gaussian(2, rng) for _ in "ab"]
        table["gaussian"].append((apart(*(p.draw(ROWS, rng) for p in pair)), w2(*pair)))
        rows = [0.55 * mixture(rng).draw(ROWS, rng) for _ in "ab"]
        table["mixture"].append((apart(*rows), matched(*rows)))
    r = {name: float(np.corrcoef(np.array(t).T)[0, 1]) for name, t in table.items()}
    middles = np.array([middle(learned, rng) for _ in range(MIDDLES)])
    drawn, ends, mixed, least = middles.mean(axis=0)
    return Finding(
        claim="Distances of codes and W2 correlate above 0.95, of Gaussians and of mixtures; what "
        "is drawn from the middle of two codes is nearer to the W2 interpolant than the mixture of "
        "both ends is, and than a third of the ends' distance from it.",
        measured=f"correlation {r['gaussian']:.3f} (mixtures {r['mixture']:.3f}); W2 to the "
        f"interpolant {drawn:.2f} from the middle, {mixed:.2f} of the mixture, {ends:.2f} of the "
        f"ends, {least:.2f} of a sample of its own.",
        holds=bool(min(r.values()) > 0.95 and drawn < mixed and drawn < ends / 3),
        numbers={"correlation": r, "pairs": table, "middles": middles.tolist()},
    )  # fmt: skip


def mixture(rng: Generator) -> RandomLaw:
    return random_law(2, rng, pieces=3, tails=False)


def matched(one: np.ndarray, other: np.ndarray) -> float:
    cost = cdist(one, other, "sqeuclidean")
    return float(np.sqrt(cost[linear_sum_assignment(cost)].mean()))


def middle(learned, rng: Generator) -> tuple[float, float, float, float]:
    """W2 to the interpolant: of the middle's draws, the ends, their mixture, and its own sample."""
    pair = [gaussian(2, rng) for _ in "ab"]
    rows = [law.draw(ROWS, rng) for law in pair]
    code = np.mean([learned.code(one) for one in rows], axis=0)
    a, b = (law.shapes[0] @ law.shapes[0].T for law in pair)
    root = np.real(sqrtm(a))
    away = np.linalg.inv(root)
    way = (np.eye(2) + away @ np.real(sqrtm(root @ b @ root)) @ away) / 2
    spread = np.linalg.cholesky(way @ a @ way)
    place = (pair[0].places[0] + pair[1].places[0]) / 2
    truth, other = (place + rng.standard_normal((ROWS, 2)) @ spread.T for _ in "ab")
    mixed = np.concatenate([one[: ROWS // 2] for one in rows])
    ends = np.mean([matched(one, truth) for one in rows])
    drawn = learned.draw(code, ROWS, rng)
    return matched(drawn, truth), float(ends), matched(mixed, truth), matched(other, truth)
