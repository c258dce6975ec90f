"""What every measure must do. Run it on your own: `check_measure(YourMeasure())`."""

import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from inspect import signature

import numpy as np
from numpy.random import default_rng
from scipy.sparse import csr_array

from cuvee.contracts import Measure
from cuvee.core import CuveeError, Estimate
from cuvee.core.sample import Sample
from cuvee.measure import OF, measure
from cuvee.testing.planted_samples import KINDS, PLANTED, Pair, planted

QUESTIONS = {
    "entropy", "dependence", "difference", "diversity", "complexity", "memory", "copying"
}  # fmt: skip
KEEPS = {"shift", "scale", "rotation", "monotone", "swap", "rename"}


def views(method: Measure) -> tuple[str, ...]:
    """What it looks at, of each sample that it is of."""
    takes = (method.takes,) * 2 if isinstance(method.takes, str) else method.takes
    return takes[: 1 if method.of == "one" else 2]


def number(method: Measure, pair: Pair, seed: int = 0) -> Estimate:
    """The number of a planted pair."""
    return measure(method, *pair, seed=seed)


def check_is_a_frozen_value_of_settings(method: Measure) -> None:
    """Frozen, picklable, every setting documented and with a default; calls as the contract."""
    assert is_dataclass(method)
    assert method.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(method)) == method
    type(method)()
    for setting in fields(method):
        assert f"{setting.name}:" in (type(method).__doc__ or ""), f"{setting.name}: no docstring"
    assert list(signature(method.measure).parameters) == ["a", "b", "rng"]
    assert list(signature(method.outside).parameters) == ["a", "b"]
    assert method.of in OF
    assert method.asks in QUESTIONS
    assert set(views(method)) <= set(KINDS)
    assert set(method.keeps) <= KEEPS
    assert method.unit


def check_number_has_a_unit_and_a_spread(method: Measure) -> None:
    """One finite number, its interval around it, and the same again with the same seed."""
    pair = planted(method, "some")
    found, again = number(method, pair), number(method, pair)
    assert found.unit == method.unit
    assert np.ndim(found.mean) == 0
    assert np.isfinite(found.mean)
    assert np.isfinite(found.draws).all()
    assert found.spread != "none", "an interval was promised"
    low, high = found.interval()
    assert low <= high
    assert low - 0.05 * abs(low) - 1e-9 <= found.mean <= high + 0.05 * abs(high) + 1e-9
    assert np.array_equal(found.draws, again.draws)
    assert found.mean == again.mean


def check_order_of_rows_does_not_matter(method: Measure) -> None:
    """Not at all: to the bit. Of a series it does."""
    if method.asks == "memory":
        return
    pair = planted(method, "some")
    rng = default_rng(1)
    first = rng.permutation(len(pair[0]))
    orders = [first, first if method.of == "rows" else rng.permutation(len(pair[-1]))]
    if "texts" in views(method) or "symbols" in views(method):
        return  # documents are drawn, and symbols counted, before they come here
    mixed = tuple(s.take(order) for s, order in zip(pair, orders))
    assert np.array_equal(number(method, pair).draws, number(method, mixed).draws)


def check_nothing_is_nothing(method: Measure) -> None:
    """Two halves of one sample do not differ; what is independent does not depend: in most of
    eight cases 0 lies in the interval, and never is it far from it.
    """
    if method.asks not in ("difference", "dependence", "copying"):
        return
    inside = 0
    for seed in range(8):
        found = number(method, planted(method, "none", seed), seed)
        low, high = found.interval()
        width = max(float(high - low), 1e-9)
        assert low - 2 * width <= 0 or found.bound == "upper", (float(low), float(high))
        assert high + 2 * width >= 0 or found.bound == "lower", (float(low), float(high))
        inside += bool(low <= 1e-9 and high >= -1e-9) or found.bound != ""
    assert inside >= 6, inside


def check_more_is_more(method: Measure) -> None:
    """Where more is planted the number is higher, by more than the intervals' noise."""
    less, more = (number(method, planted(method, how)) for how in ("some", "much"))
    assert more.mean > less.mean, (float(less.mean), float(more.mean))
    assert more.interval()[1] > less.interval()[0]


