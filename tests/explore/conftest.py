"""A dataset that was written, and a page for it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import cuvee
from cuvee import explore

KINDS = {
    "web": "red green blue stone river tree",
    "code": "def return for in while if",
    "bad": "<img>",
}


def make(folder):
    """Three sources with words of their own, and a blend of them."""
    rng = np.random.default_rng(0)
    for name, words in KINDS.items():
        have = [*words.split(), "the", "a", "of"]
        texts = [" ".join(have[i] for i in rng.integers(len(have), size=30)) for _ in range(120)]
        lines = [json.dumps({"text": f"{text} {i}"}) for i, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    sources = {"web": "web.jsonl", "code": "code.jsonl", "<b>bad": "bad.jsonl"}
    cuvee.blend(sources, budget="4k", seed=1).write("mixed")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder, before = tmp_path_factory.mktemp("explored"), Path.cwd()
    os.chdir(folder)
    yield make(folder)
    os.chdir(before)


@pytest.fixture(scope="module")
def page(place):
    with explore.explore("mixed") as running:
        yield running
