"""Weights in the unit that a stack draws, and texts that its parser reads."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cuvee.core import CuveeError
from cuvee.core.dataset import Part
from cuvee.trainers.weights import decimal, prepared, quoted, weights
from cuvee.trainers.weights import yaml as written


def part(name="web", share=0.5, tokens=1000, documents=10, paths=("web.jsonl",)):
    return Part(name, paths, share, tokens, documents, tokens, documents)


def test_shares_of_documents_are_divided_by_their_length():
    parts = [part(share=0.5, tokens=1000, documents=100), part(share=0.5, tokens=1000, documents=5)]
    found = weights(parts, "documents")
    tokens = found * [10, 200]
    assert found == pytest.approx([20 / 21, 1 / 21])
    assert tokens / tokens.sum() == pytest.approx([0.5, 0.5])
    assert weights(parts) == pytest.approx([0.5, 0.5])


def test_a_source_without_documents_has_no_length():
    with pytest.raises(CuveeError, match="holds no documents"):
        weights([part(documents=0)], "documents")


@given(st.floats(1e-300, 1))
def test_weights_are_written_in_full(weight):
    text = decimal(weight)
    assert float(text) == weight
    assert set(text) <= set("0123456789.")
    assert yaml.safe_load(text) == weight


@given(st.text())
def test_any_text_is_a_scalar(text):
    """Lone halves of characters excepted, which no text of a source holds."""
    assert yaml.safe_load(quoted(text)) == text
    assert yaml.safe_load(written({text: [text, {"a": text}]})) == {text: [text, {"a": text}]}


def test_values_come_back():
    value = {
        "yes": True, "no": None, "1e5": 1, "on": 0.00001, "a b": [], "list": [[1, 2], {"x": {}}],
        "deep": {"er": [{"name": "a: b # c", "w": 1.0}, {"name": "- d\n", "w": 2e-9}]},
    }  # fmt: skip
    assert yaml.safe_load(written(value)) == value


@pytest.mark.parametrize(
    ("path", "stem"),
    [("data/web.jsonl.zst", "data/web"), ("data/web/*.parquet", "data/web"), ("code/", "code"),
     ("s3://b/v1.5/web.parquet", "s3://b/v1.5/web"), ("https://h/x.parquet?t=1", "https://h/x"),
     ("books", "books"), ("a.b/*/x.txt", "a.b")],
)  # fmt: skip
def test_a_path_without_endings(path, stem):
    assert prepared([part(paths=(path,))], "{path}_document") == (f"{stem}_document",)


def test_templates_that_cannot_be_filled():
    two = [part(), part("code", paths=("web.txt",))]
    with pytest.raises(CuveeError, match="two sources get the path"):
        prepared(two, "{path}")
    three = [part("a", paths=("a.txt",)), *two]
    with pytest.raises(CuveeError, match="two sources get the path 'web'"):
        prepared(three, "{path}")
    with pytest.raises(CuveeError, match=r"the glob \*\.parquet has no path"):
        prepared([part(paths=("*.parquet",))], "{path}")
    with pytest.raises(CuveeError, match="2 paths"):
        prepared([part(paths=("a", "b"))], "{path}")
    with pytest.raises(CuveeError, match="in memory"):
        prepared([part(paths=())], "{path}")
    assert prepared([part("{path}", paths=())], "x/{name}") == ("x/{path}",)


def test_weights_sum_to_one():
    found = weights([part(share=1e-9), part(share=3e-9)])
    assert np.isclose(found.sum(), 1, rtol=0, atol=1e-15)
