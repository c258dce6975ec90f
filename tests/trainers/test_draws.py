"""What the readers at hand draw with the written weights: shares of the tokens."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import WeightedRandomSampler

from cuvee import trainers
from cuvee.core import CuveeError
from cuvee.testing.trainers import PLANTED, Planted


def test_sampler_of_torch(tmp_path):
    planted = PLANTED["a share of zero"]
    trainers.load("torch").write(planted.dataset(), tmp_path)
    each = np.load(tmp_path / "weights.npy")
    assert len(each) == sum(planted.held)
    chance = torch.Generator().manual_seed(7)
    rows = np.array(list(WeightedRandomSampler(each, 20_000, generator=chance)))
    owner = np.searchsorted(np.cumsum(planted.held), rows, side="right")
    tokens = np.bincount(owner, minlength=3) * planted.lengths
    # 20,000 draws: a standard deviation below 0.006.
    assert tokens / tokens.sum() == pytest.approx(planted.shares, abs=0.03)
    assert tokens[1] == 0


def test_sampler_refuses_more_documents_than_it_can_draw_among(tmp_path):
    whole = Planted().dataset()
    parts = tuple(replace(part, available_documents=2**23) for part in whole.parts)
    with pytest.raises(CuveeError, match="at most 16777216 documents"):
        trainers.load("torch").write(replace(whole, parts=parts), tmp_path)
    assert not list(tmp_path.iterdir())


def test_sampler_says_which_rows_are_whose(tmp_path):
    trainers.load("torch").write(Planted().dataset(), tmp_path)
    content = json.loads((tmp_path / "sampler.json").read_text())
    assert [one["first"] for one in content["sources"]] == [0, 100, 160]
    assert content["num_samples"] == 105
    each = np.load(tmp_path / "weights.npy")
    for one in content["sources"]:
        mine = each[one["first"] : one["first"] + one["documents"]]
        assert mine.sum() == pytest.approx(one["probability"])
