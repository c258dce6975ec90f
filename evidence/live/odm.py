"""Does a bandit that drives a loader decide as it does through proposals, and do shares arrive?

A byte model is trained on four corpora, live: the losses of its own training samples are all that
the bandit hears. Then the same losses are given to the bandit through `propose`, leg by leg.
Beside it, the same model on the natural mix, which is skewed.
"""

import numpy as np
import torch
from evidence.online_models import byte_texts
from torch.nn.functional import cross_entropy

from cuvee.core import Estimate, Outcome, Study, stream
from cuvee.live import Live
from cuvee.mix.odm import Odm
from cuvee.testing.evidence import Finding

NATURAL = {"python": 0.90, "de": 0.06, "perl": 0.03, "fortunes": 0.01}
LENGTH, BATCH, STEPS, LEGS, LAG = 64, 16, 2000, 50, 8
MIXERS = {v: Odm(steps=LEGS, variant=v) for v in ("paper", "released")}


def run() -> Finding:
    torch.set_num_threads(1)
    texts = byte_texts(tuple(NATURAL))
    sources = {name: windows(text) for name, (text, _) in texts.items()}
    held = [windows(rest)[:200] for _, rest in texts.values()]
    budget = BATCH * STEPS
    fixed = Live(sources, shares=NATURAL, batch=BATCH, budget=budget)
    natural = train(fixed, held)[1]
    numbers, same, off, gains = {}, [], [], {}
    for variant, mixer in MIXERS.items():
        live = Live(sources, mixer=mixer, batch=BATCH, budget=budget, lag=LAG,
                    max_epochs=float("inf"))  # fmt: skip
        drawn, reached = train(live, held)
        asked = proposed(mixer, live.study)
        same.append(np.array_equal(asked, live.study.shares))
        legs = drawn.reshape(LEGS, -1, len(sources)).sum(axis=1)
        off.append(np.abs(legs - live.study.shares * BATCH * STEPS / LEGS).max())
        gains[variant] = float((natural - reached).mean())
        numbers[variant] = {"shares": live.study.shares.mean(axis=0).tolist(),
                            "held_out_losses": reached.tolist()}  # fmt: skip
    return Finding(
        claim="Driven live, odm decides on exactly the shares that it decides on through "
        "proposals, given the same losses; and each leg gets these shares, to within as many "
        "samples as there are sources.",
        measured=f"{sum(same)} of {len(same)} variants: all shares of {LEGS} legs bit-equal; legs "
        f"off by at most {max(off):.2f} samples of {BATCH * STEPS // LEGS}. Mean held-out loss "
        f"below that of the natural mix by "
        + ", ".join(f"{gain:+.3f} nats ({variant})" for variant, gain in gains.items()) + ".",
        holds=bool(all(same) and max(off) <= len(sources)),
        numbers={"natural": natural.tolist(), "off_by_samples": off, **numbers},
    )  # fmt: skip


def windows(text: np.ndarray) -> torch.Tensor:
    """A text cut into samples."""
    whole = len(text) // LENGTH * LENGTH
    return torch.from_numpy(text[:whole].astype(np.int64)).view(-1, LENGTH)


def train(live: Live, held: list[torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """How many samples of each source each batch had, and the losses on held-out text."""
    torch.manual_seed(0)
    model = Bytes()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    drawn = []
    for x, source in live.loader():
        losses = model.losses(x)
        optimiser.zero_grad()
        losses.mean().backward()
        optimiser.step()
        live.feedback(source, losses)
        drawn.append(np.bincount(source, minlength=len(held)))
    with torch.no_grad():
        return np.array(drawn), np.array([float(model.losses(x).mean()) for x in held])


class Bytes(torch.nn.Module):
    """The next byte from the two before it."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = torch.nn.Embedding(256, 48), torch.nn.Embedding(256, 48)
        self.rest = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(48, 256))

    def losses(self, x: torch.Tensor) -> torch.Tensor:
        """Of each sample."""
        logits = self.rest(self.one(x[:, 1:-1]) + self.two(x[:, :-2]))
        flat = cross_entropy(logits.flatten(0, 1), x[:, 2:].flatten(), reduction="none")
        return flat.view(len(x), -1).mean(dim=1)


def proposed(mixer: Odm, driven: Study) -> np.ndarray:
    """Shares of all legs that the mixer proposes when it is told the losses of another study."""
    study = Study(driven.problem)
    while trials := mixer.propose(study, rng=stream(0, "propose", len(study.trials))):
        losses = driven.outcomes[len(study.trials)].losses.mean
        outcome = Outcome(Estimate(losses[None], "nats", "none"), trials[0].tokens)
        study = study.record(trials, (outcome,))
    return study.shares
