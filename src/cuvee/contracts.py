"""Every contract of cuvee: the architecture on one page.

A room answers one question, has one contract and a table `METHODS` from name to
`"module:Class"`. A method is a frozen dataclass of settings; what it learns, it returns.

| room | question | contract |
|---|---|---|
| sources | where do samples come from? | `Source` |
| proxies | what would training on this give? | `Proxy`, which prepares a `Trainer` |
| mix | how much of which source? | `Mixer`; one that learns a law from runs is a `Learner` |
| predict | what at another budget, size, seed? | `Law`, which fits a `Fitted` |
| features | where does a document lie? | `Feature` |
| select | which samples? | `Selector` |
| clean | what stands more than once? | `Deduper` |
| attributes | what is known of each document? | `Attribute`, in `cuvee.attributes` |
| measure | how much, how different, how diverse? | `Measure` |
| export | how is a dataset written? | `Format` |
| trainers | what does a trainer read? | `Stack` |
| engine | where does it run? | `Engine` |

`Source`, `Units` and `Engine` live in `cuvee.core.data`, `Deduper` in `cuvee.core.copies`; they are
repeated here by name.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.copies import Deduper
from cuvee.core.data import Data, Engine, Source, Survey, Units
from cuvee.core.dataset import Dataset
from cuvee.core.estimate import Estimate
from cuvee.core.points import Points
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.core.runs import Runs
from cuvee.core.sample import Sample
from cuvee.core.study import Outcome, Study, Trial

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Deduper",
    "Engine",
    "Feature",
    "Fitted",
    "Forecast",
    "Format",
    "Formula",
    "Law",
    "Learner",
    "Measure",
    "Mixer",
    "Proxy",
    "Selector",
    "Source",
    "Stack",
    "Trainer",
    "Units",
]


class Trainer(Protocol):
    """Turns trials into losses."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Names; shares come in this order."""
        ...

    @property
    def targets(self) -> tuple[str, ...]:
        """Names; losses come in this order."""
        ...

    @property
    def available(self) -> np.ndarray:
        """Tokens that each source holds."""
        ...

    def run(self, trial: Trial, *, rng: Generator) -> Outcome:
        """Train, or stand in for training. Draws are paired across trials."""
        ...


class Proxy(Protocol):
    """A stand-in for training.

    One whose trials are real training, so that each costs, says so with a class attribute
    `real = True`; `prior` may name the free proxy that forecasts them. `reads` is "text" unless it
    says "rows". A setting called `cache` is a promise that finished runs are kept and never made
    again.
    """

    def prepare(self, data: Data, *, rng: Generator) -> tuple[Trainer, Survey]:
        """Whatever is done once for all trials, a pass over the sources included."""
        ...


class Mixer(Protocol):
    """Decides how much of which source."""

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The next trials to run; none when enough is known."""
        ...

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Shares within the problem's limits, with their spread."""
        ...


class Forecast(Protocol):
    """Losses at points that were not run."""

    def mean(self, points: Points) -> Float[np.ndarray, "points targets"]:
        """The point forecast."""
        ...

    def predict(self, points: Points) -> Estimate:
        """What one more run would give, its own noise included: draws, points, targets."""
        ...


@runtime_checkable
class Learner(Mixer, Protocol):
    """A mixer that learns a law of the losses from runs, its own or those of others."""

    def fit(self, study: Study, *, rng: Generator) -> Forecast:
        """The law, fitted to every trial of the study.

        Raises:
            CuveeError: Fewer trials than the law needs.
        """
        ...


class Fitted(Forecast, Protocol):
    """A law of one target's losses, fitted to runs."""

    @property
    def parameters(self) -> Mapping[str, Estimate]:
        """By the names of the law's formula, in natural units: nats, parameters, tokens."""
        ...

    @property
    def objective(self) -> Mapping[str, float]:
        """What the fit made small, by name: `sum_huber`, the sum of Huber losses."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What the runs cannot tell, in sentences."""
        ...

    def expected(self, points: Points) -> Estimate:
        """The law's own value, without the noise of one more run: draws, points, targets."""
        ...


