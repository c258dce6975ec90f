"""Trials as training runs of a small network, and what is kept of them."""

import hashlib
import os
import time
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Outcome, Trial, parse_tokens
from cuvee.core.data import Cut
from cuvee.core.files import whole_file
from cuvee.core.order import Order
from cuvee.proxies import training
from cuvee.proxies.network import Network, log_probs
from cuvee.proxies.recipe import Recipe, law
from cuvee.proxies.shapes import Shape, shape_of
from cuvee.proxies.target_text import groups
from cuvee.proxies.tokens import Stream
from cuvee.proxies.training import State

if TYPE_CHECKING:
    from cuvee.proxies.transformer import Transformer

SAVE_EVERY = 60.0
"""Seconds of a run after which its state is kept, for the case that it is stopped."""
EVALUATED = 8192
"""Tokens of one batch when losses are measured."""
LEFTOVER = 3600.0
"""Seconds after which a file that nobody finished is deleted."""
WITHOUT = ("cache", "keep", "draws", "target_tokens", "start", "device", "precision")
"""Settings on which a trained network does not depend, or that stand in its name otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Test:
    """Text of a target on which losses are measured.

    Args:
        windows: Each with the token that follows.
        counts: Whether the token to be forecast is one of the text, and not a mark or filling.
        group: What is resampled together, of each token that counts.
        picks: How often each draw takes each group.
    """

    windows: Int[np.ndarray, "rows context+1"]
    counts: Bool[np.ndarray, "rows context"]
    group: Int[np.ndarray, "tokens"]
    picks: Int[np.ndarray, "draws groups"]

    @staticmethod
    def of(cut: Cut, most: int, context: int, end: int, draws: int, rng: Generator) -> "Test":
        """Random documents of at most so many tokens in all, one behind the other."""
        lengths = np.diff(cut.offsets)
        order = rng.permutation(np.flatnonzero(lengths))
        take = np.minimum(lengths[order], most - np.r_[0, np.cumsum(lengths[order])[:-1]])
        order, take = order[take > 0], take[take > 0]
        parts = [cut.ids[cut.offsets[d] :][:n].astype(np.int64) for d, n in zip(order, take)]
        text = np.concatenate([x for part in parts for x in ([end], part)])
        rows = -(-(len(text) - 1) // context)
        filled = np.full(rows * context + 1, end)
        filled[: len(text)] = text
        windows = filled[np.arange(rows)[:, None] * context + np.arange(context + 1)]
        kept = Cut(np.concatenate(parts).astype(np.uint64), np.r_[0, np.cumsum(take)])
        group = groups(kept)
        n = int(group.max()) + 1
        picks = rng.multinomial(n, np.full(n, 1 / n), size=draws)
        return Test(windows, windows[:, 1:] != end, group, picks)

    def log_probs(self, network: Network) -> Float[np.ndarray, "tokens"]:
        """Of each token of the text."""
        device, found = network.embedding.device, []
        rows = max(EVALUATED // self.windows.shape[1], 1)
        for start in range(0, len(self.windows), rows):
            batch = torch.from_numpy(self.windows[start : start + rows]).to(device)
            found.append(log_probs(network, batch).cpu().numpy())
        return np.concatenate(found)[self.counts]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkTrainer:
    """Trains; what `Transformer.prepare` returns.

    Args:
        sources: Names.
        targets: Names.
        available: Tokens of each source, in the budget's.
        settings: Of the proxy.
        shape: Of the network, where a trial states no size.
        streams: The sources as the network's tokens.
        tests: One per target.
        folder: Where runs and states are kept.
        tokenizer: Hash of what says which text each of the network's tokens is.
        start: Hash of the checkpoint that runs start from, if there is one.
        seed: Of the first parameters and the shuffles.
        device: Where it runs.
        precision: Of matrix products.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    available: Float[np.ndarray, "sources"]
    settings: "Transformer"
    shape: Shape
    streams: tuple[Stream, ...]
    tests: tuple[Test, ...]
    folder: Path
    tokenizer: str
    start: str
    seed: int
    device: torch.device
    precision: torch.dtype

    def run(self, trial: Trial, *, rng: Generator) -> Outcome:
        """Losses after training, or of an earlier run that was the same."""
        seed = int(rng.integers(2**31))
        tests = hashlib.sha256(b"".join(t.windows.tobytes() for t in self.tests)).hexdigest()[:16]
        path = self.folder / "runs" / f"{self._name(trial, seed)}-{tests}.npz"
        logs = _read(path, len(self.tests))
        if logs is None:
            with training.threads(self.settings.threads), training.alone(self.device):
                logs = self._measured(trial, seed)
            _save(path, logs)
        return self._outcome(trial, logs)

    def _measured(self, trial: Trial, seed: int) -> list[np.ndarray]:
        """Log-probabilities of the tokens of each target after training."""
        network = self._network(trial, seed)
        found = [test.log_probs(network) for test in self.tests]
        if not all(np.isfinite(log).all() for log in found):
            raise CuveeError(
                "a run diverged: it gives tokens of the targets no probability; set a lower "
                "learning rate, as in transformer:lr=0.001; finished runs are kept."
            )
        return found

    def _network(self, trial: Trial, seed: int) -> Network:
        if trial.merge:
            states = [(weight, self._state(t, seed)) for weight, t in trial.merge]
            return training.merged(states)
        return self._state(trial, seed).network

    def _outcome(self, trial: Trial, logs: list[np.ndarray]) -> Outcome:
        draws, center = [], []
        for test, log in zip(self.tests, logs):
            n = test.picks.shape[1]
            sums = np.bincount(test.group, log.astype(float), n)
            draws.append(-(test.picks @ sums) / (test.picks @ np.bincount(test.group, minlength=n)))
            center.append(-log.mean(dtype=float))
        losses = Estimate(
            np.stack(draws, axis=1), "nats per token", "target documents", np.array(center)
        )
        kept = tuple(log.astype(float) for log in logs) if trial.per_token else None
        return Outcome(losses, trial.cost(), log_probs=kept)

    def _name(self, trial: Trial, seed: int) -> str:
        """Of everything that a trained network depends on."""
        names = [f.name for f in fields(self.settings) if f.name not in WITHOUT]
        chosen = {name: getattr(self.settings, name) for name in names}
        key = replace(trial, gradient="none", per_token=False).key()
        where = self.device.type, str(self.precision)
        what = (chosen, self.tokenizer, self.start, key, self.seed, seed, where)
        return hashlib.sha256(repr(what).encode()).hexdigest()[:24]

    def _state(self, trial: Trial, seed: int) -> State:
        """After a trial: as kept, or trained."""
        name = self._name(trial, seed)
        path, part = (self.folder / "states" / f"{name}.{end}" for end in ("pt", "part"))
        shape = self._shape(trial)
        if state := self._kept(path, shape):
            return state
        state = self._kept(part, shape) or self._before(trial, shape, seed)
        self._train(state, trial, seed, part)
        state.save(path)
        part.unlink(missing_ok=True)
        self._prune()
        return state

    def _kept(self, path: Path, shape: Shape) -> State | None:
        """A state from the cache; none if it is not there, was just deleted, or is damaged."""
        with suppress(OSError):
            os.utime(path)  # deleted are those that were used longest ago
        with suppress(CuveeError):
            return self._load(path, shape)
        return None

    def _load(self, path: Path, shape: Shape) -> State:
        return State.load(path, shape, self.device, self.precision, self.tokenizer)

    def _before(self, trial: Trial, shape: Shape, seed: int) -> State:
        """Where a trial begins, its shares set."""
        if trial.after is not None:
            state = self._state(trial.after, seed)
        elif self.settings.start:
            state = self._load(Path(self.settings.start).expanduser(), shape)
            state.done, state.order = 0, None
        else:
            first = self.seed ^ seed ^ trial.seed * 7919
            state = State.new(shape, first % 2**62, self.device, self.precision, self.tokenizer)
        shares = self._weights(trial) / self._weights(trial).sum()
        order = state.order
        state.order = Order.of(shares) if order is None else order.change(state.done, shares)
        return state

    def _weights(self, trial: Trial) -> Float[np.ndarray, "sources"]:
        """Network tokens of each source, per token of the budget."""
        return np.asarray(trial.shares) * np.array([s.ratio for s in self.streams])

    def _windows_of(self, leg: Trial, tokens: float, scale: float) -> float:
        return tokens * self._weights(leg).sum() * scale / self.shape.context

    def _scale(self, trial: Trial) -> float:
        """Part of the tokens, and of the sources, that a run of limited length is cut down to.

        As the first run of the chain says: later ones go on with the same part of the sources.
        """
        most = parse_tokens(self.settings.tokens) if self.settings.tokens else np.inf
        return min(1.0, most / trial.chain()[0].planned())

    def _train(self, state: State, trial: Trial, seed: int, part: Path) -> None:
        chain, scale = trial.chain(), self._scale(trial)
        windows_of = [self._windows_of(leg, leg.tokens, scale) for leg in chain]
        before, until = round(sum(windows_of[:-1])), round(sum(windows_of))
        left = trial.planned() - sum(leg.tokens for leg in chain[:-1])
        planned = max(before + round(self._windows_of(trial, left, scale)), 1)
        shuffle = (self.seed + seed + chain[0].seed) % 2**62
        other_order = () if trial.seed == chain[0].seed else (shuffle, trial.seed)
        self._check_pool(state, until, scale)

        def windows(source: np.ndarray, number: np.ndarray) -> np.ndarray:
            found = np.empty((len(source), self.shape.context + 1), np.int64)
            for i in np.unique(source):
                mine = source == i
                found[mine] = self.streams[i].windows(
                    number[mine], self.shape.context, scale, shuffle + int(i)
                )
            return found

        saved = time.monotonic()

        def keep(state: State) -> None:
            nonlocal saved
            if time.monotonic() - saved > SAVE_EVERY:
                state.save(part)
                saved = time.monotonic()

        recipe = self._recipe(state.network.shape, planned)
        training.train(state, until, recipe, windows, keep, other_order)

    def _check_pool(self, state: State, until: int, scale: float) -> None:
        if state.order is None:
            return
        for stream, number in zip(self.streams, state.order.counts(until)):
            if stream.part < 1 and number > stream.many(self.shape.context, scale):
                raise CuveeError(
                    f"a run wants {number * self.shape.context} tokens of source {stream.name!r}, "
                    f"but only {len(stream.tokens)} were tokenised: raise pool, as in "
                    f"transformer:pool=100M."
                )

    def _recipe(self, shape: Shape, planned: int) -> Recipe:
        chosen, body = self.settings, shape.params - shape.vocabulary * shape.width
        lr, batch = law(body, planned * shape.context)
        rows = max(round((chosen.batch or batch) / shape.context), 1)
        return Recipe(
            chosen.lr or lr, rows, planned, chosen.course, chosen.warmup, chosen.decay,
            chosen.weight_decay,
        )  # fmt: skip

    def _shape(self, trial: Trial) -> Shape:
        """As the trial states, or the first of its chain."""
        stated = [leg.params for leg in trial.chain() if not np.isnan(leg.params)]
        if not stated:
            return self.shape
        if len(set(stated)) > 1:
            raise CuveeError("a run cannot go on with another size than it began with.")
        return shape_of(stated[0], self.shape.vocabulary, self.shape.context)

    def _prune(self) -> None:
        """Delete states beyond what is to be kept, but for the one used last, and leftovers."""
        total = 0
        for i, (_, size, path) in enumerate(_used(self.folder / "states", "*.p*t")):
            total += size
            if i and total > self.settings.keep:
                path.unlink(missing_ok=True)
        for used, _, path in _used(self.folder, ".*.tmp"):
            if time.time() - used > LEFTOVER:
                path.unlink(missing_ok=True)


def _used(folder: Path, pattern: str) -> list[tuple[float, int, Path]]:
    """When files were last used, latest first, and their sizes; others may delete some."""
    found = []
    for path in folder.rglob(pattern):
        with suppress(FileNotFoundError):
            about = path.stat()
            found.append((about.st_mtime, about.st_size, path))
    return sorted(found, reverse=True)


def _save(path: Path, arrays: list[np.ndarray]) -> None:
    with whole_file(path, shared=True) as temporary, temporary.open("wb") as file:
        np.savez(file, *arrays)


def _read(path: Path, many: int) -> list[np.ndarray] | None:
    """What `_save` wrote; none if it is not there, or is damaged."""
    try:
        with path.open("rb") as file, np.load(file) as found:
            return [found[f"arr_{i}"] for i in range(many)]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None
