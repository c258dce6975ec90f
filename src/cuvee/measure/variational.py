"""Mutual information from critics: networks that tell rows that belong together from shuffled ones.

MINE, NWJ, InfoNCE and SMILE train the same critics and differ in what they do with the scores. Here
all are judged on rows that the critic has not seen: a critic that learned rows by heart would
otherwise find information in noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Bound, Estimate
from cuvee.core.methods import missing
from cuvee.core.sample import Sample
from cuvee.measure.crossfit import concluded, laid_out, plan

if TYPE_CHECKING:
    from cuvee.measure.critics import Judged, Training

CriticName = Literal["joint", "separable"]
FEW = 500
"""Rows below which a critic learns next to nothing."""
THIN = 30
"""Rows in effect below which a mean of exponentials says nothing."""


@dataclass(frozen=True, slots=True)
class Mine:
    """Donsker-Varadhan bound by a network, its gradient corrected by a running mean (MINE).

    Args:
        critic: "joint" (one network of both rows) or "separable" (a product of two).
        hidden: Width of the two hidden layers.
        batch: Rows in a step.
        negatives: Shuffled partners of each row in a step, with the joint critic; the separable
            one takes the whole batch.
        steps: Of training.
        rate: Of Adam.
        nulls: Networks trained on shuffled rows.

    Fails when: the information is larger than about the log of the rows: the variance grows like
    its exponential. The note says so.

    References: Belghazi et al., "MINE: Mutual Information Neural Estimation", ICML 2018; Donsker
    and Varadhan, Communications on Pure and Applied Mathematics 36, 1983.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "monotone")
    critic: CriticName = "joint"
    hidden: int = 64
    batch: int = 256
    negatives: int = 4
    steps: int = 1000
    rate: float = 0.002
    nulls: int = 1

    def __post_init__(self) -> None:
        _checked(self)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows."""
        return _outside(a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        return _measured("mine", self, a, b, rng, "lower")


@dataclass(frozen=True, slots=True)
class Nwj:
    """Bound of Nguyen, Wainwright and Jordan by a network: no logarithm of a mean, no bias.

    Args:
        critic: "joint" (one network of both rows) or "separable" (a product of two).
        hidden: Width of the two hidden layers.
        batch: Rows in a step.
        negatives: Shuffled partners of each row in a step, with the joint critic; the separable
            one takes the whole batch.
        steps: Of training.
        rate: Of Adam.
        nulls: Networks trained on shuffled rows.

    Fails when: the information is large: the variance grows like its exponential.

    References: Nguyen, Wainwright and Jordan, "Estimating divergence functionals and the likelihood
    ratio by convex risk minimization", IEEE Transactions on Information Theory 56, 2010; Nowozin,
    Cseke and Tomioka, "f-GAN", NeurIPS 2016.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "monotone")
    critic: CriticName = "joint"
    hidden: int = 64
    batch: int = 256
    negatives: int = 4
    steps: int = 1000
    rate: float = 0.002
    nulls: int = 1

    def __post_init__(self) -> None:
        _checked(self)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows."""
        return _outside(a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        return _measured("nwj", self, a, b, rng, "lower")


@dataclass(frozen=True, slots=True)
class Infonce:
    """Contrastive bound: how well a row's partner is found among those of the batch (InfoNCE).

    Args:
        critic: "joint" (one network of both rows) or "separable" (a product of two).
        hidden: Width of the two hidden layers.
        batch: Rows in a step; the bound cannot exceed its logarithm.
        negatives: Other partners of each row with the joint critic, and the bound then cannot
            exceed the logarithm of one more; the separable one takes the whole batch.
        steps: Of training.
        rate: Of Adam.
        nulls: Networks trained on shuffled rows.

    Fails when: the information is near the logarithm of the batch, or above. The note says so.

    References: van den Oord, Li and Vinyals, "Representation learning with contrastive predictive
    coding", 2018; Poole et al., "On variational bounds of mutual information", ICML 2019.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "monotone")
    critic: CriticName = "separable"
    hidden: int = 64
    batch: int = 256
    negatives: int = 31
    steps: int = 1000
    rate: float = 0.002
    nulls: int = 1

    def __post_init__(self) -> None:
        _checked(self)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows."""
        return _outside(a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        return _measured("infonce", self, a, b, rng, "lower")


@dataclass(frozen=True, slots=True)
class Smile:
    """Density ratio from a classifier, clipped and averaged: less variance, no bound (SMILE).

    Args:
        clip: The ratio is held between exp(-clip) and exp(clip); less is steadier, and more biased.
        critic: "joint" (one network of both rows) or "separable" (a product of two).
        hidden: Width of the two hidden layers.
        batch: Rows in a step.
        negatives: Shuffled partners of each row in a step, with the joint critic; the separable
            one takes the whole batch.
        steps: Of training.
        rate: Of Adam.
        nulls: Networks trained on shuffled rows.

    Fails when: the true ratio is often beyond the clip: the number is then too high.

    References: Song and Ermon, "Understanding the limitations of variational mutual information
    estimators", ICLR 2020.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "monotone")
    clip: float = 5.0
    critic: CriticName = "joint"
    hidden: int = 64
    batch: int = 256
    negatives: int = 4
    steps: int = 1000
    rate: float = 0.002
    nulls: int = 1

    def __post_init__(self) -> None:
        _checked(self)
        if self.clip <= 0:
            raise CuveeError(f"clip must be above 0, got {self.clip}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows."""
        return _outside(a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        return _measured("smile", self, a, b, rng, "", self.clip)


Method = Mine | Nwj | Infonce | Smile


def _checked(method: Method) -> None:
    if method.critic not in ("joint", "separable"):
        raise CuveeError(f'critic must be "joint" or "separable", got {method.critic!r}.')
    for name in ("hidden", "batch", "negatives", "steps"):
        if getattr(method, name) < 1:
            raise CuveeError(f"{name} must be 1 or more, got {getattr(method, name)}.")
    if method.rate <= 0 or method.nulls < 0:
        raise CuveeError("rate must be above 0, and nulls 0 or more: give such numbers.")


def _outside(a: Sample, b: Sample | None) -> Sequence[str]:
    if len(a) >= FEW:
        return ()
    return (f"{len(a)} rows: a critic learns little from fewer than {FEW}; take ksg.",)


def _measured(
    kind: Literal["mine", "nwj", "infonce", "smile"], method: Method, a: Sample, b: Sample | None,
    rng: Generator, bound: Bound, clip: float = np.inf,
) -> Estimate:  # fmt: skip
    if len(a) < 32:
        raise CuveeError(f"{a.name} has {len(a)} rows: a network needs 32 or more to learn from.")
    try:
        from cuvee.measure import critics
    except ModuleNotFoundError as error:
        raise missing(error) from error
    x, y = laid_out([a.rows, (b or a).rows], rng)
    runs = plan(len(x), 2, method.nulls, rng)
    training = critics.Training(
        kind, method.critic, method.hidden, method.batch, method.negatives, method.steps,
        method.rate, clip,
    )  # fmt: skip
    found = critics.judged(x, y, runs, training, rng)
    return concluded(
        runs, found.values, found.errors, unit=method.unit, rng=rng, bound=bound,
        notes=_notes(found, training, len(runs[0].judge)),
    )  # fmt: skip


def _notes(found: "Judged", training: "Training", judges: int) -> list[str]:
    """Why the number may lie, seen from what came out."""
    value = float(found.values[:2].mean())
    if value > found.ceiling - 0.7:
        return [
            f"{value:.2f} nats is close to {found.ceiling:.2f}, the most that InfoNCE shows with "
            "such batches: take larger ones."
        ]
    rest = float(found.rest_on[:2].min())
    if training.kind in ("mine", "nwj") and (rest < THIN or value > np.log(judges)):
        return [
            f"the mean over shuffled pairs rests on {rest:.0f} rows of {judges}: at {value:.2f} "
            "nats the variance is large; take smile."
        ]
    if training.kind == "smile" and value > training.clip:
        return [f"{value:.2f} nats is beyond the clip of {training.clip:g}: it biases the number."]
    return []
