"""Live mixing: what it adds to a training step, beside a plain loader of data mixed before."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch.nn.functional import cross_entropy, pad
from torch.utils.data import DataLoader

from benchmarks.shared import Figure, Options, over
from cuvee.live import Live, sample_losses
from cuvee.live.losses import IGNORED

SOURCES, SAMPLES, LENGTH, VOCABULARY = 8, 4000, 128, 2000
BATCH, STEPS, LEGS = 16, 64, 4
"""Samples of a step; steps and legs of the mixer in each round."""


def run(options: Options) -> list[Figure]:
    """Steps of both kinds in turn on one model, so that a busy machine slows them alike.

    Each round has a new model: where its arrays happen to lie moves either kind by a few per cent.
    """
    torch.set_num_threads(1)
    rounds = options.rounds + 1
    texts = made_up()
    mixed = [texts[i % SOURCES][i // SOURCES % SAMPLES] for i in range(BATCH * STEPS * rounds)]
    wall, busy = ({"plain": [], "live": []} for _ in range(2))
    for turn in range(options.rounds):
        live, step = driven_by_odm(texts, 2), trainer()
        kinds = {
            "plain": partial(plain(iter(DataLoader(mixed, batch_size=BATCH))), step),
            "live": partial(driven(live), step),
        }
        ordered = dict(sorted(kinds.items(), reverse=bool(turn % 2)))
        for found, new in zip((wall, busy), timed(ordered, 2)):
            for kind, seconds in new.items():
                found[kind] += seconds
    batches, idle = iter(DataLoader(mixed, batch_size=BATCH)), driven_by_odm(texts, rounds)
    alone = {"plain": lambda: next(batches), "live": reporting(idle)}
    _, fetching = timed(alone, rounds)
    added = [1e3 * (live - plain) for live, plain in zip(fetching["live"], fetching["plain"])]
    what = f"{SOURCES} sources, {BATCH} samples of {LENGTH} tokens; {len(live.study.trials)} legs"
    other = "the same steps; other work on the machine does not count"
    return [
        Figure("plain loader, per step", [1e3 * s for s in wall["plain"]], "ms"),
        Figure("live, driven by odm, per step", [1e3 * s for s in wall["live"]], "ms", note=what),
        Figure("live over plain, elapsed", over(wall["live"], wall["plain"]), "times", "<= 1.02"),
        Figure("live over plain, processor time", over(busy["live"], busy["plain"]), "times",
               "<= 1.02", note=other),
        Figure("planning, counting and reporting alone, per step", added, "ms",
               note="processor time beyond that of the plain loader, without a model"),
    ]  # fmt: skip


def timed(
    kinds: dict[str, Callable[[], object]], rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Elapsed and processor seconds per step in each round but the first, which warms caches."""
    clocks = (time.perf_counter, time.process_time)
    spent = tuple({kind: [] for kind in kinds} for _ in clocks)
    for turn in range(rounds):
        sums = np.zeros((len(clocks), len(kinds)))
        for _ in range(STEPS):
            for j, one in enumerate(kinds.values()):
                begin = [clock() for clock in clocks]
                one()
                sums[:, j] += [clock() - start for clock, start in zip(clocks, begin)]
        for found, row in zip(spent, sums / STEPS):
            for kind, seconds in zip(kinds, row.tolist()):
                found[kind] += [seconds] if turn else []
    return spent[0], spent[1]


def made_up() -> list[list[torch.Tensor]]:
    """Samples of random tokens, by source."""
    chosen, shape = torch.Generator(), (SAMPLES, LENGTH)
    return [
        list(torch.randint(VOCABULARY, shape, generator=chosen.manual_seed(i)))
        for i in range(SOURCES)
    ]


def driven_by_odm(texts: list[list[torch.Tensor]], rounds: int) -> Live:
    """A live mixture with `LEGS` decisions in each round."""
    return Live(
        {f"source{i}": text for i, text in enumerate(texts)}, mixer=f"odm:steps={LEGS * rounds}",
        batch=BATCH, budget=BATCH * STEPS * rounds, lag=STEPS // LEGS // 2,
    )  # fmt: skip


def reporting(live: Live) -> Callable[[], None]:
    """The next batch, and losses that cost nothing to compute."""
    batches, losses = iter(live.loader()), torch.rand(BATCH)

    def one() -> None:
        _, sources = next(batches)
        live.feedback(sources, losses)

    return one


Step = Callable[[torch.Tensor], tuple[torch.Tensor, Callable[[torch.Tensor], None]]]
"""Tokens -> logits, and what trains on a loss of them."""


def plain(batches: Iterator[torch.Tensor]) -> Callable[[Step], None]:
    """One step on the mean loss of the next batch."""

    def one(step: Step) -> None:
        tokens = next(batches)
        logits, train = step(tokens)
        wanted = pad(tokens, (0, 1), value=IGNORED)[:, 1:]  # as Live does: to cut logits is slow
        train(cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED))

    return one


def driven(live: Live) -> Callable[[Step], None]:
    """The same with the loss of every sample, which is reported."""
    batches = iter(live.loader())

    def one(step: Step) -> None:
        tokens, sources = next(batches)
        logits, train = step(tokens)
        losses = sample_losses(logits, tokens)
        train(losses.mean())
        live.feedback(sources, losses)

    return one


def trainer() -> Step:
    """A small transformer."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(64, 4, 256, dropout=0.0, batch_first=True)
    model = torch.nn.Sequential(
        torch.nn.Embedding(VOCABULARY, 64), torch.nn.TransformerEncoder(layer, 1),
        torch.nn.Linear(64, VOCABULARY),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)

    def train(loss: torch.Tensor) -> None:
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return lambda tokens: (model(tokens), train)