class Law(Protocol):
    """A scaling law: losses as a function of size, tokens and whatever else the runs state."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Axes that every run and every point must state, such as `params`."""
        ...

    def fit(self, runs: Runs, *, rng: Generator) -> Fitted:
        """Fitted to the losses of runs on their one target.

        Raises:
            CuveeError: Fewer scales than the law has parameters, or an axis is missing.
        """
        ...


@runtime_checkable
class Formula(Law, Protocol):
    """A law with a closed formula, which serves as a calculator, too."""

    @property
    def published(self) -> Mapping[str, float]:
        """Constants of the source, by the names of the natural parameters."""
        ...

    @property
    def value(self) -> Callable[..., Float[np.ndarray, "points"]]:
        """`value(points, **parameters)`: losses by the formula."""
        ...


class Feature(Protocol):
    """Turns documents into points."""

    def fit(
        self, texts: Sequence[str], *, rng: Generator
    ) -> "Callable[[pa.LargeStringArray], Float[np.ndarray, 'documents dims']]":
        """What turns text into points, fitted to some texts; the same texts, the same points.

        Raises:
            CuveeError: None of the texts has a word, or something that is needed is not there.
        """
        ...


class Selector(Protocol):
    """Chooses samples.

    Called through `cuvee.select.choose`, which checks the pool and lays its rows out in an order of
    content.
    """

    needs: ClassVar[tuple[str, ...]]
    """Of "points", "counts", "labels", "quality", "groups": fields of the pool that it reads."""
    targeted: ClassVar[bool]
    """Whether it cannot do without a target."""
    seeks: ClassVar[str]
    """What a good choice is to it: "target", "cover", "quality", "learning", or "" for nothing."""

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None, rng: Generator) -> Choice:
        """Distinct rows within the quota, the first taken first."""
        ...


class Measure(Protocol):
    """A number about data.

    Called through `cuvee.measure.measure`, which checks the samples, lays their rows out in an
    order of content, and adds to the number's notes why the data lie outside of the regime.
    """

    takes: ClassVar[str | tuple[str, str]]
    """Which view of a sample it looks at: "points", "labels", "symbols" or "texts"; a pair if it
    looks at the two samples in different ways."""
    of: ClassVar[str]
    """"one" data set, "two" data sets of different rows, or "rows": two groups of columns of the
    same rows."""
    asks: ClassVar[str]
    """The question that it answers: "entropy", "dependence", "difference", "diversity",
    "complexity", "memory" (rows stay in their order then) or "copying" (the first sample was
    generated, the second trained on)."""
    unit: ClassVar[str]
    """Of the number."""
    keeps: ClassVar[tuple[str, ...]]
    """What may be done to the data without changing the number: "shift", "scale", "rotation" or
    "monotone" of all columns (each alike), "swap" of the two samples, "rename" of the classes."""

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Why a number of such data would lie, in sentences; nothing if it can be trusted. Quick:
        it is asked of every method before one is suggested.
        """
        ...

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """The number, with the interval of its error, the bias included."""
        ...


class Format(Protocol):
    """Writes shards of the mixed dataset."""

    suffix: ClassVar[str]

    def write(self, table: "pa.Table", path: Path) -> None:
        """One shard, the same bytes every time."""
        ...


class Stack(Protocol):
    """A training stack: writes what it reads.

    One that reads the mixed documents themselves, in a form of its own, writes data; one that
    mixes by itself gets a configuration that names each source's own files and its weight.
    """

    needs: ClassVar[tuple[str, ...]]
    """Of "documents", "paths" (of each source's files), "tokenizer": what it cannot do without."""

    def write(self, dataset: Dataset, out: Path) -> str:
        """Fill the empty folder `out`, the same bytes every time.

        Returns:
            What the user writes on the trainer's side, in a line or a few.

        Raises:
            CuveeError: The stack cannot read such a dataset.
        """
        ...
