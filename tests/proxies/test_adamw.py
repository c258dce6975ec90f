"""Against the optimizer of the library."""

import subprocess
import sys

import torch

from cuvee.proxies.adamw import BETAS, AdamW


def parameters():
    rng = torch.Generator().manual_seed(1)
    shapes = ((7, 5), (5,), (3, 4))
    return [torch.randn(shape, generator=rng).requires_grad_() for shape in shapes]


def the_librarys(values):
    groups = [
        {"params": [values[0], values[2]], "weight_decay": 0.1},
        {"params": [values[1]], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=BETAS, fused=True)


def learn(values, rng):
    """Gradients of a loss in which the last parameter is now and then missing."""
    loss = sum((p - torch.randn(p.shape, generator=rng)).square().sum() for p in values[:2])
    if torch.rand((), generator=rng) < 0.5:
        loss = loss + values[2].exp().sum()
    loss.backward()


def test_same_steps_to_the_bit_and_files_of_the_library_are_read():
    mine, theirs = parameters(), parameters()
    one, other = AdamW.of(mine), the_librarys(theirs)
    rngs = torch.Generator().manual_seed(2), torch.Generator().manual_seed(2)
    for step in range(12):
        if step == 7:  # what the library kept is what is kept here
            one = AdamW.of(mine)
            one.load(other.state_dict())
        rate = 0.1 / (step + 1)
        learn(mine, rngs[0])
        one.step(rate, 0.1)
        learn(theirs, rngs[1])
        for group in other.param_groups:
            group["lr"] = rate
        other.step()
        other.zero_grad()
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs))
    again = AdamW.of(mine)
    again.load(one.to_dict())
    assert all(torch.equal(a, b) for k, m in zip(again.kept, one.kept) for a, b in zip(k, m))
    assert all(p.grad is None for p in mine)


def test_no_compiler_is_loaded():
    code = """
import sys, torch
from cuvee.proxies.adamw import AdamW
p = torch.ones(2, 2, requires_grad=True)
p.sum().backward()
AdamW.of([p]).step(0.1, 0.0)
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
