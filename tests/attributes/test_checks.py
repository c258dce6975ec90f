"""Every check of the room catches a method that is broken in its way."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from cuvee.core import CuveeError
from cuvee.testing.attributes import CHECKS, PROBLEMS, check_attribute

COUNTER = itertools.count()


@dataclass(frozen=True, slots=True)
class Length:
    """Characters of each document: right in all ways.

    Args:
        scale: To multiply by.
    """

    scale: float = 1.0
    learns: ClassVar[str] = ""

    def columns(self):
        return ("length_characters",)

    def score(self, text):
        values = [self.scale * len(t) for t in text.to_pylist()]
        return self.table(text, values)

    def table(self, text, values):
        return pa.table({self.columns()[0]: pa.array(values, pa.float64())})


def broken(check, **parts):
    """A method called `Length` that differs in one thing."""
    base = {name: getattr(Length, name) for name in ("columns", "score", "table", "learns")}
    base["scale"] = 1.0
    made = type("Length", (), {**base, "__doc__": Length.__doc__, "__module__": __name__, **parts})
    return check, dataclass(frozen=True)(made)


class Unseen:
    """What a method that learns returns; it looks at its neighbours' texts."""

    def score(self, text):
        total = sum(len(t) for t in text.to_pylist())
        return Length().table(text, [total] * len(text))


@dataclass(frozen=True, slots=True)
class Undocumented(Length):
    """Characters of each document."""

    more: int = 1


BROKEN = [
    ("check_is_a_frozen_value_of_settings", Undocumented),
    broken("check_a_row_for_each_text", columns=lambda self: ("characters",)),
    broken("check_a_row_for_each_text",
           score=lambda self, text: self.table(text, [1.0] * max(len(text), 1))),
    broken("check_numbers_are_finite_or_null",
           score=lambda self, text: self.table(text, [np.inf if not t else 1.0 for t in
                                                      text.to_pylist()])),
    broken("check_numbers_are_finite_or_null",
           score=lambda self, text: self.table(text, [float(len(t) or -1) for t in
                                                      text.to_pylist()])),
    broken("check_a_text_is_scored_by_itself",
           score=lambda self, text: Unseen().score(text)),
    broken("check_a_text_is_scored_by_itself",
           score=lambda self, text: self.table(text, np.arange(float(len(text))))),
    broken("check_same_reference_gives_the_same_scores",
           score=lambda self, text: self.table(text, [float(next(COUNTER)) for _ in text])),
    broken("check_reference_is_missed", learns="sample",
           fit=lambda self, reference: Length()),
]  # fmt: skip


@pytest.mark.parametrize(("check", "method"), BROKEN)
def test_broken_methods_are_caught(check, method):
    with pytest.raises((AssertionError, CuveeError)):
        for problem in PROBLEMS.values():
            CHECKS[check](method(), problem())


def test_every_check_catches_something():
    assert {check for check, _ in BROKEN} == set(CHECKS)


def test_a_right_method_passes():
    check_attribute(Length())
