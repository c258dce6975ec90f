"""Does the transformer proxy rank mixtures as the recorded runs did? 60 mixtures of 12 domains.

Each of the pilot's mixtures is trained once at its size and tokens (0.37M parameters, 0.5M tokens
of a byte-pair vocabulary of 4,096, context 64, 85% of each domain's documents), with the proxy's
own defaults for all else. Two single runs of the recorded kind agree at .97 per domain and .93 of
the mean loss. Takes about ten minutes on two cores;
finished runs are kept in the cache.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from evidence.pilot import pilot_data
from evidence.tables import read_runs
from scipy.stats import spearmanr

from cuvee import proxies
from cuvee.core import Trial, stream
from cuvee.engine.local import Local
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
TOKENS = 500_000


def run() -> Finding:
    pilot = read_runs(shared_data(ROOT, "runs", "pilot12.csv"))
    with tempfile.TemporaryDirectory() as folder:
        data = pilot_data(ROOT, folder)
        proxy = proxies.load("transformer", size="0.37M", context=64, target_tokens=50_000)
        trainer, _ = proxy.prepare(data, rng=stream(0, "proxy"))
        trials = [Trial(w, TOKENS) for w in pilot.shares]
        found = Local()(partial(_losses, trainer), trials, label="runs trained")
        losses = np.array(list(found))
    each = [spearmanr(a, b)[0] for a, b in zip(losses.T, pilot.losses.T)]
    mean = float(spearmanr(losses.mean(axis=1), pilot.losses.mean(axis=1))[0])
    domain = float(np.mean(each))
    rng = np.random.default_rng(0)
    picks = rng.integers(len(losses), size=(200, len(losses)))
    again = [np.mean([spearmanr(a, b)[0] for a, b in zip(losses[p].T, pilot.losses[p].T)])
             for p in picks]  # fmt: skip
    low, high = np.quantile(again, [0.05, 0.95])
    return Finding(
        claim="The proxy's ranking of the pilot's 60 mixtures reproduces the recorded one: mean "
        "Spearman per domain >= 0.95 at the same size and tokens (two recorded runs agree at .97).",
        measured=f"Mean Spearman per domain {domain:.3f} (90% over resampled mixtures {low:.3f} to "
        f"{high:.3f}), of the mean loss {mean:.3f}; mean loss {losses.mean():.3f} nats per token, "
        f"recorded {pilot.losses.mean():.3f}.",
        holds=bool(domain >= 0.95),
        numbers={
            "spearman_per_domain": domain,
            "interval_over_mixtures": [float(low), float(high)],
            "spearman_of_mean_loss": mean,
            "by_domain": dict(zip(pilot.targets, map(float, each))),
            "mean_loss": float(losses.mean()), "recorded_mean_loss": float(pilot.losses.mean()),
        },
    )  # fmt: skip


def _losses(trainer, trial: Trial) -> np.ndarray:
    return trainer.run(trial, rng=stream(0, "trial")).losses.mean
