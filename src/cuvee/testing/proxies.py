"""What every proxy must do. Run it on your own: `check_proxy(YourProxy())`.

Problems are planted texts: small languages with words and habits of their own, so that it is
known which source helps which target.
"""

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from hashlib import blake2b
from inspect import signature
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.random import default_rng

from cuvee.contracts import Proxy, Trainer
from cuvee.core import Estimate, Outcome, Trial, stream
from cuvee.core.data import Batch, Data, Engine, Piece
from cuvee.core.units import Words
from cuvee.engine.local import Local

WORDS = 400
"""Of a language."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A source that can be split any way.

    Args:
        name: What the user calls it.
        texts: Documents.
        piece: Documents of a piece.
        batch: Documents of a batch.
    """

    name: str
    texts: tuple[str, ...]
    piece: int = 10**9
    batch: int = 10**9

    def pieces(self) -> tuple[Piece, ...]:
        """Runs of documents."""
        n = len(self.texts)
        return tuple(
            Piece("", i, min(i + self.piece, n)) for i in range(0, n, min(self.piece, max(n, 1)))
        )

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The documents of a piece."""
        for i in range(piece.start, piece.stop, min(self.batch, max(len(self.texts), 1))):
            some = self.texts[i : min(i + self.batch, piece.stop)]
            yield Batch(pa.array(some, pa.large_string()))

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of all texts."""
        return {"texts": blake2b(repr(self.texts).encode(), digest_size=16).hexdigest()}


def serial(
    job: Callable[[Any], Any], items: Sequence[Any], *, label: str, holds: int = 0
) -> Iterator[Any]:
    """An engine that does one thing after another."""
    return map(job, items)


@cache
def language(kind: int, documents: int, seed: int) -> tuple[str, ...]:
    """Documents of about 45 words; half of the words follow from the one before."""
    rng = default_rng([kind, documents, seed])
    letters = default_rng([kind, 7]).integers(97, 123, (WORDS, 5)).astype(np.uint8)
    words = np.array([bytes(row).decode() for row in letters])
    words[:20] = [f"the{i}" for i in range(20)]  # every language has these
    follows = default_rng([kind, 8]).permutation(WORDS)
    weights = 1 / np.arange(1, WORDS + 1)
    made = []
    for length in rng.integers(30, 60, documents):
        fresh = rng.choice(WORDS, length, p=weights / weights.sum())
        bound = rng.random(length) < 0.5
        for i in range(1, length):
            if bound[i]:
                fresh[i] = follows[fresh[i - 1]]
        made.append(" ".join(words[fresh]) + ".")
    return tuple(made)


@dataclass(frozen=True, slots=True)
class Planted:
    """Sources in known languages, and targets in some of them.

    Args:
        sources: Language of each source.
        targets: Languages of each target, in equal parts.
        documents: Of each source.
        target_documents: Of each target.
        echoes: Each target document says all twice, which no short memory can see.
    """

    sources: Mapping[str, int]
    targets: Mapping[str, tuple[int, ...]]
    documents: int = 600
    target_documents: int = 60
    echoes: bool = False

    def data(
        self,
        *,
        target_seed: int = 1,
        piece: int = 10**9,
        batch: int = 10**9,
        engine: Engine = serial,
        fewer: Mapping[str, int] | None = None,
    ) -> Data:
        """The problem as a proxy gets it; `fewer` documents of some sources where asked."""
        sources = []
        for name, kind in self.sources.items():
            texts = language(kind, self.documents, 0)[: (fewer or {}).get(name, self.documents)]
            sources.append(Texts(name, texts, piece, batch))
        targets = []
        for name, kinds in self.targets.items():
            each = self.target_documents // len(kinds)
            texts = [t for kind in kinds for t in language(kind, each, target_seed)]
            if self.echoes:
                texts = [f"{text} {text}" for text in texts]
            targets.append(Texts(name, tuple(texts)))
        return Data(tuple(sources), tuple(targets), Words(), engine)

    def own(self, target: str) -> str | None:
        """The source in the only language of a target."""
        kinds = self.targets[target]
        names = [name for name, kind in self.sources.items() if (kind,) == kinds]
        return names[0] if names else None


