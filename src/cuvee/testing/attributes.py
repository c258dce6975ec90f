"""What every attribute must do. Run it on your own: `check_attribute(YourMethod())`."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from inspect import signature

import numpy as np
import pyarrow as pa
from numpy.random import default_rng

from cuvee.attributes import Attribute, Scorer, prepare
from cuvee.core import CuveeError
from cuvee.testing.planted_texts import language

Texts = tuple[str, ...]


def prose() -> Texts:
    """Documents of a small language, some of them twice."""
    some = language(1, 60, 0)
    return (*some, *some[:5], *language(2, 20, 0))


def layout() -> Texts:
    """Lines, lists, paragraphs, repetitions."""
    words = language(3, 12, 1)
    return (
        "\n".join(words), "\n\n".join(words), "\n".join(f"- {w}" for w in words),
        "\n".join([words[0]] * 9), " ".join([words[1]] * 5), "\n".join(f"{w} ..." for w in words),
        "# # # " + words[2], f"  \n\n {words[3]}…\r\n\r\n{words[4]}\n  ",
    )  # fmt: skip


def odd() -> Texts:
    """Empty, blank, one word, no letters, other scripts, controls, one word without an end."""
    return (
        "", " ", "\n\n\n", "word", "....", "… … …", "12 34 56", "\x00\x01 \x7f", "x" * 30_000,
        "ж" * 500, "日本語の文章には空白がない。" * 20, "e\u0301 \u00a0 \u2028 \u200b",
        "a b\tc\x0bd\x0ce\rf", "😀 " * 40, "-", "#", "•", "the be to of",
    )  # fmt: skip


PROBLEMS: Mapping[str, Callable[[], Texts]] = {"prose": prose, "layout": layout, "odd": odd}


def reference() -> pa.LargeStringArray:
    """What an attribute that learns is fitted to: a part of the prose, and more."""
    return pa.array([*prose()[10:40], *language(4, 30, 2)], pa.large_string())


def scorer(method: Attribute) -> Scorer:
    """Fitted, where it learns."""
    return prepare(method, reference() if method.learns else None)


def array(texts: Texts) -> pa.LargeStringArray:
    """As sources hand texts on."""
    return pa.array(texts, pa.large_string())


def check_is_a_frozen_value_of_settings(method: Attribute, texts: Texts) -> None:
    """Frozen, picklable, every setting documented and with a default; calls as the contract."""
    assert is_dataclass(method)
    assert method.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(method)) == method == type(method)()
    for setting in fields(method):
        assert f"{setting.name}:" in (type(method).__doc__ or ""), f"{setting.name}: no docstring"
    call = method.fit if method.learns else method.score  # type: ignore[attr-defined]
    assert list(signature(call).parameters) == ["reference" if method.learns else "text"]
    assert method.learns in ("", "sample", "reference")


def check_a_row_for_each_text(method: Attribute, texts: Texts) -> None:
    """The stated columns, named after the method, with one type, also where there is no text."""
    found = scorer(method).score(array(texts))
    name = type(method).__name__.lower()
    assert tuple(found.column_names) == method.columns()
    assert all(column.startswith(f"{name}_") for column in method.columns())
    assert len(found) == len(texts)
    none = scorer(method).score(array(()))
    assert len(none) == 0
    assert none.schema == found.schema


def check_numbers_are_finite_or_null(method: Attribute, texts: Texts) -> None:
    """What is not known is null, never NaN, infinite or a code of its own."""
    for column in scorer(method).score(array(texts)).columns:
        if pa.types.is_floating(column.type):
            values = column.drop_null().to_numpy()
            assert np.isfinite(values).all()
            assert (values >= 0).all()


def check_a_text_is_scored_by_itself(method: Attribute, texts: Texts) -> None:
    """Whatever stands beside it, in whatever order, and in a part of a longer array."""
    made = scorer(method)
    whole = made.score(array(texts))
    order = default_rng(2).permutation(len(texts))
    assert made.score(array(texts).take(pa.array(order))).equals(whole.take(pa.array(order)))
    padded = array(("", "some more text here", *texts, "the end"))
    assert made.score(padded.slice(2, len(texts))).equals(whole)
    single = [made.score(array((text,))) for text in texts]
    assert pa.concat_tables(single).combine_chunks().equals(whole.combine_chunks())


def check_same_reference_gives_the_same_scores(method: Attribute, texts: Texts) -> None:
    """To the bit; the scorer can be sent to another process."""
    first = scorer(method)
    found = first.score(array(texts))
    assert scorer(method).score(array(texts)).equals(found)
    assert pickle.loads(pickle.dumps(first)).score(array(texts)).equals(found)


def check_reference_is_missed(method: Attribute, texts: Texts) -> None:
    """One that learns says in a line that there is nothing to learn from; another needs nothing."""
    for given in (None, array(()), array(("", ""))):
        try:
            found = prepare(method, given).score(array(texts))
        except CuveeError as error:
            assert method.learns
            assert "\n" not in str(error)
        else:
            assert not method.learns
            assert len(found) == len(texts)


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_attribute(method: Attribute) -> None:
    """Every check on every problem; raises AssertionError at the first failure."""
    for check in list(CHECKS.values()):
        for problem in PROBLEMS.values():
            check(method, problem())


__all__ = ["CHECKS", "PROBLEMS", "check_attribute", "reference", "scorer"]
