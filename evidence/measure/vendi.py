"""Does the Vendi score count planted kinds, and do its intervals hold the value of the law?

Kinds: K orthogonal directions with a little noise. Laws: Gaussians of known covariance, whose value
is computed from four million rows.
"""

import numpy as np
from evidence.planted_clouds import covered, gaussian, said
from numpy.random import default_rng

from cuvee.core.clusters import unit
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.vendi import Vendi, renyi
from cuvee.testing.evidence import Finding

CASES = {"4 dims, 100 rows": (4, 100), "16 dims, 400 rows": (16, 400),
         "64 dims, 700 rows": (64, 700)}  # fmt: skip
KINDS = (2, 5, 10, 30)


def run() -> Finding:
    counted = {str(kinds): float(measure(Vendi(), planted(kinds)).mean) for kinds in KINDS}
    cases = {}
    for name, (dims, rows) in CASES.items():
        for decay in (1.0, 0.85):
            sds = decay ** np.arange(dims)
            kind = "even" if decay == 1 else "uneven"
            cases[f"{name}, {kind}"] = covered(Vendi(), gaussian(rows, sds), value(sds))
    off = max(abs(found / int(kinds) - 1) for kinds, found in counted.items())
    parts = [c["covered"] for c in cases.values()]
    return Finding(
        claim="The Vendi score of K orthogonal kinds is K within 5%, and nominal 90% intervals "
        "hold the score of a Gaussian law in 85% of 60 samples or more.",
        measured=f"{counted}; {said(cases)}.",
        holds=bool(off <= 0.05 and min(parts) >= 0.85),
        numbers={"kinds": counted, "cases": cases},
    )


def planted(kinds: int) -> Sample:
    rng = default_rng(kinds)
    rows = np.repeat(np.eye(32)[:kinds], 3000 // kinds, axis=0)
    return Sample.of_points(rows + 0.01 * rng.standard_normal(rows.shape))


def value(sds: np.ndarray) -> float:
    if (sds == sds[0]).all():
        return float(len(sds))
    rng, total = default_rng(1), np.zeros((len(sds), len(sds)))
    for _ in range(40):
        ways = unit(rng.standard_normal((100_000 // len(sds) * 4, len(sds))) * sds)
        total += ways.T.astype(float) @ ways
    return float(np.exp(renyi(np.linalg.eigvalsh(total / np.trace(total)), 1)))
