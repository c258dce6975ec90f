"""One number from the losses of all targets."""

import numpy as np
import pytest

from cuvee.core import CuveeError, named_numbers, parse_objective

TARGETS = ("a", "b", "c")
LOSSES = np.array([[1.0, 2.0, 6.0], [5.0, 2.0, 0.5]])


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("mean", [3, 2.5]),
        ("worst", [6, 5]),
        ("b", [2, 2]),
        ("a=2,c=2", [3.5, 2.75]),
        ("a,b", [1.5, 3.5]),
        ({"a": 3, "b": 1}, [1.25, 4.25]),
    ],
)
def test_scores(text, scores):
    objective = parse_objective(text, TARGETS)
    assert objective.score(LOSSES) == pytest.approx(scores)
    assert objective.score(LOSSES[0]) == pytest.approx(scores[0])
    assert objective.weights.sum() == pytest.approx(1)


def test_a_target_called_mean_can_still_be_weighted():
    assert parse_objective({"mean": 1.0}, ("mean", "x")).weights.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bb", "unknown objective 'bb'. Did you mean 'b'"),
        ("wurst", "unknown objective"),
        ("a=-1", "weight of 'a' must be 0 or more"),
        ("a=nan", "weight of 'a' must be 0 or more"),
        ("a=inf", "weight of 'a' must be 0 or more"),
        ("a=0,b=0", "all zero"),
        ("a=1,a=2", "'a' is given twice"),
        ("a=x", "expected NAME=NUMBER"),
    ],
)
def test_objectives_that_are_none(text, message):
    with pytest.raises(CuveeError, match=message):
        parse_objective(text, TARGETS)


def test_named_numbers():
    assert named_numbers("web=0.3, code=0.7", "shares") == {"web": 0.3, "code": 0.7}
    assert named_numbers("a=b=2", "shares") == {"a=b": 2}
    with pytest.raises(CuveeError, match="expected NAME=NUMBER"):
        named_numbers("0.3", "shares")
    with pytest.raises(CuveeError, match="'a' is given twice"):
        named_numbers("a=1,a=1", "shares")
