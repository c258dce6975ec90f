"""What every method that finds duplicates must do. Run it on your own: `check_deduper(Mine())`."""

import pickle
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from inspect import signature

import numpy as np
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.copies import Deduper, Found
from cuvee.documents.deduplicating import Reading
from cuvee.documents.trimming import trim
from cuvee.engine.local import Local
from cuvee.testing.planted_copies import PLANTED, Copies, Listed

PROBLEMS: Mapping[str, Callable[[], Copies]] = PLANTED
FINDS = ("copies", "near", "passages")


def stays(found: Found, texts: Listed) -> Counter[str]:
    """Texts of what stays, trimmed where passages are cut; how often each stands there."""
    left: list[str] = []
    for batch in texts(lambda text: text, label=""):
        if found.cuts is not None:
            batch = trim(batch, found.cuts, len(left))
        left += batch.to_pylist()
    return Counter(left[i] for i in np.flatnonzero(found.kept))


def check_is_a_frozen_value_of_settings(method: Deduper, planted: Copies) -> None:
    """Frozen, picklable, every setting documented and with a default; calls as the contract."""
    assert is_dataclass(method)
    assert method.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(method)) == method == type(method)()
    for setting in fields(method):
        assert f"{setting.name}:" in (type(method).__doc__ or ""), f"{setting.name}: no docstring"
    assert list(signature(method.find).parameters) == ["texts"]
    assert method.finds in FINDS


def check_answer_is_whole(method: Deduper, planted: Copies) -> None:
    """One entry a document; who stands in for others stays; passages lie within their documents."""
    found = method.find(planted.texts())
    n = len(planted.items)
    assert found.canonical.shape == found.similarity.shape == (n,)
    assert found.canonical.dtype == np.int64
    assert (found.canonical[found.canonical] == found.canonical).all()
    measured = found.similarity[~np.isnan(found.similarity)]
    assert ((measured >= 0) & (measured <= 1)).all()
    assert (found.similarity[found.kept] == 1).all()
    if found.cuts is None:
        return
    cuts = found.cuts
    sizes = np.array([len(text.encode()) for text in planted.items])[cuts.documents]
    assert (np.diff(cuts.documents) >= 0).all()
    same = cuts.documents[1:] == cuts.documents[:-1]
    assert (cuts.starts[1:][same] > cuts.stops[:-1][same]).all()
    assert ((cuts.starts >= 0) & (cuts.starts < cuts.stops) & (cuts.stops <= sizes)).all()
    assert found.kept[cuts.documents].all()
    assert found.kept[cuts.of].all()


def check_order_of_documents_does_not_matter(method: Deduper, planted: Copies) -> None:
    """The same texts stay, as often, in any order and cut into batches in any way."""
    first = stays(method.find(planted.texts()), planted.texts())
    rng = default_rng(3)
    for batch in (1, 5, 10**6):
        texts = planted.texts(rng.permutation(len(planted.items)).tolist(), batch)
        assert stays(method.find(texts), texts) == first


def check_workers_do_not_matter(method: Deduper, planted: Copies) -> None:
    """To the bit, whatever the workers and the pieces."""
    answers = [
        method.find(Reading(planted.sources(piece), Local(workers), strict=False))
        for workers, piece in ((1, 10**9), (1, 4), (3, 4), (4, 1))
    ]
    for other in answers[1:]:
        assert np.array_equal(answers[0].canonical, other.canonical)
        assert np.array_equal(answers[0].similarity, other.similarity, equal_nan=True)
        if answers[0].cuts is not None:
            assert other.cuts is not None
            for name in ("documents", "starts", "stops", "of"):
                assert np.array_equal(getattr(answers[0].cuts, name), getattr(other.cuts, name))


def check_one_of_equal_documents_stays(method: Deduper, planted: Copies) -> None:
    """Exactly the first, when all documents are given twice; the others are as before."""
    n = len(planted.items)
    once = method.find(planted.texts())
    twice = method.find(planted.texts([*range(n), *range(n)]))
    assert np.array_equal(twice.canonical[:n], once.canonical)
    assert np.array_equal(twice.canonical[n:], once.canonical)


def check_nothing_else_goes(method: Deduper, planted: Copies) -> None:
    """Documents that repeat nothing stay as they are."""
    if not planted.kind:
        return
    found = method.find(planted.texts())
    alone = np.flatnonzero(planted.of < 0)
    assert found.kept[alone].all()
    if found.cuts is not None:
        assert not np.isin(found.cuts.documents, alone).any()


def check_finds_what_it_says(method: Deduper, planted: Copies) -> None:
    """All that is planted of its kind: one of each group is left, or the passage stands once."""
    if method.finds != planted.kind:
        return
    texts = planted.texts()
    found = method.find(texts)
    groups = np.unique(planted.of[planted.of >= 0])
    if found.cuts is None:
        for group in groups:
            members = np.flatnonzero(planted.of == group)
            assert len(np.unique(found.canonical[members])) == 1
            assert found.canonical[members[0]] in members
        return
    before = sum(len(text) for text in planted.items)
    after = sum(len(text) * many for text, many in stays(found, texts).items())
    planted_size = sum(len(text) for text in planted.items) / len(planted.items)
    assert after < before - len(groups) * planted_size / 2
    for group in groups:
        members = np.flatnonzero(planted.of == group)
        assert len(np.intersect1d(members, found.cuts.documents)) == len(members) - 1


def check_a_second_run_finds_nothing(method: Deduper, planted: Copies) -> None:
    """What stays repeats nothing any more."""
    texts = planted.texts()
    left = Listed(tuple(stays(method.find(texts), texts).elements()))
    again = method.find(left)
    assert again.kept.all()
    assert again.cuts is None or not len(again.cuts)


def check_nothing_and_one_document(method: Deduper, planted: Copies) -> None:
    """No document, and one."""
    assert len(method.find(Listed(()))) == 0
    one = method.find(Listed((planted.items[0],)))
    assert one.canonical.tolist() == [0]


def check_bad_settings_are_refused(method: Deduper, planted: Copies) -> None:
    """A number below 0 and an unknown word, in one line."""
    for setting in fields(type(method)):  # type: ignore[arg-type]
        if setting.name == "seed":
            continue
        bad = -1 if isinstance(getattr(method, setting.name), int | float) else "no such thing"
        try:
            type(method)(**{setting.name: bad})
        except CuveeError as error:
            assert "\n" not in str(error)
        else:
            raise AssertionError(f"{setting.name}={bad!r} was taken")


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_deduper(method: Deduper) -> None:
    """Every check on every problem; raises AssertionError at the first failure."""
    for check in list(CHECKS.values()):
        for problem in PROBLEMS.values():
            check(method, problem())


__all__ = ["CHECKS", "PROBLEMS", "check_deduper", "stays"]
