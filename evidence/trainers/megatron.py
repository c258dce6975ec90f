"""Megatron-Core: its parser, and the shares that its blending index gives."""

import json

import numpy as np
from evidence.stacks import SHARES, off, planted, reader, scratch

from cuvee import trainers
from cuvee.testing.evidence import Finding

CLAIM = (
    "Megatron-Core parses both files to the same prefixes and weights, and its blending index "
    "draws samples in the asked shares, to 1 sample in 10,000 (Megatron-Core)."
)
SAMPLES = 10_000


def run() -> Finding:
    utils, at = reader("megatron.core.datasets.utils", "megatron-core")
    helpers, _ = reader("megatron.core.datasets.helpers_cpp", "megatron-core")
    with scratch() as folder:
        (folder / "out").mkdir()
        trainers.load("megatron").write(planted(folder), folder / "out")
        words = (folder / "out" / "blend.txt").read_text().split()
        splits = json.loads((folder / "out" / "blend.json").read_text())
    prefixes, weights = utils.get_blend_from_list(words)
    same = utils.get_blend_from_list(splits["train"]) == (prefixes, weights)
    empty = utils.get_blend_from_list(splits["valid"]) is None
    named = prefixes == [f"{name}_text_document" for name in SHARES]
    owners = np.zeros(SAMPLES, np.int16)
    helpers.build_blending_indices(
        owners, np.zeros(SAMPLES, np.int64), np.array(utils.normalize(weights)), len(weights),
        SAMPLES, False,
    )  # fmt: skip
    counts = np.bincount(owners, minlength=len(SHARES)) / SAMPLES
    shares = dict(zip(SHARES, counts.tolist()))
    return Finding(
        claim=CLAIM,
        measured=f"{at}: files agree {same and empty and named}, shares off by at most "
        f"{off(shares):.5f}.",
        holds=same and empty and named and off(shares) <= 1.5 / SAMPLES,
        numbers={"shares": shares, "off": off(shares), "agree": same},
    )
