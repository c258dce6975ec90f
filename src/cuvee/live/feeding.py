"""What a `DataLoader` of torch needs: samples by number, whose turn it is, batches with sources."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, default_collate
from torch.utils.data import Sampler as TorchSampler

from cuvee.core import CuveeError

if TYPE_CHECKING:
    from cuvee.live.mixing import Live

DECIDED = ("dataset", "batch_size", "shuffle", "sampler", "batch_sampler", "drop_last", "in_order")
"""Settings of a `DataLoader` that are not the user's here."""
PREFETCHED = 2
"""Batches that torch fetches ahead for each worker unless it is told otherwise."""


class Samples(Dataset[tuple[int, Any]]):
    """All sources, one behind the other: the number of a sample -> its source, the sample.

    The plan stays in the main process. Workers know the sources only, so that it does not matter
    how they are started, how many there are, or how far they are ahead.

    Args:
        sources: Whatever has a length and gives samples by number.
    """

    def __init__(self, sources: Sequence[Any]) -> None:
        self.sources = tuple(sources)
        self.ends = np.cumsum([len(source) for source in sources])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, number: int) -> tuple[int, Any]:
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: Sequence[int]) -> list[tuple[int, Any]]:
        """Several samples at once; sources that can are asked for theirs together."""
        places = np.asarray(numbers, np.int64)
        owners = np.searchsorted(self.ends, places, side="right")
        found: list[tuple[int, Any]] = [(0, None)] * len(places)
        for i in np.unique(owners).tolist():
            rows, source = np.flatnonzero(owners == i).tolist(), self.sources[i]
            first = int(self.ends[i]) - len(source)
            local = [numbers[row] - first for row in rows]
            many = getattr(source, "__getitems__", None)
            samples = many(local) if many else [source[j] for j in local]
            for row, sample in zip(rows, samples):
                found[row] = i, sample
        return found


class Collate:
    """Makes a batch, and says in it which source each sample is from.

    Args:
        collate: Of the samples alone.
        field: Where the sources stand in a batch that is a mapping; any other batch becomes a
            pair of itself and the sources.
    """

    def __init__(self, collate: Callable[[list[Any]], Any], field: str) -> None:
        self.collate, self.field = collate, field

    def __call__(self, items: Sequence[tuple[int, Any]]) -> Any:
        """The batch."""
        sources = torch.tensor([source for source, _ in items])
        batch = self.collate([sample for _, sample in items])
        if not isinstance(batch, Mapping):
            return batch, sources
        if self.field in batch:
            raise CuveeError(
                f"collate_fn makes a field {self.field!r}, in which Live says the sources: give "
                "Live another name for it, as field='mixed_from'."
            )
        batch[self.field] = sources  # type: ignore[index]
        return batch


class Sampler(TorchSampler[list[int]]):
    """The numbers of the samples of each batch, from the first that was not taken yet.

    Every rank gets its part of each batch: the global order is the same for any number of them.

    Args:
        live: Whose plan it is.
        rank: Of this process.
        world: Number of ranks.
    """

    def __init__(self, live: "Live", rank: int, world: int) -> None:
        if not 0 <= rank < world or live.batch % world:
            raise CuveeError(
                f"a batch of {live.batch} samples over all ranks cannot be split for rank {rank} "
                f"of {world}: the batch of Live must be a multiple of the number of ranks."
            )
        self.live, self.skip = live, 0
        self.part = slice(*(r * live.batch // world for r in (rank, rank + 1)))

    def __len__(self) -> int:
        if self.live.batches is None:
            raise TypeError("without a budget there is no end")
        return self.live.batches

    def __iter__(self) -> Iterator[list[int]]:
        # Whoever skips what was taken before, as the Trainer of Hugging Face does, finds it empty.
        for _ in range(self.skip):
            yield []
        self.skip, at = 0, self.live.taken
        while len(rows := self.live.rows(at)):
            for row in rows:
                yield row[self.part].tolist()
            at += len(rows)


class Loader:
    """Batches in the global order; it counts those that the training loop has taken.

    Args:
        live: Whose plan it is.
        rank: Of this process.
        world: Number of ranks.
        settings: Of the `DataLoader`.
    """

    def __init__(self, live: "Live", rank: int, world: int, settings: Mapping[str, Any]) -> None:
        self.live, self.dataloader = live, dataloader(live, rank, world, settings)

    def __len__(self) -> int:
        """Batches in all, those included that were taken before."""
        return len(self.dataloader)

    def __iter__(self) -> Iterator[Any]:
        turn = self.live.begin()
        batches = iter(self.dataloader)
        while not self.live.finished:
            self.live.check_turn(turn)
            batch = next(batches, None)
            if batch is None:
                raise self.live.dry()
            self.live.advance()
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """That of its `Live`: the loader itself knows nothing more."""
        return self.live.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a state says."""
        self.live.load_state_dict(state)


def dataloader(
    live: "Live", rank: int, world: int, settings: Mapping[str, Any]
) -> DataLoader[tuple[int, Any]]:
    """The `DataLoader` of torch that counts nothing.

    Raises:
        CuveeError: It would fetch beyond what is planned, or order the samples by itself.
    """
    for name in settings:
        if name in DECIDED:
            raise CuveeError(f"{name} is not for the loader to say: Live decides on the batches.")
    workers = settings.get("num_workers", 0)
    ahead = workers * (settings.get("prefetch_factor") or PREFETCHED)
    if ahead >= live.lag:
        raise CuveeError(
            f"{workers} workers fetch {ahead} batches ahead, and other shares take {live.lag} to "
            f"arrive: give Live a lag of {ahead + 1} or more, or use fewer workers."
        )
    chosen = dict(settings)
    collate = Collate(chosen.pop("collate_fn", None) or default_collate, live.field)
    # A generator of its own: otherwise, to begin again would draw from that of the training.
    chosen.setdefault("generator", torch.Generator().manual_seed(live.seed + live.taken))
    return DataLoader(
        Samples(tuple(live.sources.values())), batch_sampler=Sampler(live, rank, world),
        collate_fn=collate, **chosen,
    )  # fmt: skip


def check_source(name: str, source: Any, field: str) -> int:
    """Samples of a source, if it is one.

    Raises:
        CuveeError: It cannot be indexed, is empty, or its samples have the field already.
    """
    indexed = hasattr(source, "__len__") and hasattr(source, "__getitem__")
    if not indexed or isinstance(source, str | bytes | Mapping):
        raise CuveeError(
            f"source {name!r} is a {type(source).__name__}: expected samples that can be counted "
            "and taken by number, such as a list or a datasets.Dataset. Load or save a stream as "
            "one first."
        )
    if not len(source):
        raise CuveeError(f"source {name!r} holds no samples: remove it or check its files.")
    first = source[0]
    if isinstance(first, Mapping) and field in first:
        raise CuveeError(
            f"samples of source {name!r} have a field {field!r} already: rename it, or give Live "
            "another name for the source of each sample, as field='mixed_from'."
        )
    return len(source)
