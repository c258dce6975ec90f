"""Does NovelSum tell how well a set teaches, better than other scores of diversity?

Digits: 8 sets of 200 rows with planted copies, clusters or gaps, three seeds. The accuracy is that
of a network trained on the set, on 450 held-out rows. Copies: what is added to a set of 100 rows by
100 copies of them, beside what 100 new rows add.
"""

import numpy as np
from evidence.digits import accuracy, digits
from numpy.random import Generator, default_rng

from cuvee.core.clusters import kmeans
from cuvee.core.pool import Pool, Quota
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.magnitude import Magnitude
from cuvee.measure.novelsum import NovelSum
from cuvee.measure.prdc import Prdc
from cuvee.measure.radius import Radius
from cuvee.measure.spread import Spread
from cuvee.measure.vendi import Vendi
from cuvee.select import choose, load
from cuvee.testing.evidence import Finding

SEEDS, ROWS = 3, 200
SCORES = {
    "novelsum": NovelSum(), "mean cosine distance": NovelSum(density=0, proximity=0),
    "vendi": Vendi(), "spread": Spread(by="vrm"), "radius": Radius(), "magnitude": Magnitude(),
    "coverage": Prdc(),
}  # fmt: skip


def run() -> Finding:
    rows = [row for seed in range(SEEDS) for row in one(seed)]
    right = np.array([row["accuracy"] for row in rows])
    r = {name: float(np.corrcoef([row[name] for row in rows], right)[0, 1]) for name in SCORES}
    copies, fresh = np.mean([added(seed) for seed in range(SEEDS)], axis=0)
    names = list(dict.fromkeys(row["name"] for row in rows))
    mean = {n: {k: float(np.mean([row[k] for row in rows if row["name"] == n]))
                for k in ("novelsum", "accuracy")} for n in names}  # fmt: skip
    others = sorted((v for k, v in r.items() if k != "novelsum"), reverse=True)
    return Finding(
        claim="NovelSum of 8 sets with planted copies and clusters correlates with the accuracy of "
        "what learns from them (r > 0.8), more than 5 of 6 other scores, and copies of a set add "
        "nothing to it.",
        measured="r with accuracy: " + ", ".join(f"{k} {v:.2f}" for k, v in r.items())
        + f"; copies change a set's NovelSum by {copies:+.1%}, as many new rows by {fresh:+.1%}. "
        + ", ".join(f"{n} {m['accuracy']:.1%} ({m['novelsum']:.3f})" for n, m in mean.items()),
        holds=bool(r["novelsum"] > 0.8 and r["novelsum"] > others[1] and copies <= 0.01),
        numbers={"r": r, "sets": mean, "copies": float(copies), "new": float(fresh)},
    )  # fmt: skip


def one(seed: int) -> list[dict[str, object]]:
    pool, test = digits(seed)
    reference = Sample.of_points(pool.need("points").astype(float))
    found = []
    for name, rows in sets(pool, default_rng([31, seed])).items():
        chosen, sample = pool.take(rows), Sample.of_points(pool.need("points")[rows].astype(float))
        right = [accuracy(chosen, test, default_rng(s), 64) for s in range(2)]
        scores = {k: float(measure(m, sample, reference if m.of == "two" else None).mean)
                  for k, m in SCORES.items()}  # fmt: skip
        found.append({"name": name, "accuracy": float(np.mean(right))} | scores)
    return found


def sets(pool: Pool, rng: Generator) -> dict[str, np.ndarray]:
    """Rows of each set; with copies a row stands in it more than once."""
    order, labels = rng.permutation(len(pool)), pool.need("labels")
    cells = kmeans(pool.need("points"), 40, rng)[1]

    def only(allowed: np.ndarray) -> np.ndarray:
        some = order[allowed[order]]
        return np.resize(some, ROWS)

    return {
        "random": order[:ROWS],
        "half copies": np.resize(order[: ROWS // 2], ROWS),
        "four copies": np.resize(order[: ROWS // 4], ROWS),
        "ten copies": np.resize(order[: ROWS // 10], ROWS),
        "five classes": only(labels < 5),
        "eight clusters": only(cells < 8),
        "sixteen clusters": only(cells < 16),
        "far apart": choose(load("k_center"), pool, Quota(rows=ROWS), seed=1).rows,
    }


def added(seed: int) -> tuple[float, float]:
    """Relative change of NovelSum by copies of a set, and by as many new rows."""
    points = digits(seed)[0].need("points").astype(float)
    order = default_rng([32, seed]).permutation(len(points))[:ROWS]
    half = points[order[: ROWS // 2]]
    base, twice, whole = (
        float(measure(NovelSum(), Sample.of_points(x), Sample.of_points(points)).mean)
        for x in (half, np.vstack([half, half]), points[order])
    )
    return twice / base - 1, whole / base - 1
