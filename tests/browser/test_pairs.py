"""The heatmap of all pairs of sources, in a browser."""

import numpy as np
import pytest

import cuvee


@pytest.fixture(scope="module")
def heatmap(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("heat") / "pairs.html"
    found = cuvee.measure_pairs(
        {f"source {i}": rng.standard_normal((80, 2)) + i for i in range(5)}, method="frechet"
    )
    found.report(path)
    return path


@pytest.mark.parametrize("dark", [False, True])
def test_it_opens_alone_and_can_be_read(page, heatmap, dark):
    page.dark(dark)
    page.open(heatmap)
    assert page.run("return document.querySelectorAll('rect').length") == 20
    assert page.errors() == []
    assert page.requests() == []
    assert page.violations() == []
