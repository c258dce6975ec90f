"""Are natural shares right for a target that is itself a natural draw of all sources?"""

from pathlib import Path

import numpy as np
from evidence.tables import split_documents

from cuvee import driver
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
KEEP = {"python": 1.0, "essay": 0.5, "man_en": 0.25, "de": 0.1}
"""Part of each corpus that is kept, so that sizes differ by a factor of ten."""


def run() -> Finding:
    texts, pooled = {}, []
    for name, part in KEEP.items():
        train, held = split_documents(shared_data(ROOT, "corpora", f"{name}.parquet"))
        texts[name] = train[: int(part * len(train))]
        pooled += held[: int(part * len(held))]
    answer = driver.blend(texts, target={"pooled": pooled}, budget="0.5M", method="natural")
    natural, uniform = answer.losses, answer.rivals["uniform"].losses
    gain = (uniform.draws - natural.draws).ravel()
    return Finding(
        claim="For a target drawn from all sources in proportion to their size, natural shares "
        "give a lower loss than equal shares.",
        measured=f"Natural {natural.mean[0]:.3f}, uniform {uniform.mean[0]:.3f} nats per token "
        f"(count proxy); gain {gain.mean():.3f} ± {gain.std(ddof=1):.3f}.",
        holds=bool(np.quantile(gain, 0.05) > 0),
        numbers={"gain": float(gain.mean()), "sd": float(gain.std(ddof=1))},
    )
