"""`Live`: how far the training has come, what it reported, and what changes the shares."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, as_tensor

from cuvee.answer import Blend
from cuvee.contracts import Mixer
from cuvee.core import (
    CuveeError,
    Estimate,
    Limits,
    Shares,
    Study,
    check_names,
    check_shares,
    stream,
    unknown,
)
from cuvee.core.mixture import MAX_EPOCHS
from cuvee.core.order import Order
from cuvee.live.driving import Drive, problem_of
from cuvee.live.feeding import Loader, Sampler, check_source, dataloader
from cuvee.live.losses import Tally, of_first, ranks
from cuvee.live.planning import Plan

LAG = 32
"""Batches; enough for 15 workers that fetch two each ahead."""
LOOK = 64
"""Batches after which losses that wait on a GPU are looked at: rarely enough to cost nothing."""


class Live:
    """Mixes several sources into the batches of one training run.

    The plan is a function of the seed and of the shares so far: so batches do not depend on the
    number of workers or ranks, and after a stop the run goes on with the very next one.

    Args:
        sources: By name: what has a length and gives samples by number, such as lists,
            `datasets.Dataset` or map-style datasets of torch.
        shares: Of the samples, if they are decided: by name, as an array, or a `Blend`.
        mixer: Otherwise, who decides on the way: a name, as for `cuvee.blend`, or a mixer.
        batch: Samples of one step, over all ranks.
        budget: Samples of the whole run; needed by a mixer. None: no end.
        seed: Of the order, and of the mixer.
        lag: Batches between a change of shares and the first batch that knows of it; it must
            cover what workers fetch ahead.
        repeat: Go through a source again, in another order, when it has run dry. If not, that is
            an error.
        lengths: Mean tokens of a sample, by source, if `shares` are of tokens and samples differ.
        targets: Losses that are reported with `report`, by name. One called like a source is
            taken instead of what `feedback` says of it.
        objective: Of a mixer, over the targets, or the sources if there are none.
        max_epochs: How often a mixer may plan to go through a source; 4, or 1 if none repeats.
        min_share: Floor of a mixer's shares.
        field: Where a batch says which source each sample is from.

    Raises:
        CuveeError: Something is wrong with the input; the message says what to do.
    """

    def __init__(
        self, sources: Mapping[str, Any], *, batch: int, shares: Any = None,
        mixer: str | Mixer | None = None, budget: int | None = None, seed: int = 0, lag: int = LAG,
        repeat: bool = True, lengths: Mapping[str, float] | None = None,
        targets: Sequence[str] = (), objective: str | Mapping[str, float] = "mean",
        max_epochs: float | Mapping[str, float] | None = None,
        min_share: float | Mapping[str, float] = 0.0, field: str = "source",
    ) -> None:  # fmt: skip
        if not isinstance(sources, Mapping):
            raise CuveeError('sources must be given by name, as {"web": web, "code": code}.')
        check_names(list(sources), "source")
        if targets:
            check_names(targets, "target")
        _check_numbers(batch, budget, lag, seed)
        batch, lag, seed, budget = int(batch), int(lag), int(seed), budget and int(budget)
        if (shares is None) == (mixer is None):
            raise CuveeError("give Live either shares, or a mixer that decides on them.")
        sizes = {name: check_source(name, source, field) for name, source in sources.items()}
        if max_epochs is None:
            max_epochs = MAX_EPOCHS if repeat else 1.0
        self.sources, self.batch, self.budget, self.lag = dict(sources), batch, budget, lag
        self.seed, self.field, self.targets = seed, field, tuple(targets)
        self._lengths, self._taken, self._turn, self._drive = lengths, 0, 0, None
        self._tally, self._last = Tally(len(sizes)), dict.fromkeys([*sizes, *targets], np.nan)
        if mixer is not None:
            if budget is None or lengths is not None:
                raise CuveeError("a mixer counts in samples: give a budget of samples, no lengths.")
            limits = Limits(max_epochs, min_share)
            problem = problem_of(sizes, budget, self.targets, objective, limits)
            self._drive = Drive.of(mixer, problem, seed, batch, lag)
            shares = self._drive.shares
        self._plan = Plan(sizes, batch, seed, repeat, Order.of(self._of_samples(shares, sizes)))
        self._identity: dict[str, Any] = {
            "sources": [[name, size] for name, size in sizes.items()],
            "seed": seed, "batch": batch, "lag": lag, "budget": budget, "repeat": repeat,
            "mixer": None if self._drive is None else repr(self._drive.mixer),
            "targets": list(targets), "objective": str(objective), "max_epochs": str(max_epochs),
            "min_share": str(min_share),
        }  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        """Of the sources; batches give them by their number."""
        return tuple(self.sources)

    @property
    def taken(self) -> int:
        """Batches that the training has taken."""
        return self._taken

    @property
    def batches(self) -> int | None:
        """In all; None: no end."""
        return None if self.budget is None else self.budget // self.batch

    @property
    def finished(self) -> bool:
        """Whether the whole budget is taken."""
        return self.batches is not None and self._taken >= self.batches

    @property
    def driven(self) -> bool:
        """Whether a mixer decides."""
        return self._drive is not None

    @property
    def shares(self) -> dict[str, float]:
        """Of the samples, by source, as last decided; they take effect after the lag."""
        return dict(zip(self.names, self._plan.order.stretches[-1].shares.tolist()))

    @shares.setter
    def shares(self, shares: Any) -> None:
        if self._drive is not None:
            raise CuveeError(f"{self._drive.name} decides on the shares: make a Live without it.")
        self._plan = self._changed(of_first(self._of_samples(shares, self.names)))

    @property
    def epochs(self) -> dict[str, float]:
        """How often each source has been gone through."""
        return self._plan.epochs(self._taken)

    @property
    def study(self) -> Study:
        """The mixer's legs so far, and what came of each."""
        return self._driver().study

    def recommend(self) -> Estimate:
        """The shares that the mixer recommends in the end.

        Raises:
            CuveeError: It is not finished.
        """
        drive = self._driver()
        return drive.mixer.recommend(drive.study, rng=stream(self.seed, "recommend"))

    def loader(
        self, *, rank: int | None = None, world: int | None = None, **settings: Any
    ) -> Loader:
        """Batches for this process.

        Args:
            rank: Of this process; as `torch.distributed` says, or 0.
            world: Number of ranks; as `torch.distributed` says, or 1.
            settings: Of `torch.utils.data.DataLoader`: `num_workers`, `collate_fn`, `pin_memory`,
                ...

        Raises:
            CuveeError: More is fetched ahead than the lag allows.
        """
        return Loader(self, *_place(rank, world), settings)

    def dataloader(
        self, *, rank: int | None = None, world: int | None = None, **settings: Any
    ) -> Any:
        """A plain `torch.utils.data.DataLoader`, for frameworks that insist on one.

        It does not count: call `advance` for each batch, before training on it.
        """
        return dataloader(self, *_place(rank, world), settings)

    def sampler(self, *, rank: int | None = None, world: int | None = None) -> Sampler:
        """A batch sampler for a `ConcatDataset` of the sources, in their order.

        It does not count: call `advance` for each batch, before training on it.
        """
        return Sampler(self, *_place(rank, world))

    def advance(self) -> None:
        """The next batch is taken: to be called before training on it by who has no `loader`.

        Raises:
            CuveeError: A loss that is needed now is missing or not finite, or no batch is left.
        """
        if self.finished:
            raise self.over()
        drive = self._drive
        if drive is not None and self._taken == drive.start:
            self._fold()  # measured under the shares before, and too late for them
        if drive is not None and self._taken == drive.closes:
            self._fold()
            drive = drive.closed(self._losses(drive))
            self._plan = self._changed(self._of_samples(drive.shares, self.names))
            self._drive = drive
        self._taken += 1

    def feedback(self, sources: Tensor | Mapping[str, float], losses: Any = None) -> None:
        """Losses of the batch that was taken last, by source.

        Args:
            sources: Of each sample, as the batch says; or mean losses by name, which must be the
                same on every rank.
            losses: Of each sample.

        Raises:
            CuveeError: Not one loss per sample, or one that is not finite.
        """
        if isinstance(sources, Mapping):
            _check_known("source", sources, self.names)
            self._tally.add_means([sources.get(name) for name in self.names])
        else:
            self._tally.add(as_tensor(sources), as_tensor(losses))
        if not self._tally.waiting or self._taken % LOOK == 0:  # to look is to wait for a GPU
            self._read()

    def report(self, losses: Mapping[str, float]) -> None:
        """Losses of targets, measured just now; on several ranks those of rank 0 count."""
        _check_known("target", losses, self.targets)
        for name, loss in losses.items():
            if not np.isfinite(loss):
                raise CuveeError(f"the loss reported for target {name!r} is {loss}: look into it.")
        self._last |= {name: float(loss) for name, loss in losses.items()}

    def state_dict(self) -> dict[str, Any]:
        """Plain values: what the training has taken and reported, to be kept by rank 0.

        To be called when `feedback` on the batch taken last is done.
        """
        self._read()
        return {
            **self._identity, "taken": self._taken, "order": self._plan.order.to_dict(),
            "last": {n: None if np.isnan(v) else v for n, v in self._last.items()},
            "tally": self._tally.counts.tolist(),
            "drive": None if self._drive is None else self._drive.to_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a state says.

        Raises:
            CuveeError: It is of another Live; what differs is named, and nothing is changed.
        """
        for name, mine in self._identity.items():
            if not isinstance(state, Mapping) or name not in state:
                raise CuveeError(f"this is no state of Live: it says nothing of {name}.")
            if state[name] != mine:
                raise CuveeError(
                    f"the state is of another Live: its {name} is {state[name]}, here it is "
                    f"{mine}. Make Live as it was, or start afresh."
                )
        try:
            plan, taken = self._plan.restored(state["order"]), int(state["taken"])
            last = {n: np.nan if v is None else float(v) for n, v in state["last"].items()}
            counts = np.array(state["tally"], np.int64).reshape(3, len(self.names))
            drive = None if self._drive is None else self._drive.restored(state["drive"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise CuveeError(f"the state is damaged ({error!r}): take an earlier one.") from error
        self._plan, self._taken, self._last, self._drive = plan, taken, last, drive
        self._tally = Tally(len(self.names))
        self._tally.counts = counts
        self._turn += 1

    def rows(self, at: int) -> Int[np.ndarray, "batches samples"]:
        """Numbers of the samples of batches from `at` on, as far as nothing can change any more.

        None are left at the end of the budget, or where a source that is not repeated runs dry.

        Raises:
            CuveeError: Batches are asked for that may still change.
        """
        last = self._taken + self.lag
        last = last if self.batches is None else min(last, self.batches)
        if at >= last and at != self.batches:
            raise CuveeError(
                f"batch {at} is asked for after {self._taken} were taken, and other shares take "
                f"{self.lag} to arrive: give Live a higher lag, or call advance() for each batch."
            )
        return self._plan.rows(at, last)

    def dry(self) -> CuveeError:
        """Why there is no next batch."""
        return self.over() if self.finished else self._plan.dry(self._taken)

    def over(self) -> CuveeError:
        """Why no batch is left."""
        return CuveeError(
            f"the whole budget of {self.budget} samples is taken: make a new Live to train on."
        )

    def begin(self) -> int:
        """A loop over the loader starts, any earlier one is over; the number of this one."""
        if self.finished:
            raise self.over()
        self._turn += 1
        return self._turn

    def check_turn(self, turn: int) -> None:
        """Refuse to go on with a loop when another has begun, or a state was loaded."""
        if turn != self._turn:
            raise CuveeError(
                "another loop over the same Live has begun, or a state was loaded: begin a new one."
            )

    def _driver(self) -> Drive:
        if self._drive is None:
            raise CuveeError("no mixer decides here: Live was given its shares.")
        return self._drive

    def _of_samples(self, shares: Any, names: Sequence[str] | Mapping[str, int]) -> Shares:
        """Shares of the samples from what a user or a mixer gives."""
        if isinstance(shares, Blend):
            shares = dict(zip(shares.problem.sources, shares.shares.mean.tolist()))
        found = check_shares(shares, tuple(names))
        if self._lengths is not None:
            _check_known("source in lengths", self._lengths, tuple(names))
            lengths = np.array([float(self._lengths.get(name, np.nan)) for name in names])
            if not (lengths > 0).all():
                raise CuveeError(f"lengths must be above 0 for every source, got {self._lengths}.")
            found = found / lengths
        return found / found.sum()

    def _changed(self, shares: Shares) -> Plan:
        """Other shares, from the first batch on that nobody can have asked for yet."""
        return self._plan.change(self._taken + self.lag, shares, since=self._taken)

    def _read(self) -> Float[np.ndarray, "sources"]:
        """Mean losses since the last fold."""
        means, bad = self._tally.read()
        if bad.any():
            name = self.names[int(np.argmax(bad))]
            raise CuveeError(
                f"a loss of source {name!r} is not finite, in batch {self._taken - 1} or shortly "
                "before: it was left out; look at that batch, or go back to an earlier state."
            )
        return means

    def _fold(self) -> None:
        """What was measured since becomes what was measured last."""
        means = dict(zip(self.names, self._read().tolist()))
        self._last |= {n: v for n, v in means.items() if n not in self.targets and not np.isnan(v)}
        self._tally = Tally(len(self.names))

    def _losses(self, drive: Drive) -> Float[np.ndarray, "targets"]:
        """Losses by target; a source that never gave a sample gets the mean of those that did."""
        said = of_first(np.array(list(self._last.values())))  # before a rank can find one missing
        self._last = dict(zip(self._last, said.tolist()))
        for name in self.targets:
            if np.isnan(self._last[name]):
                raise CuveeError(
                    f"{drive.name} needs a loss of target {name!r} by batch {self._taken}: call "
                    f"live.report({{{name!r}: loss}}) before."
                )
        own = [self._last[name] for name in self.names]
        if np.isnan(own).all():
            raise CuveeError(
                f"{drive.name} needs losses by batch {self._taken}, and none were reported: call "
                f"live.feedback(batch[{self.field!r}], losses) at every step."
            )
        found = np.array([self._last[name] for name in drive.study.problem.targets])
        return np.where(np.isnan(found), np.nanmean(own), found)


def _place(rank: int | None, world: int | None) -> tuple[int, int]:
    """This rank and how many there are."""
    here, many = ranks()
    return here if rank is None else rank, many if world is None else world


def _check_known(what: str, named: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in named:
        if name not in known:
            raise unknown(what, str(name), known)


def _check_numbers(batch: int, budget: int | None, lag: int, seed: int) -> None:
    """Refuse what no training can have."""
    for name, value, least in (("batch", batch, 1), ("lag", lag, 1), ("seed", seed, 0)):
        if not isinstance(value, Integral) or value < least:
            raise CuveeError(f"{name} must be a whole number from {least} on, got {value!r}.")
    if budget is not None and (not isinstance(budget, Integral) or budget < 1 or budget % batch):
        raise CuveeError(
            f"the budget is in samples, and must be a whole number of batches of {batch}: got "
            f"{budget!r}."
        )
