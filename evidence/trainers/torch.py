"""PyTorch: shares of what the sampler draws."""

import json

import numpy as np
from evidence.stacks import off, planted, reader, scratch, token_shares

from cuvee import trainers
from cuvee.testing.evidence import Finding

CLAIM = (
    "WeightedRandomSampler with the written weights draws the asked shares of the tokens, to 0.01 "
    "over 40,000 documents (PyTorch)."
)
DRAWS = 40_000


def run() -> Finding:
    torch, at = reader("torch", "torch")
    data, _ = reader("torch.utils.data", "torch")
    with scratch() as folder:
        trainers.load("torch").write(planted(folder), folder)
        content = json.loads((folder / "sampler.json").read_text())
        sampler = data.WeightedRandomSampler(
            np.load(folder / "weights.npy"),
            num_samples=DRAWS,
            generator=torch.Generator().manual_seed(content["seed"]),
        )
        first = np.array([source["first"] for source in content["sources"]])
        owners = np.searchsorted(first, list(sampler), side="right") - 1
    names = [content["sources"][i]["name"] for i in owners]
    shares = token_shares(names)
    return Finding(
        claim=CLAIM,
        measured=f"{at}: shares of the tokens off by at most {off(shares):.4f}.",
        holds=off(shares) <= 0.01,
        numbers={"shares": shares, "off": off(shares), "documents": DRAWS},
    )
