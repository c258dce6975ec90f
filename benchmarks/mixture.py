"""The loss of one mixture: 12 sources, 12 targets of 10k tokens, with and without gradient."""

from functools import partial
from typing import Literal

import numpy as np

from benchmarks.shared import Figure, Options, alternating, corpora, data_of, over, probe, targets
from cuvee import proxies
from cuvee.contracts import Trainer
from cuvee.core import CuveeError, Trial, stream

TOKENS = 10_000
BUDGET = 1_000_000


def prepared(tokens: int, names: tuple[str, ...] | None = None) -> Trainer:
    """The count proxy after its pass over some of the corpora, each of them a target, too."""
    texts = corpora()[0]
    chosen = {name: texts[name] for name in names or tuple(texts)}
    data = data_of(chosen, targets(tokens, tuple(chosen)), workers=0)
    return proxies.load("counts").prepare(data, rng=stream(0, "proxy"))[0]


def run(options: Options) -> list[Figure]:
    """Milliseconds of one trial."""
    trainer = prepared(TOKENS)
    k, n = len(trainer.sources), len(trainer.targets)
    mixtures = np.random.default_rng(0).dirichlet(np.ones(k), size=5)

    def try_all(gradient: Literal["none", "mean", "draws"]) -> None:
        for shares in mixtures:
            outcome = trainer.run(Trial(shares, BUDGET, gradient=gradient), rng=stream(0, "trial"))
            if (outcome.gradient is None) != (gradient == "none"):
                raise CuveeError(f"asked for gradient={gradient!r}, the outcome says otherwise.")

    jobs = {kind: partial(try_all, kind) for kind in ("none", "mean", "draws")}
    seconds = alternating(jobs, 2 * options.rounds)
    ms = {name: [1e3 * s / len(mixtures) for s in taken] for name, taken in seconds.items()}
    order = getattr(proxies.load("counts"), "order", 3)
    # A count for each token, source and order, read once; fewer where tokens share an n-gram.
    counts = n * TOKENS * k * order
    least = 4 * counts / probe()["copy_GB_per_s"] / 1e6
    limit = f"limit {least:.1f} ms: {counts / 1e6:.1f}M counts of 4 bytes, read once"
    note = f"{k} sources x {n} targets x {TOKENS} tokens, order {order}, one thread"
    by_difference = f"by differences it would be {k + 1}"
    return [
        Figure("one mixture", ms["none"], "ms", "<= 10", limit, note),
        Figure("with gradient", ms["mean"], "ms", "<= 30", limit, note),
        Figure("with gradient over without", over(ms["mean"], ms["none"]), "times", "<= 3",
               by_difference, note),
        Figure("with the gradient of every draw", ms["draws"], "ms", "", limit,
               "once per answer, and per round of its spread"),
    ]  # fmt: skip