def check_keeps_what_it_promises(method: Measure) -> None:
    """A change that must not matter leaves the number within the interval, and nearly the same."""
    pair = planted(method, "some")
    found = number(method, pair)
    low, high = found.interval()
    slack = max(0.5 * float(high - low), 1e-6 * abs(float(found.mean)), 1e-9)
    for what in method.keeps:
        after = number(method, CHANGES[what](pair))
        assert abs(after.mean - found.mean) <= slack, (what, float(found.mean), float(after.mean))


def check_bad_input_is_refused(method: Measure) -> None:
    """One row, NaN, other features, other data: one line that says what to do."""
    pair = planted(method, "some")
    bad: list[tuple[Sample, ...]] = [
        (replace(pair[0], size=1), *pair[1:]),
        (Sample("nothing", size=100), *pair[1:]),
        pair[:1] if len(pair) == 2 else (*pair, pair[0]),
    ]
    if views(method)[0] == "points":
        holes = np.array(pair[0].rows, np.float64)
        holes[3, 0] = np.nan
        bad.append((replace(pair[0], points=holes), *pair[1:]))
        if method.of == "two" and views(method)[-1] == "points":
            wide = np.column_stack([pair[0].rows, pair[0].rows])
            bad.append((replace(pair[0], points=wide), *pair[1:]))
    for given in bad:
        _refused(method, given)


def check_constant_columns_are_no_trouble(method: Measure) -> None:
    """A column that is always the same gives a finite number, or a clear error."""
    if views(method)[0] != "points":
        return
    pair = planted(method, "some")
    for flat in (
        np.column_stack([pair[0].rows, np.ones(len(pair[0]))]), np.ones_like(pair[0].rows)
    ):  # fmt: skip
        changed = [replace(pair[0], points=flat), *pair[1:]]
        if method.of == "two":
            wide = flat.shape[1] - pair[1].rows.shape[1]
            other = np.column_stack([pair[1].rows, np.ones((len(pair[1]), wide))])
            changed[1] = replace(pair[1], points=other)
        try:
            found = measure(method, *changed)
        except CuveeError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(found.mean)


def _refused(method: Measure, given: tuple[Sample, ...]) -> None:
    try:
        measure(method, *given)
    except CuveeError as error:
        assert "\n" not in str(error)
    else:
        raise AssertionError("bad input was not refused")


def _each(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Pair], Pair]:
    def changed(pair: Pair) -> Pair:
        return tuple(s if s.points is None else replace(s, points=change(s.points)) for s in pair)

    return changed


def _turned(x: np.ndarray) -> np.ndarray:
    rng = default_rng(5)
    turn = np.linalg.qr(rng.standard_normal((x.shape[1], x.shape[1])))[0]
    return x @ turn


def _renamed(pair: Pair) -> Pair:
    kinds = [1 + int(s.classes.max()) for s in pair if s.labels is not None]
    kinds += [s.blocks.toarray().shape[1] for s in pair if s.symbols is not None]
    order = default_rng(6).permutation(max(kinds, default=1))
    back = np.argsort(order)
    made = []
    for s in pair:
        labels = None if s.labels is None else order[s.classes]
        symbols = None
        if s.symbols is not None:
            counts = s.blocks.toarray()
            symbols = csr_array(counts[:, back[back < counts.shape[1]]])
        made.append(replace(s, labels=labels, symbols=symbols))
    return tuple(made)


CHANGES: dict[str, Callable[[Pair], Pair]] = {
    "shift": _each(lambda x: x + 3),
    "scale": _each(lambda x: x * 4),
    "rotation": _each(_turned),
    "monotone": _each(lambda x: x**3 + x),
    "swap": lambda pair: pair[::-1],
    "rename": _renamed,
}
CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_measure(method: Measure) -> None:
    """Every check; raises AssertionError at the first failure."""
    for check in list(CHECKS.values()):
        check(method)


__all__ = ["CHECKS", "PLANTED", "check_measure", "number", "planted"]
