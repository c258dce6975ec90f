"""Do the surprises of real text remember, and those of shuffled text not?

Corpora with long documents, 60,000 tokens of each. Shuffled: the words of each document in random
order, so that only the order of words is lost.
"""

import numpy as np
from evidence.select_texts import documents
from numpy.random import default_rng

from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.text_hurst import TextHurst
from cuvee.testing.evidence import Finding

CORPORA = ("python", "c", "man_en", "handbook_en", "essay", "fr")
METHOD = TextHurst(tokens=60_000, shortest=512)


def run() -> Finding:
    found = {}
    for name in CORPORA:
        texts = documents(name, least=4000, most=40_000)[:150]
        rng = default_rng(3)
        mixed = [" ".join(rng.permutation(text.split())) for text in texts]
        one, other = (
            measure(METHOD, Sample(name, texts=tuple(t), size=len(t))) for t in (texts, mixed)
        )
        found[name] = {
            "documents": len(texts), "text": float(one.mean), "shuffled": float(other.mean),
            "text_interval": [float(x) for x in one.interval()],
            "shuffled_interval": [float(x) for x in other.interval()],
        }  # fmt: skip
    text, mixed = (np.array([f[key] for f in found.values()]) for key in ("text", "shuffled"))
    return Finding(
        claim="The Hurst exponent of a corpus' surprises (count model, detrended fluctuations) is "
        "above 0.55, that of the same words shuffled 0.5 within 0.05.",
        measured="text (shuffled): "
        + ", ".join(f"{n} {f['text']:.2f} ({f['shuffled']:.2f})" for n, f in found.items()) + ".",
        holds=bool(text.min() > 0.55 and np.abs(mixed - 0.5).max() <= 0.05),
        numbers=found,
    )  # fmt: skip
