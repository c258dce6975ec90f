"""Every listed source meets every check, with its usual pieces and with tiny ones."""

from importlib import import_module

import pytest

from cuvee import sources
from cuvee.testing.sources import CHECKS, PLANTS

SIZES = {"usual pieces": None, "tiny pieces": 2000}
CASES = [(m, c, s) for m in sources.METHODS for c in CHECKS for s in SIZES]


def test_no_check_was_lost():
    assert (len(CHECKS), len(SIZES)) == (10, 2), "change this count on purpose"
    assert list(PLANTS) == list(sources.METHODS), "a source without a plant dodges the checks"


def shrink_pieces(monkeypatch, size):
    for name in ("files", "parquet", "arrow", "plain", "memory", "table"):
        monkeypatch.setattr(import_module(f"cuvee.sources.{name}"), "PIECE", size)


@pytest.mark.parametrize(("method", "check", "size"), CASES)
def test_contract(method, check, size, tmp_path, monkeypatch):
    if SIZES[size]:
        shrink_pieces(monkeypatch, SIZES[size])
    CHECKS[check](PLANTS[method], tmp_path)


@pytest.mark.parametrize("method", [name for name, plant in PLANTS.items() if plant.splits])
def test_tiny_pieces_are_many(method, tmp_path, monkeypatch):
    shrink_pieces(monkeypatch, 300)
    assert len(PLANTS[method].good(tmp_path, PLANTS[method].documents * 3).pieces()) > 5