PROBLEMS = {
    "languages": Planted({"a": 1, "b": 2, "c": 3}, {"ta": (1,), "tb": (2,)}),
    "mixed_target": Planted({"a": 1, "b": 2, "c": 3, "d": 4}, {"tab": (1, 2), "tc": (3,)}),
    "echoes": Planted({"a": 1, "b": 2}, {"ta": (1,), "tb": (2,)}, echoes=True),
    "few_documents": Planted({"a": 1, "b": 2}, {"ta": (1,)}, target_documents=6),
}


def prepare(proxy: Proxy, data: Data, seed: int = 0) -> Trainer:
    """The trainer of a proxy."""
    return proxy.prepare(data, rng=stream(seed, "proxy"))[0]


def run(trainer: Trainer, shares: Sequence[float] | np.ndarray, tokens: float, **asked: Any):
    """One trial, as the driver runs it."""
    trial = Trial(np.asarray(shares, float), tokens, **asked)
    return trainer.run(trial, rng=stream(0, "trial"))


def mixtures(k: int, count: int = 6) -> list[np.ndarray]:
    """Corners, the middle, mixtures without one source, and some others."""
    middle = np.full(k, 1 / k)
    without = [(1 - row) / (k - 1) for row in np.eye(k)] if k > 1 else []
    return [*np.eye(k), middle, *without, *default_rng(0).dirichlet(np.ones(k), count)]


def check_is_a_frozen_value_of_settings(proxy: Proxy, planted: Planted) -> None:
    """Frozen, picklable, every setting documented and with a default; calls as the contract."""
    assert is_dataclass(proxy)
    assert proxy.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(proxy)) == proxy == type(proxy)()
    for setting in fields(proxy):
        assert f"{setting.name}:" in (type(proxy).__doc__ or ""), f"{setting.name}: no docstring"
    assert list(signature(proxy.prepare).parameters) == ["data", "rng"]
    trainer = prepare(proxy, planted.data())
    assert list(signature(trainer.run).parameters) == ["trial", "rng"]


def check_trainer_names_what_it_was_given(proxy: Proxy, planted: Planted) -> None:
    """Sources and targets in their order; tokens counted by the data's own units."""
    data = planted.data()
    trainer, survey = proxy.prepare(data, rng=stream(0, "proxy"))
    assert trainer.sources == tuple(planted.sources)
    assert trainer.targets == tuple(planted.targets)
    tokens = []
    for source in data.sources:
        batches = (b for piece in source.pieces() for b in source.read(piece))
        tokens.append(sum(len(c.ids) for b in batches for c in data.units.cut(b.text)))
    assert trainer.available.tolist() == survey.available.tolist() == tokens


def check_losses_are_finite_everywhere(proxy: Proxy, planted: Planted) -> None:
    """At every corner and budget, from one token to a hundred epochs; positive, in nats."""
    trainer = prepare(proxy, planted.data())
    for shares in mixtures(len(trainer.sources)):
        for tokens in (1, 1000, trainer.available.sum(), 100 * trainer.available.sum()):
            losses = run(trainer, shares, tokens).losses
            assert isinstance(losses, Estimate)
            assert losses.unit == "nats per token"
            assert losses.draws.shape[1:] == losses.mean.shape == (len(trainer.targets),)
            assert np.isfinite(losses.draws).all()
            assert np.isfinite(losses.mean).all()
            assert (losses.draws > 0).all()


