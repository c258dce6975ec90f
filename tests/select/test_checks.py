"""Every check of the room finds the fault that it is there for, and passes a right method."""

from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar

import numpy as np
import pytest

from cuvee import features, select
from cuvee.core import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select import choose
from cuvee.select.random import Random
from cuvee.testing.features import CHECKS as FEATURES
from cuvee.testing.features import TEXTS
from cuvee.testing.select import CHECKS, PROBLEMS

TURN = count()


@dataclass(frozen=True, slots=True)
class Right:
    """Takes the highest quality."""

    needs: ClassVar[tuple[str, ...]] = ("quality",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "quality"

    def choose(self, pool, k, *, target=None, rng):
        return Choice.best(pool.need("quality"), pool, k, "quality")


class Wrong(Right):
    """Does as `change` says with the right choice."""

    __slots__ = ()

    def choose(self, pool, k, *, target=None, rng):
        return self.change(super().choose(pool, k, target=target, rng=rng), pool, k)


class Twice(Wrong):
    def change(self, found, pool, k):
        return replace(found, rows=np.r_[found.rows[:1], found.rows[:-1]])


class Unknown(Wrong):
    def change(self, found, pool, k):
        return replace(found, score=np.full(len(found), np.nan))


class TooLong(Wrong):
    def change(self, found, pool, k):
        return Choice.best(pool.need("quality"), pool, Quota(rows=len(pool)), "quality")


class TooShort(Wrong):
    def change(self, found, pool, k):
        half = slice(0, max(1, len(found) // 2)) if k.tokens else slice(None)
        return replace(found, rows=found.rows[half], score=found.score[half])


class Moody(Wrong):
    def change(self, found, pool, k):
        return replace(found, rows=np.roll(found.rows, next(TURN)))


class Contrary(Wrong):
    def change(self, found, pool, k):
        return Choice.best(-pool.need("quality"), pool, k, "the worst")


class Careless(Wrong):
    needs: ClassVar[tuple[str, ...]] = ("quality", "labels")

    def change(self, found, pool, k):
        return found


class Curious(Wrong):
    needs: ClassVar[tuple[str, ...]] = ()

    def choose(self, pool, k, *, target=None, rng):
        scores = np.zeros(len(pool)) if pool.quality is None else pool.quality
        return Choice.best(scores, pool, k, "quality")


class Demanding(Wrong):
    targeted: ClassVar[bool] = True

    def change(self, found, pool, k):
        return found


class Fussy(Wrong):
    def change(self, found, pool, k):
        if len(np.unique(pool.keys)) < 2:
            raise CuveeError("these are copies.")
        return found


class Undocumented:
    """No frozen value."""

    needs, targeted, seeks, choose = Right.needs, False, "quality", Right.choose


@pytest.mark.parametrize(
    ("check", "method"),
    [
        ("is_a_frozen_value_of_settings", Undocumented),
        ("rows_are_distinct_and_as_many_as_asked", Twice),
        ("rows_are_distinct_and_as_many_as_asked", Unknown),
        ("tokens_are_kept_and_used", TooLong),
        ("tokens_are_kept_and_used", TooShort),
        ("order_of_the_pool_does_not_matter", Moody),
        ("same_seed_gives_the_same_choice", Moody),
        ("reads_what_it_says", Careless),
        ("reads_what_it_says", Curious),
        ("target_is_missed", Demanding),
        ("copies_are_no_trouble", Fussy),
        ("does_not_lose_to_random", Contrary),
    ],
)
def test_a_fault_is_found(check, method):
    found = CHECKS[f"check_{check}"]
    found(Right(), PROBLEMS["quality"])
    with pytest.raises((AssertionError, CuveeError, TypeError)):
        if method is Demanding:
            ignoring(method(), PROBLEMS["quality"], found)
        else:
            found(method(), PROBLEMS["quality"])


def ignoring(method, problem, check):
    """A method that says it needs a target and goes on without one, past the room's own check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cuvee.select.check", lambda *given: None)
        check(method, problem)


def test_every_check_was_tried():
    marks = test_a_fault_is_found.pytestmark[0].args[1]
    assert {f"check_{check}" for check, _ in marks} == set(CHECKS)


def test_a_feature_that_is_no_point_is_found():
    @dataclass(frozen=True, slots=True)
    class Long:
        """Points that are too long."""

        def fit(self, texts, *, rng):
            made = features.load("lsa").fit(texts, rng=rng)
            return lambda text: 2 * made(text)

    with pytest.raises(AssertionError):
        FEATURES["check_a_point_for_each_document"](Long(), TEXTS["languages"])


def planted():
    return PROBLEMS["target"].pool().pool


@pytest.mark.parametrize(
    ("pool", "k", "target", "message"),
    [
        (lambda p: p.take(np.zeros(0, int)), 1, None, "the pool is empty"),
        (lambda p: p, 10**6, None, "expected to choose at most the 360 rows of the pool"),
        (lambda p: replace(p, points=p.points[:-1]), 5, None, "360 rows, and 359 of points"),
        (lambda p: replace(p, quality=p.quality * np.nan), 5, None, "quality of row 0 of the pool"),
        (lambda p: p, 5, lambda p: p.take(np.zeros(0, int)), "the target is empty"),
        (lambda p: p, 5, lambda p: replace(p, points=p.points[:, :3]), "the pool have 8 features"),
    ],
)
def test_what_cannot_be_chosen_from(pool, k, target, message):
    with pytest.raises(CuveeError, match=message) as error:
        given = None if target is None else target(planted())
        choose(Random(), pool(planted()), Quota(rows=k), target=given)
    assert "\n" not in str(error.value)


def test_a_method_of_ones_own():
    found = choose(select.load("tests.select.test_checks:Right"), planted(), Quota(rows=3))
    assert len(found) == 3
    assert isinstance(planted(), Pool)
