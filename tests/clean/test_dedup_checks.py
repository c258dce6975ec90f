"""Every check of the room notices a method that is broken in its way."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from cuvee import clean
from cuvee.core.copies import Cuts, Found
from cuvee.testing.clean import CHECKS, PROBLEMS, check_deduper

INNER = clean.load("minhash")


@dataclass(frozen=True, slots=True)
class Broken:
    """As minhash, but for something.

    Args:
        threshold: Not checked.
    """

    finds: ClassVar[str] = "near"
    threshold: float = 0.8

    def find(self, texts):
        return self.spoil(INNER.find(texts))

    def spoil(self, found):
        return found


class Loose(Broken):
    """Not a frozen dataclass of its own."""

    finds = "everything"


class Unsettled(Broken):
    """Names a stand-in that went itself."""

    def spoil(self, found):
        return replace(found, canonical=np.maximum(found.canonical - 1, 0))


class LastStays(Broken):
    """The last of equal documents stays."""

    def spoil(self, found):
        last = np.full(len(found), -1)
        np.maximum.at(last, found.canonical, np.arange(len(found)))
        return Found(last[found.canonical], np.ones(len(found), np.float32))


class HalfStays(Broken):
    """Documents at odd numbers stay whatever they say, so that order matters."""

    def spoil(self, found):
        rows = np.arange(len(found))
        odd = rows % 2 == 1
        return replace(found, canonical=np.where(odd | odd[found.canonical], rows, found.canonical))


class ByBatch(Broken):
    """Looks at each batch alone."""

    def find(self, texts):
        found, done = [np.zeros(0, np.int64)], 0
        for text in texts(lambda text: text, label=""):
            part = INNER.find(lambda job, *, label, text=text: iter([job(text)]))
            found.append(part.canonical + done)
            done += len(part)
        canonical = np.concatenate(found)
        return Found(canonical, np.ones(len(canonical), np.float32))


class OneStays(Broken):
    """All is one group."""

    def spoil(self, found):
        return replace(found, canonical=np.zeros(len(found), np.int64))


class AllStays(Broken):
    """Finds nothing."""

    def spoil(self, found):
        return replace(found, canonical=np.arange(len(found)))


class CutsAll(Broken):
    """Cuts the first byte of every document that has one, again and again."""

    def find(self, texts):
        sizes = [len(t.encode()) for some in texts(lambda x: x, label="") for t in some.to_pylist()]
        some = np.flatnonzero(np.array(sizes, int) > 1)
        n = len(sizes)
        cuts = Cuts(some, np.zeros(len(some), int), np.ones(len(some), int), some)
        return Found(np.arange(n), np.ones(n, np.float32), cuts)


class NeedsOne(Broken):
    """Falls over where there is nothing."""

    def spoil(self, found):
        if not len(found):
            raise ValueError("nothing")
        return found


@pytest.mark.parametrize(
    ("broken", "check", "problem"),
    [
        (Loose, "check_is_a_frozen_value_of_settings", "near"),
        (Unsettled, "check_answer_is_whole", "near"),
        (HalfStays, "check_order_of_documents_does_not_matter", "near"),
        (ByBatch, "check_workers_do_not_matter", "near"),
        (LastStays, "check_one_of_equal_documents_stays", "copies"),
        (OneStays, "check_nothing_else_goes", "near"),
        (AllStays, "check_finds_what_it_says", "near"),
        (CutsAll, "check_a_second_run_finds_nothing", "near"),
        (NeedsOne, "check_nothing_and_one_document", "odd"),
        (Broken, "check_bad_settings_are_refused", "near"),
    ],
)
def test_check_notices(broken, check, problem):
    planted = PROBLEMS[problem]()
    if check not in ("check_is_a_frozen_value_of_settings", "check_bad_settings_are_refused"):
        CHECKS[check](INNER, planted)
    with pytest.raises((AssertionError, ValueError)):
        CHECKS[check](broken(), planted)


def test_every_check_is_tried():
    tried = test_check_notices.pytestmark[0].args[1]
    assert {check for _, check, _ in tried} == set(CHECKS)


def test_all_checks_at_once():
    check_deduper(clean.load("exact"))
    with pytest.raises(AssertionError):
        check_deduper(AllStays())
