"""Training on rows of tables: what `linear`, `boosting` and `neighbours` share.

Features are scaled to mean 0 and variance 1 over all sources once, so that all runs see the same
numbers; so are labels that are quantities. A run takes of each source as many rows as its tokens
say, in an order of its own that depends on the seed alone: more tokens are the same rows and some
more. A row that is taken again weighs more, but is no new evidence: the weights are scaled to sum
to Kish's effective number of rows, (sum w)^2 / sum w^2. These models have no memory of the order,
so a run that continues another is one run on all rows of both.

References: Kish, "Survey Sampling", Wiley, 1965.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Outcome, Trial
from cuvee.core.data import Cut, Data, Source, Survey
from cuvee.core.order import shuffled
from cuvee.core.rows import ROWS, Rows

NATS = "nats per row"
SQUARED = "squared error per variance of y"
FLAT = 1e-12
"""Of the largest value: a range below is rounding errors, and no scale."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """Rows to train on.

    Args:
        x: Scaled features.
        y: Number of the class, or scaled quantity.
        weight: Of each row; they sum to the effective number of rows.
        classes: How many there are; 0 for quantities.
    """

    x: Float[np.ndarray, "rows features"]
    y: np.ndarray
    weight: Float[np.ndarray, "rows"]
    classes: int

    @property
    def effective(self) -> float:
        """Effective number of rows."""
        return float(self.weight.sum())


class Model(Protocol):
    """What was trained."""

    def predict(self, x: Float[np.ndarray, "rows features"]) -> np.ndarray:
        """Probabilities, (rows, classes), none of them 0; or quantities, (rows,)."""
        ...


class Method(Protocol):
    """A way to train."""

    @property
    def draws(self) -> int:
        """Resamples of the target rows behind the stated spread."""
        ...

    def fit(self, taken: Taken, seed: int) -> Model:
        """A model of these rows."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Rows of the pieces of a source, in order; those of other pieces are added with `+`."""

    parts: tuple[Rows, ...] = ()

    def __add__(self, other: "Gathered") -> "Gathered":
        return Gathered(self.parts + other.parts)


class RowTally:
    """Keeps the rows of one piece."""

    def __init__(self) -> None:
        self._parts: list[Rows] = []

    def add(self, cut: Cut) -> None:
        """Keep some rows."""
        if cut.rows is not None:
            self._parts.append(cut.rows)

    def result(self) -> Gathered:
        """What was kept."""
        return Gathered(tuple(self._parts))


