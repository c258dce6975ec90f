"""Do a few points drawn by determinants do for least squares, where random ones are too few?

Polynomials of degree below 10 (m = 10, Legendre, orthonormal), on a pool of 4000 evenly spread
places in [-1, 1]; four functions. The error of a draw is the root mean square over the pool of what
the fit misses; over draws its root mean square, relative to that of the best polynomial.
Determinantal draws are fitted with their weights; uniform ones need none.
"""

import numpy as np
from numpy.polynomial.legendre import legvander

from cuvee.core.pool import Pool, Quota
from cuvee.select import choose, load
from cuvee.testing.evidence import Finding

M, PLACES, DRAWS = 10, 4000, 300
SIZES = (10, 15, 20, 30, 40, 60, 80, 120)
METHODS = {"dpp": "dpp:kernel=linear", "volume": "volume:intercept=false", "uniform": "random"}
FUNCTIONS = {
    "1/(1 + 25 x^2)": lambda x: 1 / (1 + 25 * x**2),
    "|x|": np.abs,
    "exp(-x) sin(9 x)": lambda x: np.exp(-x) * np.sin(9 * x),
    "log(1.1 + x)": lambda x: np.log(1.1 + x),
}


def run() -> Finding:
    table = {name: {size: errors(which, size) for size in SIZES} for name, which in METHODS.items()}
    worst = {name: {size: max(of.values()) for size, of in rows.items()}
             for name, rows in table.items()}  # fmt: skip
    need = {name: next((s for s in SIZES if worst[name][s] <= 2), None) for name in METHODS}
    few = {name: worst[name][2 * M] for name in METHODS}
    enough = all((need[name] or SIZES[-1]) <= 2 * M for name in ("dpp", "volume"))
    most = max(need["dpp"] or SIZES[-1], need["volume"] or SIZES[-1])
    times = (need["uniform"] or 2 * SIZES[-1]) / most
    said = ", ".join(f"{name} {need[name] or f'more than {SIZES[-1]}'}" for name in METHODS)
    return Finding(
        claim="Legendre polynomials, m = 10: with 2 m points, weighted least squares on a "
        "determinantal draw or by volume sampling has an error of at most twice the best "
        "approximation's, for each of four functions; independent uniform points need at least 3 "
        "times as many.",
        measured=f"With 20 points the error is at most {few['dpp']:.2f} (dpp), "
        f"{few['volume']:.2f} (volume) and {few['uniform']:.3g} (uniform) times the best. Points "
        f"needed for a factor of 2: {said}.",
        holds=bool(enough and times >= 3),
        numbers={"worst_of_functions": {n: {str(s): v for s, v in r.items()} for n, r in
                                        worst.items()},
                 "by_function": {n: {str(s): v for s, v in r.items()} for n, r in table.items()},
                 "draws": DRAWS, "needed": need, "times_as_many": times},
    )  # fmt: skip


def errors(which: str, size: int) -> dict[str, float]:
    """Of each function, against the best polynomial."""
    x = np.linspace(-1, 1, PLACES)
    table = legvander(x, M - 1) * np.sqrt(2 * np.arange(M) + 1)
    values = np.stack([f(x) for f in FUNCTIONS.values()], axis=1)
    best = values - table @ np.linalg.lstsq(table, values, rcond=None)[0]
    pool = Pool(np.arange(PLACES, dtype=np.uint64), np.ones(PLACES, np.int64),
                table.astype(np.float32))  # fmt: skip
    squares = np.zeros(len(FUNCTIONS))
    for seed in range(DRAWS):
        found = choose(load(which), pool, Quota(rows=size), seed=seed)
        root = np.ones((size, 1)) if found.weight is None else np.sqrt(found.weight)[:, None]
        rows = found.rows
        fit = np.linalg.lstsq(table[rows] * root, values[rows] * root, rcond=None)[0]
        squares += np.mean((values - table @ fit) ** 2, axis=0) / DRAWS
    return dict(zip(FUNCTIONS, np.sqrt(squares / np.mean(best**2, axis=0)).tolist()))
