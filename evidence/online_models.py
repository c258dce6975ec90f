"""What the evidence of mixers that decide while training shares: sets, runs, small models."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from cuvee import driver
from cuvee.contracts import Mixer, Trainer
from cuvee.core import Estimate, Objective, Outcome, Problem, Trial, stream
from cuvee.engine.local import Local
from cuvee.mix.online import played, softmax
from cuvee.question import Question, open_question
from cuvee.testing.evidence import Finding, shared_data
from evidence.tables import split_documents

ROOT = Path(__file__).parents[1]
SETS = (
    ("python", "essay"), ("c", "de", "fortunes"), ("es", "fr", "handbook_en"),
    ("python", "perl", "pydoc", "man_en"), ("wordnet", "fortunes", "essay", "c"),
    ("python", "c", "de", "essay", "wordnet", "man_en"),
)  # fmt: skip
BUDGET = 500_000


def counted(names: tuple[str, ...], tokens: int = BUDGET, target_tokens: int = 5_000) -> Trainer:
    """The count proxy of some corpora; a part of each is held out as the target of its name."""
    paths = {n: str(shared_data(ROOT, "corpora", f"{n}.parquet")) for n in names}
    question = Question(paths, budget=str(tokens), target_tokens=target_tokens)
    return driver.prepare(open_question(question, Local()))[0]


def problem_of(trainer: Trainer, objective: str | Objective = "mean", tokens: int = BUDGET):
    return Problem.of(trainer.sources, trainer.targets, trainer.available, tokens, objective)


def solve(mixer: Mixer, problem: Problem, trainer: Any, seed: int = 0) -> np.ndarray:
    """The shares that a mixer recommends."""
    study = driver.explore(problem, trainer, mixer, seed, Local())
    return mixer.recommend(study, rng=stream(seed)).mean


def losses(trainer: Any, shares: np.ndarray, tokens: float = BUDGET) -> np.ndarray:
    return trainer.run(Trial(np.asarray(shares), tokens), rng=stream(0)).losses.mean


class SoftmaxBytes:
    """A trainer: softmax over the next byte from the two before it, trained by plain SGD.

    The state of every run is kept, so that a chain is trained on where it ended. The gradient is
    the first-order one: minus step size times steps times the products of gradients on held-out
    text of the targets and on training text of the sources.

    Args:
        texts: Bytes to train on and held-out ones, by source.
        available: Tokens that each source is said to hold.
        seed: Of the batches.
        rate: Step size.
        batch: Bytes of one step.
        held: Held-out bytes of each source that are looked at.
    """

    def __init__(
        self, texts: dict[str, tuple[np.ndarray, np.ndarray]], available: np.ndarray, seed: int,
        rate: float = 8.0, batch: int = 64, held: int = 800,
    ):  # fmt: skip
        self.sources = self.targets = tuple(texts)
        self.available, self.seed, self.rate, self.batch = available, seed, rate, batch
        self.train = [_windows(text) for text, _ in texts.values()]
        self.tests = [_windows(rest)[:held] for _, rest in texts.values()]
        self.states: dict[int, tuple[Trial, np.ndarray]] = {}

    def run(self, trial: Trial, *, rng: np.random.Generator) -> Outcome:
        rng = np.random.default_rng([self.seed, trial.seed, len(trial.chain())])
        weights = np.zeros((2, BYTES, BYTES), np.float32)
        if trial.after is not None:
            weights = self.states[id(trial.after)][1].copy()
        steps = max(round(trial.tokens / self.batch), 1)
        for counts in rng.multinomial(self.batch, trial.shares, size=steps):
            picks = [
                text[rng.integers(len(text), size=n)] for text, n in zip(self.train, counts) if n
            ]
            rows, change = _gradient(weights, np.concatenate(picks))
            for k in (0, 1):
                np.subtract.at(weights[k], rows[:, k], self.rate * change)
        self.states[id(trial)] = (trial, weights)
        tested = np.array([_loss(weights, test) for test in self.tests])
        slope = self._slope(weights, rng, steps) if trial.gradient == "mean" else None
        return Outcome(Estimate(tested[None], "nats per byte", "none"), trial.cost(), slope)

    def _slope(self, weights: np.ndarray, rng: np.random.Generator, steps: int) -> np.ndarray:
        batches = [text[rng.integers(len(text), size=1500)] for text in self.train]
        ours = np.array([_dense(weights, batch) for batch in batches])
        theirs = np.array([_dense(weights, test) for test in self.tests])
        return -self.rate * steps * theirs @ ours.T


BYTES = 128


def byte_texts(names: tuple[str, ...]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Bytes of corpora, training and held-out; what is not ASCII is one symbol."""
    found = {}
    for name in names:
        parts = split_documents(shared_data(ROOT, "corpora", f"{name}.parquet"))
        train, rest = ("\x00".join(p)[:600_000].encode("ascii", "replace") for p in parts)
        found[name] = (np.frombuffer(train, np.uint8), np.frombuffer(rest, np.uint8))
    return found


