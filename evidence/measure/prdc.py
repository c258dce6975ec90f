"""Does coverage fall with what is left out of a reference, and precision with what is wrong?

The reference has ten modes of 100 rows; samples of the same size hold fewer of them, or a share of
rows from elsewhere.
"""

import numpy as np
from numpy.random import Generator, default_rng
from scipy.stats import pearsonr

from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.prdc import BY, Prdc
from cuvee.testing.evidence import Finding

ROWS, DIMS, MODES = 1000, 8, 10
PLACES = default_rng(9).standard_normal((MODES, DIMS)) * 5


def run() -> Finding:
    reference = Sample.of_points(modes(MODES, default_rng(1)))
    kept = (1, 3, 5, 7, 10)
    left_out = {by: [number(by, modes(k, default_rng([2, k])), reference) for k in kept]
                for by in BY}  # fmt: skip
    wrong = (0.0, 0.25, 0.5, 0.75)
    off = {by: [number(by, strange(part), reference) for part in wrong] for by in BY}
    r = {by: float(pearsonr(left_out[by], kept).statistic) for by in ("coverage", "recall")}
    s = {by: float(pearsonr(off[by], wrong).statistic) for by in ("precision", "density")}
    return Finding(
        claim="Coverage and recall follow the share of modes that a sample holds (r > 0.95), "
        "precision and density the share of rows that belong to none (r < -0.95), and precision "
        "does not fall where modes are left out.",
        measured=f"modes held {kept}: coverage " + ", ".join(f"{v:.2f}" for v in
                                                             left_out["coverage"])
        + "; precision " + ", ".join(f"{v:.2f}" for v in left_out["precision"])
        + f". Strange rows {wrong}: precision " + ", ".join(f"{v:.2f}" for v in off["precision"])
        + f". r: {r | s}.",
        holds=bool(min(r.values()) > 0.95 and max(s.values()) < -0.95
                   and min(left_out["precision"]) > 0.8),
        numbers={"left_out": left_out, "strange": off, "r": r | s},
    )  # fmt: skip


def modes(kept: int, rng: Generator) -> np.ndarray:
    return PLACES[rng.integers(kept, size=ROWS)] + rng.standard_normal((ROWS, DIMS))


def strange(part: float) -> np.ndarray:
    rng = default_rng([3, int(100 * part)])
    rows = modes(MODES, rng)
    rows[: int(part * ROWS)] += 40
    return rows


def number(by: str, rows: np.ndarray, reference: Sample) -> float:
    return float(measure(Prdc(by=by), Sample.of_points(rows), reference).mean)
