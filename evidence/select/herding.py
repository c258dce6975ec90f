"""Does the error of a herded choice fall like 1 / t, where random rows give 1 / sqrt(t)?

Digits; the error is the distance between the mean of the choice and that of the pool in the space
of the kernel (rbf), for 4 to 256 of 1347 rows; the slope is that of its logarithm over log t.
The pool is finite and rows are taken once, which helps both choices: random ones fall as
sqrt(1 / t - 1 / n).
"""

import numpy as np
from evidence.digits import digits

from cuvee.core.pool import Quota
from cuvee.select import choose, load
from cuvee.select.kernels import Kernel
from cuvee.testing.evidence import Finding

SEEDS, SIZES = 10, (4, 8, 16, 32, 64, 128, 256)
METHODS = ("herding", "random")


def run() -> Finding:
    table = [one(seed) for seed in range(SEEDS)]
    mean = {m: np.mean([row[m] for row in table], axis=0) for m in METHODS}
    slope = {m: float(np.polyfit(np.log(SIZES), np.log(of), 1)[0]) for m, of in mean.items()}
    times = {str(s): float(mean["random"][i] / mean["herding"][i]) for i, s in enumerate(SIZES)}
    return Finding(
        claim="The error of means of a herded choice falls about as 1 / t (slope of -0.8 or "
        "steeper over 4 to 256 rows), that of random rows as 1 / sqrt(t) (-0.4 to -0.65).",
        measured=f"Slopes: herding {slope['herding']:.2f}, random {slope['random']:.2f}. Random's "
        f"error is {times['16']:.1f} times herding's at 16 rows, {times['256']:.1f} times at 256.",
        holds=slope["herding"] <= -0.8 and -0.65 <= slope["random"] <= -0.4,
        numbers={"slope": slope, "times": times, "sizes": list(SIZES),
                 "error": {m: of.tolist() for m, of in mean.items()}},
    )  # fmt: skip


def one(seed: int) -> dict[str, np.ndarray]:
    pool, _ = digits(seed)
    table = Kernel.of(pool.need("points"), "rbf").table().astype(np.float64)
    whole, each = table.mean(), table.mean(axis=1)
    found = {}
    for name in METHODS:
        rows = choose(load(name), pool, Quota(rows=SIZES[-1]), seed=seed).rows
        errors = []
        for size in SIZES:
            some = rows[:size]
            inner = table[np.ix_(some, some)].mean()
            errors.append(np.sqrt(max(inner - 2 * each[some].mean() + whole, 0)))
        found[name] = np.array(errors)
    return found