def check_gradient_is_the_slope(proxy: Proxy, planted: Planted) -> None:
    """Of the mean losses and, when asked, of every draw; a proxy may have none.

    Along the simplex, against central differences, at points where no source is at a whole epoch.
    """
    trainer = prepare(proxy, planted.data())
    k = len(trainer.sources)
    assert run(trainer, np.full(k, 1 / k), 1000).gradient is None, "no gradient was asked for"
    for seed, tokens in ((1, 3e3), (2, 2e4), (3, 3.3e5)):
        shares = 0.9 * default_rng(seed).dirichlet(np.ones(k)) + 0.1 / k
        mean = run(trainer, shares, tokens, gradient="mean")
        drawn = run(trainer, shares, tokens, gradient="draws")
        if mean.gradient is None:
            assert drawn.gradient is None
            return
        assert drawn.gradient is not None
        assert np.allclose(mean.gradient, drawn.gradient, rtol=1e-9, atol=1e-12)
        assert np.allclose(mean.losses.mean, run(trainer, shares, tokens).losses.mean)
        h = 1e-5
        for row in np.eye(k):
            step = row - shares
            up, down = (run(trainer, shares + s * step, tokens).losses for s in (h, -h))
            slope = (up.mean - down.mean) / (2 * h)
            assert np.allclose(mean.gradient @ step, slope, rtol=1e-4, atol=1e-6)
            if drawn.gradient_draws is not None:
                slopes = (up.draws - down.draws) / (2 * h)
                assert np.allclose(drawn.gradient_draws @ step, slopes, rtol=1e-4, atol=1e-6)


def _everything(trainer: Trainer) -> list[np.ndarray]:
    outcomes = [run(trainer, shares, 2e4) for shares in mixtures(len(trainer.sources))]
    return [x for o in outcomes for x in (o.losses.draws, o.losses.mean)]


