"""Hugging Face datasets: shares of what `interleave_datasets` draws."""

import json
from itertools import islice

from evidence.stacks import off, planted, reader, scratch, token_shares

from cuvee import trainers
from cuvee.testing.evidence import Finding

CLAIM = (
    "With the written arguments, `interleave_datasets` draws the asked shares of the tokens from "
    "the sources' own files, to 0.03 over 4,000 documents (Hugging Face datasets)."
)
DRAWS = 4000


def run() -> Finding:
    library, at = reader("datasets", "datasets")
    with scratch() as folder:
        (folder / "out").mkdir()
        trainers.load("datasets_interleave").write(planted(folder), folder / "out")
        mixture = json.loads((folder / "out" / "interleave.json").read_text())
        parts = [
            library.load_dataset(**one, split="train", streaming=True).repeat(None)
            for one in mixture["load_dataset"]
        ]
        mixed = library.interleave_datasets(parts, **mixture["interleave_datasets"])
        names = [row["text"].split()[0] for row in islice(mixed, DRAWS)]
    shares = token_shares(names)
    return Finding(
        claim=CLAIM,
        measured=f"{at}: shares of the tokens off by at most {off(shares):.4f}.",
        holds=off(shares) <= 0.03,
        numbers={"shares": shares, "off": off(shares), "documents": DRAWS},
    )
