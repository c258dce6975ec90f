"""Does the variance of bounds grow like the exponential of the information, and SMILE's not?

First with the exact ratio of densities, so that nothing is learned: 20 columns on each side, 64
rows, of which each is paired with all others; 300 samples. Then with critics that are trained on
2,000 rows, four seeds. Last a board: what must hold of information whatever its size, for four
critics on pairs of bent Gaussians.
"""

import numpy as np
from evidence.planted_information import consistency, failures, gaussians, number

from cuvee.measure.variational import Infonce, Mine, Nwj, Smile
from cuvee.testing.evidence import Finding

COLUMNS, BATCH, SAMPLES = 20, 64, 300
LEVELS = (1, 2, 3, 4, 5, 6)
LEARNED, ROWS, SEEDS, QUICK = 6.0, 2000, 4, {"steps": 400, "nulls": 0, "rate": 0.004}
BOARD = {"nats": 1.0, "rows": 2000}


def run() -> Finding:
    exact = {str(nats): with_exact_ratio(float(nats)) for nats in LEVELS}
    spread = {name: [exact[str(n)][name]["sd"] for n in LEVELS] for name in exact["1"]}
    slope = {name: float(np.polyfit(LEVELS[:4], 2 * np.log(sd[:4]), 1)[0])
             for name, sd in spread.items()}  # fmt: skip
    learned = {}
    critics = {"mine": Mine(**QUICK), "nwj": Nwj(**QUICK), "smile 1": Smile(clip=1.0, **QUICK),
               "smile 5": Smile(**QUICK), "infonce": Infonce(**QUICK)}  # fmt: skip
    for name, method in critics.items():
        values = [float(number(method, *gaussians(ROWS, COLUMNS, LEARNED, s), seed=s).mean)
                  for s in range(SEEDS)]  # fmt: skip
        learned[name] = {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1))}
    board = {name: consistency(critics[name], BOARD["rows"], BOARD["nats"], 3)
             for name in ("mine", "nwj", "smile 5", "infonce")}  # fmt: skip
    failed = {name: failures(row, BOARD["nats"]) for name, row in board.items()}
    at = {name: exact["6"][name] for name in ("nwj", "smile 1")}
    return Finding(
        claim="With the exact ratio the variance of NWJ grows like the exponential of the "
        "information (log variance by nats, 1 to 4: slope 0.7 to 1.3), and at 6 nats SMILE's sd is "
        "the smaller, with the exact ratio and learned.",
        measured=f"Slopes: NWJ {slope['nwj']:.2f}, MINE {slope['mine']:.2f}, SMILE clip 1 "
        f"{slope['smile 1']:.2f}, clip 5 {slope['smile 5']:.2f}; exact ratio at 6 nats: NWJ "
        f"{at['nwj']['mean']:.2f} ± {at['nwj']['sd']:.2f}, SMILE {at['smile 1']['mean']:.2f} ± "
        f"{at['smile 1']['sd']:.2f}. Learned at {LEARNED:g} nats: "
        + ", ".join(f"{k} {v['mean']:.2f} ± {v['sd']:.2f}" for k, v in learned.items())
        + f". Board at {BOARD['nats']:g} nat (should be 1, 1, 2, 0): "
        + "; ".join(
            f"{name} " + ", ".join(f"{row[k]:.2f}" for k in row)
            + (f" (off: {', '.join(failed[name])})" if failed[name] else "")
            for name, row in board.items()
        )
        + ".",
        holds=bool(
            0.7 <= slope["nwj"] <= 1.3
            and at["smile 1"]["sd"] < at["nwj"]["sd"]
            and learned["smile 1"]["sd"] < learned["nwj"]["sd"]
        ),
        numbers={"exact": exact, "slope": slope, "learned": learned, "board": board},
    )  # fmt: skip


def with_exact_ratio(nats: float) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of the bounds over samples, the critic being right."""
    found: dict[str, list[float]] = {"mine": [], "nwj": [], "smile 1": [], "smile 5": []}
    for seed in range(SAMPLES):
        scores = log_ratio(*gaussians(BATCH, COLUMNS, nats, 10_000 + seed), nats)
        own, other = np.diag(scores).mean(), scores[~np.eye(BATCH, dtype=bool)]
        found["nwj"].append(1 + own - np.exp(other).mean())
        found["mine"].append(own - np.log(np.exp(other).mean()))
        for clip in (1, 5):
            held = np.exp(np.clip(other, -clip, clip)).mean()
            found[f"smile {clip}"].append(own - np.log(held))
    return {k: {"mean": float(np.mean(v)), "sd": float(np.std(v))} for k, v in found.items()}


def log_ratio(x: np.ndarray, y: np.ndarray, nats: float) -> np.ndarray:
    """Log density of each y given each x, less that of y."""
    left = np.exp(-2 * nats / COLUMNS)
    tie = np.sqrt(1 - left)
    far = ((y[None] - tie * x[:, None]) ** 2).sum(2)
    return nats - 0.5 * far / left + 0.5 * (y**2).sum(1)