def _same(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def check_same_seed_gives_the_same_losses(proxy: Proxy, planted: Planted) -> None:
    """Bit for bit, and running changes nothing in a trainer."""
    trainer = prepare(proxy, planted.data())
    first = _everything(trainer)
    assert _same(first, _everything(trainer))
    assert _same(first, _everything(prepare(proxy, planted.data())))


def check_pieces_and_batches_change_nothing(proxy: Proxy, planted: Planted) -> None:
    """The same documents in other parts: bit for bit the same."""
    whole = _everything(prepare(proxy, planted.data()))
    for piece, batch in ((7, 10**9), (100, 3), (10**9, 1)):
        assert _same(whole, _everything(prepare(proxy, planted.data(piece=piece, batch=batch))))


def check_workers_change_nothing(proxy: Proxy, planted: Planted) -> None:
    """Bit for bit."""
    one, three = (
        _everything(prepare(proxy, planted.data(piece=17, engine=Local(n)))) for n in (1, 3)
    )
    assert _same(one, three)


def check_continuing_adds_up(proxy: Proxy, planted: Planted) -> None:
    """A run that goes on with the same shares is one run of all its tokens, to 0.02 nats."""
    trainer = prepare(proxy, planted.data())
    k = len(trainer.sources)
    shares = np.full(k, 1 / k)
    first = Trial(shares, 8000.0)
    second = Trial(shares, 4000.0, after=first)
    chain = run(trainer, shares, 3000.0, after=second).losses.mean
    assert np.allclose(chain, run(trainer, shares, 15000.0).losses.mean, atol=0.02)
    assert (chain < run(trainer, shares, 3000.0).losses.mean).all(), "what was seen is forgotten"


def check_more_of_the_own_source_never_hurts(proxy: Proxy, planted: Planted) -> None:
    """From equal shares to the target's own source alone, the loss falls, to 0.01 nats."""
    trainer = prepare(proxy, planted.data())
    k, tokens = len(trainer.sources), trainer.available.min()
    for j, target in enumerate(trainer.targets):
        own = planted.own(target)
        if own is None:
            continue
        corner = np.eye(k)[trainer.sources.index(own)]
        path = [(1 - x) / k + x * corner for x in np.linspace(0, 1, 6)]
        losses = np.array([run(trainer, shares, tokens).losses.mean[j] for shares in path])
        assert (np.diff(losses) < 0.01).all()
        assert losses[-1] < losses[0] - 0.02, "the own source should help"


def check_the_best_mixture_of_a_mixed_target_holds_both(proxy: Proxy, planted: Planted) -> None:
    """Half of each language is better than one alone; a language that is not asked for is not."""
    trainer = prepare(proxy, planted.data())
    tokens = 0.8 * trainer.available.min()
    for j, target in enumerate(trainer.targets):
        kinds = planted.targets[target]
        needed = np.array([float(kind in kinds) for kind in planted.sources.values()])
        both = run(trainer, needed / needed.sum(), tokens).losses.mean[j]
        for i in np.flatnonzero(needed) if needed.sum() > 1 else ():
            alone = run(trainer, np.eye(len(needed))[i], tokens).losses.mean[j]
            assert both < alone
        foreign = (1 - needed) / (1 - needed).sum()
        assert both < run(trainer, foreign, tokens).losses.mean[j] - 0.02


def check_repeated_tokens_help_less_than_fresh_ones(proxy: Proxy, planted: Planted) -> None:
    """Eight epochs of an eighth of the own source, against one epoch of all of it."""
    for j, target in enumerate(planted.targets):
        own = planted.own(target)
        if own is None:
            continue
        corner = np.eye(len(planted.sources))[list(planted.sources).index(own)]
        few = prepare(proxy, planted.data(fewer={own: planted.documents // 8}))
        all_ = prepare(proxy, planted.data())
        tokens = all_.available @ corner
        repeated = run(few, corner, tokens).losses.mean[j]
        assert run(all_, corner, tokens).losses.mean[j] < repeated
        # But a second passage is still worth something.
        assert repeated < run(few, corner, few.available @ corner).losses.mean[j]


def check_draws_are_paired(proxy: Proxy, planted: Planted) -> None:
    """Where documents are drawn, one draw takes the same ones for every mixture."""
    trainer = prepare(proxy, planted.data())
    k = len(trainer.sources)
    one = run(trainer, np.full(k, 1 / k), 2e4).losses
    two = run(trainer, 0.9 / k + 0.1 * np.eye(k)[0], 2e4).losses
    if one.spread in ("exact", "none"):
        return
    assert one.draws.shape == two.draws.shape
    paired = (one.draws - two.draws).std(axis=0)
    unpaired = (one.draws - np.roll(two.draws, 1, axis=0)).std(axis=0)
    assert (paired < 0.5 * unpaired).all()


def check_stated_spread_is_the_real_spread(proxy: Proxy, planted: Planted) -> None:
    """Within a factor of 2 of the sd over 24 fresh target samples.

    Both are known to about 15 %, so a right proxy fails less than once in 10^4.
    """
    k = len(planted.sources)
    found: list[Outcome] = []
    for seed in range(24):
        data = planted.data(target_seed=100 + seed, fewer=dict.fromkeys(planted.sources, 150))
        found.append(run(prepare(proxy, data, seed), np.full(k, 1 / k), 2e4))
    if found[0].losses.spread in ("exact", "none"):
        return
    real = np.std([o.losses.mean for o in found], axis=0, ddof=1)
    stated = np.mean([o.losses.sd for o in found], axis=0)
    assert (stated > real / 2).all(), f"stated {stated}, real {real}"
    assert (stated < real * 2).all(), f"stated {stated}, real {real}"


def check_source_without_tokens_is_harmless(proxy: Proxy, planted: Planted) -> None:
    """Losses stay finite if a source turns out to be empty and is asked for nothing."""
    name = list(planted.sources)[-1]
    trainer = prepare(proxy, planted.data(fewer={name: 0}))
    k = len(trainer.sources)
    shares = np.r_[np.full(k - 1, 1 / (k - 1)), 0]
    assert np.isfinite(run(trainer, shares, 1e4).losses.draws).all()


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_proxy(proxy: Proxy) -> None:
    """Every check on every problem; raises AssertionError at the first that fails."""
    for check in list(CHECKS.values()):
        for planted in PROBLEMS.values():
            check(proxy, planted)


__all__ = ["CHECKS", "PROBLEMS", "Planted", "Texts", "check_proxy", "prepare", "run"]