def _windows(text: np.ndarray) -> np.ndarray:
    """Byte before, byte before that, byte itself; in random order."""
    rows = np.stack([text[1:-1], text[:-2], text[2:]], axis=1).astype(np.int64)
    return rows[np.random.default_rng(0).permutation(len(rows))]


def _probabilities(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    scores = weights[0][rows[:, 0]] + weights[1][rows[:, 1]]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _loss(weights: np.ndarray, rows: np.ndarray) -> float:
    found = _probabilities(weights, rows)[np.arange(len(rows)), rows[:, 2]]
    return float(-np.log(np.maximum(found, 1e-30)).mean())


def _gradient(weights: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the weights that are met, and the derivative of the mean loss there."""
    change = _probabilities(weights, rows)
    change[np.arange(len(rows)), rows[:, 2]] -= 1
    return rows, change / len(rows)


def _dense(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    _, change = _gradient(weights, rows)
    full = np.zeros_like(weights)
    for k in (0, 1):
        np.add.at(full[k], rows[:, k], change)
    return full.ravel()


class FewShot:
    """A trainer: few labels of a target task and many auxiliary sets, few of them useful; softmax.

    Inputs are Gaussian and labels come from a linear rule. Useful sets have the target's rule with
    some noise in it, the others rules of their own. A step takes the mean gradient on a batch of
    the target's labels and on one of the auxiliary sets, by the trial's shares; the target is no
    source. Derivatives are products of the gradients on all of the labels and on all of each set.

    Args:
        seed: Of everything.
        sets: Auxiliary sets.
        useful: Of them, the first ones.
    """

    DIMENSIONS, CLASSES, LABELS, SIZE, RATE = 30, 4, 32, 300, 0.25
    STEPS, PLAYS, BATCH = 150, 4, 16

    def __init__(self, seed: int, sets: int = 20, useful: int = 4):
        self.seed, rng = seed, np.random.default_rng(seed)
        rule = rng.normal(size=(self.DIMENSIONS, self.CLASSES))
        others = rng.normal(size=(sets, self.DIMENSIONS, self.CLASSES))
        near = np.arange(sets)[:, None, None] < useful
        rules = np.where(near, rule + 0.4 * others, others)

        def draw(rules: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
            x = rng.normal(size=(len(rules), n, self.DIMENSIONS))
            return x, (x @ rules).argmax(axis=-1)

        self.goal, self.test = draw(rule[None], self.LABELS), draw(rule[None], 2000)
        self.sets = draw(rules, self.SIZE)
        self.sources = tuple(f"set{i}" for i in range(sets))
        self.targets = ("goal", *self.sources)
        self.available = np.full(sets, 1e9)
        self.states: dict[int, tuple[Trial, np.ndarray]] = {}

    def run(self, trial: Trial, *, rng: np.random.Generator) -> Outcome:
        rng = np.random.default_rng([self.seed, len(trial.chain())])
        weights = np.zeros((self.DIMENSIONS, self.CLASSES))
        if trial.after is not None:
            weights = self.states[id(trial.after)][1]
        picked = rng.integers(self.LABELS, size=(1, self.BATCH))
        change = self._learn(weights, self.goal[0][0][picked], self.goal[1][0][picked])[1][0]
        which = np.repeat(np.arange(len(self.sources)), self._rows(trial))
        if len(which):
            rows = rng.integers(self.SIZE, size=len(which))
            x, y = (part[which, rows][None] for part in self.sets)
            change = change + self._learn(weights, x, y)[1][0]
        weights = weights - self.RATE * change
        self.states[id(trial)] = (trial, weights)
        loss, ours = self._learn(weights, *self.goal)
        losses, theirs = self._learn(weights, *self.sets)
        losses = np.r_[loss, losses]
        both = np.concatenate([ours, theirs]).reshape(len(losses), -1)
        slope = -self.RATE * both @ both[1:].T if trial.gradient == "mean" else None
        return Outcome(Estimate(losses[None], "nats per label", "none"), trial.cost(), slope)

    def _rows(self, trial: Trial) -> np.ndarray:
        return np.rint(trial.shares * trial.tokens).astype(int)

    def _learn(
        self, weights: np.ndarray, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean loss and gradient on each of several sets of equal size."""
        scores = x @ weights
        chance = np.exp(scores - scores.max(axis=-1, keepdims=True))
        chance /= chance.sum(axis=-1, keepdims=True)
        labels = np.eye(self.CLASSES)[y]
        losses = -np.log((chance * labels).sum(axis=-1)).mean(axis=-1)
        return losses, x.swapaxes(1, 2) @ (chance - labels) / x.shape[1]

    def similarities(self) -> np.ndarray:
        """Cosine of the target's gradient and that of each auxiliary set before training."""
        start = np.zeros((self.DIMENSIONS, self.CLASSES))
        (target,), sets = (self._learn(start, *data)[1] for data in (self.goal, self.sets))
        return np.array([cosine(g, target) for g in sets])

    def accuracy(self, trial: Trial) -> float:
        """On unseen examples of the target task, after a trial."""
        (x,), (y,) = self.test
        return float(((x @ self.states[id(trial)][1]).argmax(axis=1) == y).mean())

    def problem(self) -> Problem:
        return problem_of(self, "goal", self.STEPS * self.PLAYS * self.BATCH)

    def static(self, policy: np.ndarray) -> float:
        """Accuracy after training on auxiliary sets drawn from a fixed policy, or on none."""
        trial = None
        for step in range(self.STEPS):
            draw = np.random.default_rng([step, 1])
            count = played(policy, self.PLAYS, draw) if policy.any() else policy
            trial = Trial(count / self.PLAYS, self.PLAYS * self.BATCH, after=trial)
            self.run(trial, rng=np.random.default_rng(0))
        assert trial is not None
        return self.accuracy(trial)


def bandit(task: FewShot, mixer: Mixer) -> tuple[float, np.ndarray]:
    """Accuracy after the chain of trials that a mixer proposes, and the shares it recommends."""
    study = driver.explore(task.problem(), task, mixer, 0, Local())
    return task.accuracy(study.trials[-1]), mixer.recommend(study, rng=stream(0)).mean


def few_shot(name: str, mixer: Mixer, seeds: range) -> Finding:
    """A bandit against drawing all sets alike, and against trusting the first similarities."""
    accuracy = {"target only": [], "explore": [], "exploit": [], "flad": []}
    useful = []
    for seed in seeds:
        nothing = np.zeros(len(FewShot(seed).sources))
        accuracy["target only"].append(FewShot(seed).static(nothing))
        accuracy["explore"].append(FewShot(seed).static(nothing + 1))
        accuracy["exploit"].append(FewShot(seed).static(softmax(FewShot(seed).similarities())))
        reached, shares = bandit(FewShot(seed), mixer)
        accuracy["flad"].append(reached)
        useful.append(float(shares[:4].sum()))
    found = {n: float(np.mean(values)) for n, values in accuracy.items()}
    ahead = {r: gap(accuracy["flad"], accuracy[r]) for r in ("explore", "exploit")}
    cost = {f"{sets} sets": seconds(mixer, sets) for sets in (20, 80)}
    flat = cost["80 sets"] / cost["20 sets"]
    return Finding(
        claim=f"{name}, run by its own propose and recommend, beats explore-only and exploit-only "
        "by more than 2 standard errors, and a step costs the same with 4 times the sets (at most "
        "1.5 times).",
        measured=f"Accuracy {found['flad']:.3f} against {found['explore']:.3f} (explore) and "
        f"{found['exploit']:.3f} (exploit), target alone {found['target only']:.3f}; ahead by "
        f"{ahead['explore'][0]:+.3f} ± {ahead['explore'][1]:.3f} and {ahead['exploit'][0]:+.3f} ± "
        f"{ahead['exploit'][1]:.3f}; the 4 useful sets get {np.mean(useful):.2f} of the shares; a "
        f"step with 80 sets, losses and derivatives of all of them included, takes {flat:.2f} "
        "times one with 20.",
        holds=all(mean > 2 * se for mean, se in ahead.values()) and flat <= 1.5,
        numbers={
            "accuracy": found, "ahead_and_standard_error": ahead, "share_of_useful_sets": useful,
            "cost_80_over_20": flat, "seconds": cost,
        },
    )  # fmt: skip


def gap(ours: list[float], theirs: list[float]) -> tuple[float, float]:
    """Mean difference over seeds, and its standard error."""
    difference = np.subtract(ours, theirs)
    return float(difference.mean()), float(difference.std(ddof=1) / len(difference) ** 0.5)


def seconds(mixer: Mixer, sets: int) -> float:
    """Of one run with so many sets; the best of two."""
    times = []
    for seed in range(2):
        task, start = FewShot(seed, sets), time.process_time()
        bandit(task, mixer)
        times.append(time.process_time() - start)
    return min(times)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))
