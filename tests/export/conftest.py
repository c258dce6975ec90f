"""Where blends are written."""

import pytest
from tests.export.world import corpus, many_small_parts

from cuvee.export import virtual


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, where everything comes in many small parts."""
    many_small_parts(monkeypatch)
    monkeypatch.setattr(virtual, "RESERVED", 0)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def question(place):
    return corpus(place, ("parquet", "jsonl"))
