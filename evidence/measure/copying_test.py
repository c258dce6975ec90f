"""Is the copying test normal where nothing is copied, and does it see a generator that memorises?

Gaussian rows in 4 dimensions, 1,000 trained on and 1,000 generated. The generator is a kernel
density of the training rows: the narrower its kernel, the more it copies; the wide one smooths.
"""

import numpy as np
from evidence.planted_clouds import BASE
from numpy.random import default_rng

from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.copying_test import CopyingTest
from cuvee.testing.evidence import Finding

ROWS, DIMS, WIDTHS = 1000, 4, (0.01, 0.1, 0.3, 1.0)


def run() -> Finding:
    none = np.array([number(None, seed) for seed in range(60)])
    kernel = {str(w): [number(w, seed) for seed in range(5)] for w in WIDTHS}
    mean = {w: float(np.mean(v)) for w, v in kernel.items()}
    outside = float(np.mean([abs(v) > 3 for v in none]))
    return Finding(
        claim="New rows of the law give less than 3 standard deviations either way (in 95% of 60 "
        "seeds or more), kernel densities narrower than the gaps between rows more than 3, and one "
        "as wide as the law less than -3.",
        measured=f"new rows: mean {none.mean():.2f}, sd {none.std():.2f}, beyond 3 in "
        f"{outside:.0%}; kernels: " + ", ".join(f"{w}: {v:.1f}" for w, v in mean.items()) + ".",
        holds=bool(outside <= 0.05 and mean["0.01"] > 3 and mean["0.1"] > 3 and mean["1.0"] < -3),
        numbers={"none": none.tolist(), "kernels": kernel},
    )


def number(width: float | None, seed: int) -> float:
    rng = default_rng([BASE, seed])
    trained, made = rng.standard_normal((2, ROWS, DIMS))
    if width is not None:
        made = trained[rng.integers(ROWS, size=ROWS)] + width * made
    pair = Sample.of_points(made), Sample.of_points(trained)
    return float(measure(CopyingTest(), *pair, seed=seed).mean)
