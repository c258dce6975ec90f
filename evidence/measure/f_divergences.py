"""Do the intervals of divergences cover closed forms, and what of those by densities?"""

import numpy as np
from evidence.covering import between, covered, normal, shares

from cuvee.testing.evidence import Finding

FIRST = 2 * 10**6
"""Seeds that nothing was chosen by."""


def run() -> Finding:
    wide = 1.3
    kl = np.log(wide) + 1 / (2 * wide**2) - 0.5
    far = 0.7
    planted, others = {}, {}
    for by, seeds in (("gaussian", 100), ("classifier", 30)):
        for dims, rows in ((3, 300), (3, 1000)):
            planted[f"kl by {by}, wider, {dims} columns, {rows} rows"] = covered(
                "kl",
                normal(dims),
                normal(dims, wide),
                dims * kl,
                count=rows,
                by=by,
                seeds=seeds,
                first=FIRST,
            )
            planted[f"kl by {by}, shift, {dims} columns, {rows} rows"] = covered(
                "kl", normal(dims), normal(dims, 1.0, far / np.sqrt(dims)), far**2 / 2, count=rows,
                by=by, seeds=seeds, first=FIRST)  # fmt: skip
    shift = normal(2, 1.0, far / np.sqrt(2)), normal(2)
    for name, truth in (("chi_squared", np.expm1(far**2)),
                        ("alpha", 4 * (1 - np.exp(-(far**2) / 8)))):  # fmt: skip
        planted[f"{name} by gaussian, shift, 2 columns, 500 rows"] = covered(
            name, *shift, truth, count=500, by="gaussian", first=FIRST
        )
    for by in ("kde", "neighbours"):
        others[by] = covered("kl", *shift, far**2 / 2, count=500, by=by, seeds=20)
    none = {by: covered("kl", normal(4), normal(4), 0.0, count=400, by=by, seeds=40)
            for by in ("gaussian", "classifier")}  # fmt: skip
    return Finding(
        claim="Nominal 90% intervals cover 85-95% of the closed forms for normal laws, by the "
        "classifier and by Gaussian densities, and 0 for one law in at least 85%.",
        measured=f"Covered: {shares(planted)}; cover 0: {shares(none)}; by kernels and neighbours "
        f"(no claim): {shares(others)}.",
        holds=between(planted, 0.85, 0.95) and between(none, 0.85),
        numbers={"planted": planted, "one law": none, "others": others},
    )