@dataclass(frozen=True, slots=True, eq=False)
class RowTrainer:
    """Losses of mixtures by training on their rows; what `prepare_rows` returns.

    Args:
        sources: Names.
        targets: Names.
        available: Rows of each source.
        x: Scaled features of the sources, one behind the other.
        y: Number of the class of each row, or its scaled quantity.
        asked: Scaled rows of each target.
        classes: How many there are; 0 for quantities.
        resamples: How often each draw takes each row, per target.
        method: That trains.
        key: Chooses the order in which rows are taken.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    available: Float[np.ndarray, "sources"]
    x: Float[np.ndarray, "rows features"]
    y: np.ndarray
    asked: tuple[Rows, ...]
    classes: int
    resamples: tuple[Int[np.ndarray, "draws rows"], ...]
    method: Method
    key: int

    def run(self, trial: Trial, *, rng: Generator) -> Outcome:
        """Train, and measure the loss of every target row; the spread is that of these rows."""
        model = self._model(trial)
        losses = [self._losses(model, rows) for rows in self.asked]
        center = np.array([loss.mean() for loss in losses])
        unit = NATS if self.classes else SQUARED
        if min(map(len, losses)) > 1:
            draws = [picks @ loss / len(loss) for picks, loss in zip(self.resamples, losses)]
            found = Estimate(np.stack(draws, axis=1), unit, "target documents", center)
        else:
            found = Estimate(center[None], unit, "none")
        log_probs = tuple(map(self._log_probs, losses)) if trial.per_token else None
        return Outcome(found, cost=trial.cost(), log_probs=log_probs)

    def _model(self, trial: Trial) -> Model:
        if not trial.merge:
            return self.method.fit(self._taken(trial), _word(self.key, trial.seed))
        average = getattr(self.method, "average", None)
        if average is None:
            name = type(self.method).__name__.lower()
            raise CuveeError(
                f"models of the proxy {name!r} have no parameters to average, and this method "
                "merges runs: use --proxy linear, or another method."
            )
        return average([(weight, self._model(one)) for weight, one in trial.merge])

    def _taken(self, trial: Trial) -> Taken:
        weight, seed = [], trial.chain()[0].seed
        counts = _whole(trial.seen())
        for i, (name, size, count) in enumerate(zip(self.sources, self.available, counts)):
            if count and not size:
                raise CuveeError(f"source {name!r} holds no rows, and the mixture asks for some.")
            weight.append(_times(int(size), int(count), self.key, seed, i))
        every = np.concatenate(weight)
        rows = np.flatnonzero(every)
        some = every[rows] * (every.sum() / (every**2).sum())
        return Taken(self.x[rows], self.y[rows], some, self.classes)

    def _losses(self, model: Model, rows: Rows) -> Float[np.ndarray, "rows"]:
        found = model.predict(rows.x)
        if self.classes:
            return -np.log(found[np.arange(len(rows)), rows.labels])
        return (found - rows.labels) ** 2

    def _log_probs(self, losses: Float[np.ndarray, "rows"]) -> Float[np.ndarray, "rows"]:
        """In nats; a quantity is taken for Gaussian, with the variance that y has over all."""
        return -losses if self.classes else -(losses + np.log(2 * np.pi)) / 2


def prepare_rows(method: Method, data: Data, *, rng: Generator) -> tuple[RowTrainer, Survey]:
    """One pass over the sources, one over the targets; all rows are kept in memory.

    Raises:
        CuveeError: These are no rows, they have no labels, or tables do not fit together.
    """
    name = type(method).__name__.lower()
    if data.units.name != ROWS:
        raise CuveeError(
            f"the proxy {name!r} trains on rows of numbers, and these sources hold text: give "
            "arrays (x, y) or .npz files, or take --proxy counts."
        )
    survey, found = data.survey(RowTally)
    tables = {f"source {s.name!r}": gathered.parts for s, gathered in zip(data.sources, found)}
    tables |= {f"target {t.name!r}": _rows(data, t) for t in data.targets}
    rows = _joined(tables, name)
    sources, asked = rows[: len(data.sources)], rows[len(data.sources) :]
    (x, y), asked, classes = _scaled(sources, asked)
    resamples = tuple(
        rng.multinomial(len(t), np.full(len(t), 1 / len(t)), size=method.draws) for t in asked
    )
    trainer = RowTrainer(
        tuple(s.name for s in data.sources), tuple(t.name for t in data.targets),
        survey.available, x, y, asked, classes, resamples, method, int(rng.integers(2**62)),
    )  # fmt: skip
    return trainer, survey


def smoothed(
    probabilities: Float[np.ndarray, "rows classes"], evidence: float, smoothing: float
) -> Float[np.ndarray, "rows classes"]:
    """Probabilities as if every class had been met `smoothing` times more (Laplace's rule).

    So none is 0, not even of a class that a mixture lacks, and none is further from even odds
    than so much evidence can justify.
    """
    many = probabilities.shape[1]
    return (evidence * probabilities + smoothing) / (evidence + many * smoothing)


def check_common(name: str, smoothing: float, draws: int) -> None:
    """Refuse settings that no method for rows can have."""
    if not smoothing > 0 or draws < 1:
        raise CuveeError(
            f"{name}: expected smoothing above 0 and draws of at least 1, got {smoothing} and "
            f"{draws}."
        )


def _word(*numbers: int) -> int:
    """A seed of 32 bits, as scikit-learn wants it."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _whole(rows: Float[np.ndarray, "sources"]) -> Int[np.ndarray, "sources"]:
    """Whole rows, rounded so that they sum to the rounded sum, and to one at least."""
    count = np.floor(rows).astype(np.int64)
    left = max(round(float(rows.sum())), 1) - int(count.sum())
    count[np.argsort(count - rows, kind="stable")[:left]] += 1
    return count


def _times(size: int, count: int, *key: int) -> Float[np.ndarray, "rows"]:
    """How often each of `size` rows is among the first `count` of their order."""
    if not size:
        return np.zeros(0)
    passes, rest = divmod(count, size)
    times = np.full(size, float(passes))
    times[shuffled(np.arange(count - rest, count), size, *key)] += 1
    return times


def _rows(data: Data, target: Source) -> tuple[Rows, ...]:
    tally = RowTally()
    for piece in target.pieces():
        for batch in target.read(piece):
            for cut in data.units.cut(batch.text):
                tally.add(cut)
    return tally.result().parts


def _joined(tables: dict[str, tuple[Rows, ...]], proxy: str) -> list[Rows]:
    """The rows of each table, all of one width and one kind of labels."""
    parts = [(name, part) for name, some in tables.items() for part in some]
    if not parts:
        raise CuveeError("neither sources nor targets hold any rows.")
    first, like = parts[0]
    for name, part in parts:
        if part.y is None:
            raise CuveeError(
                f"{name} has no y, and the proxy {proxy!r} learns to predict y: give arrays "
                "(x, y), or both in the .npz file."
            )
        if part.x.shape[1] != like.x.shape[1]:
            raise CuveeError(
                f"{name} has {part.x.shape[1]} features and {first} {like.x.shape[1]}: expected "
                "the same columns everywhere."
            )
        if part.kind != like.kind:
            raise CuveeError(
                f"y of {name} holds {part.kind}, of {first} {like.kind}: expected labels of one "
                "kind; with a point (floats) they are quantities, else classes."
            )
    empty = Rows(like.x[:0], None if like.y is None else like.y[:0])
    return [Rows.joined([empty, *some]) for some in tables.values()]


def _scaled(
    sources: Sequence[Rows], targets: Sequence[Rows]
) -> tuple[tuple[np.ndarray, Any], tuple[Rows, ...], int]:
    """All source rows; the targets'; how many classes there are, 0 for quantities."""
    x = np.concatenate([rows.x for rows in sources])
    center, scale = x.mean(axis=0), x.std(axis=0)
    scale[_flat(x)] = 1.0
    y = Rows.joined(sources).labels
    every = np.unique(Rows.joined([*sources, *targets]).labels)
    classes = 0 if every.dtype.kind == "f" else len(every)
    if len(every) < 2 or (not classes and _flat(every)):
        raise CuveeError(f"y is {every[0].item()!r:.40} in every row: there is nothing to predict.")
    middle, width = 0.0, 1.0
    if not classes:
        middle, width = y.mean(), (every if _flat(y) else y).std()

    def number(labels: np.ndarray) -> np.ndarray:
        return np.searchsorted(every, labels) if classes else (labels - middle) / width

    asked = tuple(Rows((t.x - center) / scale, number(t.labels)) for t in targets)
    return ((x - center) / scale, number(y)), asked, classes


def _flat(values: np.ndarray) -> np.ndarray:
    """Whether each column is one number, whose mean and deviation can be off by rounding."""
    low, high = values.min(axis=0, initial=np.inf), values.max(axis=0, initial=-np.inf)
    return high - low <= FLAT * np.maximum(np.abs(low), np.abs(high))
