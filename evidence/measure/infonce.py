"""Does InfoNCE stay below the logarithm of its batch, and does its number say so?

Four columns on each side, 4,000 rows, a batch of 32: true information of 1, 3 and 8 nats. The same
with twenty columns, which so many rows teach a critic little about.
"""

import numpy as np
from evidence.planted_information import gaussians, number

from cuvee.measure.variational import Infonce
from cuvee.testing.evidence import Finding

NATS, BATCH, ROWS = (1.0, 3.0, 8.0), 32, 4000


def run() -> Finding:
    method = Infonce(batch=BATCH, steps=1500, nulls=0)
    found = {nats: number(method, *gaussians(ROWS, 4, nats, 4)) for nats in NATS}
    wide = {nats: float(number(method, *gaussians(ROWS, 20, nats, 5)).mean) for nats in NATS}
    noted = {nats: any("take larger ones" in n for n in e.notes) for nats, e in found.items()}
    most = np.log(BATCH)
    return Finding(
        claim="InfoNCE is below the truth and below the logarithm of its batch; where the truth is "
        "beyond it a note says so, and where it is far below there is none.",
        measured="; ".join(
            f"{nats:g} nats: {float(e.mean):.2f}" + (", with the note" if noted[nats] else "")
            for nats, e in found.items()
        )
        + f"; the logarithm of {BATCH} is {most:.2f}. With twenty columns "
        + ", ".join(f"{v:.2f}" for v in wide.values())
        + ".",
        holds=bool(
            all(e.mean <= min(nats + 0.02, most) for nats, e in found.items())
            and all(v <= min(nats + 0.02, most) for nats, v in wide.items())
            and noted[8.0]
            and not noted[1.0]
        ),
        numbers={
            "found": {str(k): float(v.mean) for k, v in found.items()},
            "wide": {str(k): v for k, v in wide.items()},
            "ceiling": most,
        },
    )
