"""Does a search of programs beat compressors on what programs print, and not on real text?

Printed: 150 random programs of 256 bytes, three layers deep at most. Text: 60 pieces of 256 bytes
from six corpora. Each piece by itself; of the compressors the shortest of LZMA, bz2, zlib, zstd,
headers left out.
"""

import numpy as np
from evidence.select_texts import documents
from numpy.random import default_rng

from cuvee.measure.compression import packed
from cuvee.measure.programs import bits, printed, random_program, synthesised
from cuvee.testing.evidence import Finding

CORPORA = ("python", "c", "man_en", "essay", "fr", "wordnet")
PROGRAMS, SIZE, PIECES = 150, 256, 10


def run() -> Finding:
    made = [random_program(SIZE, default_rng([seed, 51])) for seed in range(PROGRAMS)]
    printed_rows = np.array([(bits(p), *both(printed(p))) for p in made])
    texts = [t for name in CORPORA for t in documents(name, least=400)[50:][:PIECES]]
    text = [t.encode()[:SIZE] for t in texts]
    text_rows = np.array([both(one) for one in text])
    shares = (printed_rows[:, 1:] / 8).sum(axis=0) / (PROGRAMS * SIZE)
    found = text_rows.sum(axis=0) / (8 * sum(map(len, text)))
    wins = (printed_rows[:, 1] < printed_rows[:, 2]).mean()
    met = (printed_rows[:, 1] <= printed_rows[:, 0]).mean()
    return Finding(
        claim="The synthesiser needs fewer bits than the best compressor for 95% of what random "
        "programs print, and more for 95% of pieces of real text.",
        measured=f"of printed bytes {shares[0]:.3f} of their size against {shares[1]:.3f}: less "
        f"for {wins:.0%}, and for {met:.0%} no more than the program that printed them; of text "
        f"{found[0]:.3f} against {found[1]:.3f}: less for "
        f"{(text_rows[:, 0] < text_rows[:, 1]).mean():.0%}.",
        holds=bool(wins >= 0.95 and (text_rows[:, 0] > text_rows[:, 1]).mean() >= 0.95),
        numbers={"printed": printed_rows.tolist(), "text": text_rows.tolist()},
    )  # fmt: skip


def both(data: bytes) -> tuple[int, int]:
    """Bits of the program that is found, and of the best compressor."""
    program = synthesised(data)
    if printed(program) != data:
        raise RuntimeError("a program does not print what it was found for")
    return bits(program), 8 * min(packed(data).values())
