"""What every feature must do. Run it on your own: `check_feature(YourFeature())`."""

import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from inspect import signature

import numpy as np
import pyarrow as pa

from cuvee.contracts import Feature
from cuvee.core import CuveeError, stream
from cuvee.testing.export import STRANGE
from cuvee.testing.planted_texts import language

TEXTS: Mapping[str, tuple[str, ...]] = {
    "languages": tuple(" ".join(language(i % 3, 3, i)) for i in range(60)),
    "strange": (*STRANGE, "", " ", "word " * 5000, *("a b c",) * 5),
    "one": ("a single document", "a single document"),
}


def points(feature: Feature, texts: tuple[str, ...], batch: int = 10**9) -> np.ndarray:
    """Of all texts, fitted to them."""
    fitted = feature.fit(list(texts), rng=stream(0, "features"))
    parts = [
        fitted(pa.array(texts[i : i + batch], pa.large_string()))
        for i in range(0, len(texts), batch)
    ]
    return np.concatenate(parts)


def check_is_a_frozen_value_of_settings(feature: Feature, texts: tuple[str, ...]) -> None:
    """Frozen, picklable, every setting documented and with a default; calls as the contract."""
    assert is_dataclass(feature)
    assert feature.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(feature)) == feature
    type(feature)()
    for setting in fields(feature):
        assert f"{setting.name}:" in (type(feature).__doc__ or ""), f"{setting.name}: no docstring"
    assert list(signature(feature.fit).parameters) == ["texts", "rng"]


def check_a_point_for_each_document(feature: Feature, texts: tuple[str, ...]) -> None:
    """Numbers of 32 bits, of length 1; or of length 0 where nothing is known of a document."""
    found = points(feature, texts)
    assert found.dtype == np.float32
    assert found.shape[0] == len(texts)
    length = np.linalg.norm(found, axis=1)
    assert (np.isclose(length, 1, atol=1e-4) | (length == 0)).all()


def check_batches_and_seeds_change_nothing(feature: Feature, texts: tuple[str, ...]) -> None:
    """To the bit where it is made again; to rounding where it comes in other batches."""
    found = points(feature, texts)
    assert np.array_equal(found, points(feature, texts))
    assert np.allclose(found, points(feature, texts, batch=7), atol=1e-5)


def check_equal_documents_are_at_one_place(feature: Feature, texts: tuple[str, ...]) -> None:
    """And no documents are no points."""
    found = points(feature, texts)
    for i, text in enumerate(texts):
        assert np.allclose(found[i], found[texts.index(text)], atol=1e-5)
    fitted = feature.fit(list(texts), rng=stream(0, "features"))
    assert fitted(pa.array([], pa.large_string())).shape == (0, found.shape[1])


def check_likes_are_near(feature: Feature, texts: tuple[str, ...]) -> None:
    """A document of a language is nearer to others of it than chance, where there are three."""
    if texts != TEXTS["languages"]:
        return
    found = points(feature, texts)
    alike = found @ found.T - 9 * np.eye(len(found))
    own = np.mean(alike.argmax(axis=1) % 3 == np.arange(len(found)) % 3)
    assert own > 0.5, own


def check_no_text_is_refused_in_one_line(feature: Feature, texts: tuple[str, ...]) -> None:
    """Or is a point like any other, where nothing is fitted."""
    try:
        found = points(feature, ("", " "))
    except CuveeError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(found).all()


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_feature(feature: Feature) -> None:
    """Every check on every set of texts; raises AssertionError at the first failure."""
    for check in list(CHECKS.values()):
        for texts in TEXTS.values():
            check(feature, texts)


__all__ = ["CHECKS", "TEXTS", "check_feature", "points"]
