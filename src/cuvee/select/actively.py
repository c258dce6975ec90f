"""A policy of asking for labels that was trained on the worst cases."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.active import upto

FEATURES = ("unsure", "against", "split", "asked", "doubt")
"""Of a question: entropy of the votes, mass against the leading hypothesis, whether the first two
differ, how often it was asked, how often its answer was against the leader."""
UNCERTAINTY = np.array([50.0, 0, 0, 0, 0])
"""The policy that asks where the votes are most uncertain."""
WORST = 0.25
"""Part of the instances of a class that counts as its worst."""
BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Actively:
    """Learns how to ask, then asks: rows whose labels tell hypotheses apart even in bad cases.

    The game: one of many hypotheses is true, each row is a question, its label the answer, which is
    wrong with a chance that differs between questions and is not known. A policy scores questions
    by a few features of what is known so far. It is trained on made-up instances, in classes of
    complexity (how many answers it takes to tell the true hypothesis from its worst rival), such
    that its error in the worst instances of any class is as near as possible to that of the best
    policy for this class alone. Then it chooses rows, round by round, from the labels of the rows
    chosen before. The hypotheses are random linear classifiers of the points.

    The smallest form of the method: a linear policy, trained by the cross-entropy method, where the
    paper trains a network by policy gradients.

    Args:
        hypotheses: How many.
        rounds: Parts in which rows are chosen; labels are looked at in between.
        noise: Part of the labels that is taken to be wrong when hypotheses are weighed.
        levels: Classes of complexity.
        questions: Rows with which the policy is trained.
        answers: Questions asked in a training game.
        instances: Of each training.
        repeats: Games for each instance.
        candidates: Policies in a generation of the training.
        generations: Of the training.

    Fails when: no linear classifier is nearly right, or many are needed to have a good one among
    them. Each round costs hypotheses * rows * classes.

    References: Zhang, Jain and Jamieson, "Learning to actively learn: a robust approach", 2021,
    https://arxiv.org/abs/2010.15382.
    """

    hypotheses: int = 48
    rounds: int = 20
    noise: float = 0.1
    levels: int = 2
    questions: int = 32
    answers: int = 10
    instances: int = 16
    repeats: int = 3
    candidates: int = 8
    generations: int = 3

    needs: ClassVar[tuple[str, ...]] = ("points", "labels")
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "learning"

    def __post_init__(self) -> None:
        counts = (
            self.hypotheses - 1, self.rounds, self.levels, self.questions, self.answers,
            self.instances, self.repeats, self.candidates - 1, self.generations,
        )  # fmt: skip
        if min(counts) < 1 or not 0 < self.noise < 0.5:
            raise CuveeError(
                "actively: expected 2 hypotheses and candidates or more, 1 or more of all else, "
                f"and noise between 0 and 0.5, got noise {self.noise} and {counts}."
            )

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Round by round; the group of a row is its round."""
        points, labels = pool.need("points"), pool.need("labels")
        y = np.unique(labels, return_inverse=True)[1]
        classes = max(int(y.max()) + 1, 2)
        votes = linear_answers(points, self.hypotheses, classes, rng)
        some = np.sort(rng.permutation(len(pool))[: self.questions])
        policy = self.train(Game(votes[:, some], classes, self.noise), rng=rng)
        belief = np.zeros(self.hypotheses)
        taken, score, group = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64)
        left = np.ones(len(pool), bool)
        hit, miss = np.log(1 - self.noise), np.log(self.noise / (classes - 1))
        for turn in range(self.rounds):
            part = upto(k, (turn + 1) / self.rounds, pool, taken)
            if part is None:
                continue
            value = np.where(left, _values(votes, classes, belief, policy), -np.inf)
            order = np.argsort(-value, kind="stable")[: int(left.sum())]
            new = part.fill(order, pool.sizes)
            right = (votes[:, new] == y[new]).sum(axis=1)
            belief += right * hit + (len(new) - right) * miss
            left[new] = False
            taken, score = np.r_[taken, new], np.r_[score, value[new]]
            group = np.r_[group, np.full(len(new), turn)]
        note = "policy: " + ", ".join(f"{n} {w:.2g}" for n, w in zip(FEATURES, policy))
        return Choice(taken, score, "value to the policy", group, "round", notes=(note,))

    def train(self, game: "Game", *, rng: Generator) -> Float[np.ndarray, "features"]:
        """Weights of the policy that is near the best one in the worst instances of every class.

        Args:
            game: Questions and hypotheses.
            rng: Of the instances and the search.
        """
        truth, flips = game.instances(self.instances, rng)
        order = np.argsort(game.complexity(truth, flips), kind="stable")
        truth, flips = truth[order], flips[order]
        ends = np.ceil(np.arange(1, self.levels + 1) / self.levels * len(truth)).astype(int)
        seed = int(rng.integers(2**62))

        def worst(policies: np.ndarray) -> np.ndarray:
            """Error in the worst instances of each class: (policies, classes)."""
            # The same luck for all: what differs is the policy.
            luck = np.random.default_rng(seed)
            error = game.errors(policies, truth, flips, self.answers, self.repeats, luck)
            return np.stack([worst_part(error[:, :end]) for end in ends], axis=1)

        best = np.array([
            self._search(lambda p, i=i: worst(p)[:, i], rng)[1] for i in range(self.levels)
        ])  # fmt: skip
        return self._search(lambda p: (worst(p) - best).max(axis=1), rng)[0]

    def _search(
        self, loss: Callable[[np.ndarray], np.ndarray], rng: Generator
    ) -> tuple[np.ndarray, float]:
        """The cross-entropy method, from uncertainty sampling on: the best policy and its loss."""
        middle, spread = UNCERTAINTY / 5, np.full(len(FEATURES), 6.0)
        found, least = middle, np.inf
        elite = max(self.candidates // 4, 1)
        for _ in range(self.generations):
            tried = middle + spread * rng.standard_normal((self.candidates, len(FEATURES)))
            tried[0] = middle
            losses = loss(tried)
            ranked = np.argsort(losses, kind="stable")
            if losses[ranked[0]] < least:
                found, least = tried[ranked[0]], float(losses[ranked[0]])
            middle = tried[ranked[:elite]].mean(axis=0)
            spread = 0.3 * spread + 0.7 * tried[ranked[: 2 * elite]].std(axis=0)
        return found, least


@dataclass(frozen=True, slots=True, eq=False)
class Game:
    """Noisy twenty questions.

    Args:
        answers: Of each hypothesis to each question, as numbers of classes.
        classes: Answers there are.
        noise: Part of the answers taken to be wrong when hypotheses are weighed.
    """

    answers: Int[np.ndarray, "hypotheses questions"]
    classes: int
    noise: float

    def instances(
        self, count: int, rng: Generator
    ) -> tuple[Int[np.ndarray, "count"], Float[np.ndarray, "count questions"]]:
        """True hypotheses, and how often each question is answered wrongly.

        A part of the questions, up to 60%, is answered nearly at random.
        """
        many = self.answers.shape[1]
        base = rng.uniform(0, 0.3, (count, 1)) * rng.random((count, many))
        bad = rng.random((count, many)) < rng.uniform(0, 0.6, (count, 1))
        worst = 1 - 1 / self.classes
        flips = np.where(bad, rng.uniform(0.7, 1, (count, many)) * worst, base)
        return rng.integers(len(self.answers), size=count), flips

    def complexity(
        self, truth: Int[np.ndarray, "count"], flips: Float[np.ndarray, "count questions"]
    ) -> Float[np.ndarray, "count"]:
        """Answers it takes, up to a factor, to tell each truth from its worst rival.

        For questions asked in turn: max over rivals of questions * differing / gap^2, where the gap
        sums, over the questions on which they differ, how much likelier the true answer is.
        """
        found = np.empty(len(truth))
        for i, (true, flip) in enumerate(zip(truth, flips)):
            differ = self.answers != self.answers[true]
            gap = differ @ (1 - flip - flip / (self.classes - 1))
            apart = differ.any(axis=1) & (gap > 0)
            ratio = differ.sum(axis=1)[apart] / np.square(gap[apart])
            found[i] = self.answers.shape[1] * ratio.max(initial=0)
        return found

    def errors(
        self, policies: Float[np.ndarray, "policies features"], truth: Int[np.ndarray, "count"],
        flips: Float[np.ndarray, "count questions"], asked: int, repeats: int, rng: Generator,
    ) -> Float[np.ndarray, "policies count"]:  # fmt: skip
        """How often each policy ends with a wrong hypothesis, by instance."""
        p, n, many = len(policies), len(truth), self.answers.shape[1]
        shape = (p, n, repeats)
        luck = rng.random((asked, 2, n, repeats))
        gumbel = -np.log(rng.exponential(size=(asked, n, repeats, many)))
        who = np.broadcast_to(np.repeat(truth, repeats), (p, n * repeats)).ravel()
        wrong = np.broadcast_to(np.repeat(flips, repeats, axis=0), (p, n * repeats, many))
        wrong = wrong.reshape(-1, many)
        weights = np.repeat(policies, n * repeats, axis=0)
        belief = np.zeros((len(who), len(self.answers)), np.float32)
        times, doubts = np.zeros((2, len(who), many), np.float32)
        hot = one_hot(self.answers, self.classes)
        each = np.arange(len(who))
        hit, miss = np.log(1 - self.noise), np.log(self.noise / (self.classes - 1))
        for turn in range(asked):
            seen = features(self.answers, hot, belief, times, doubts)
            noise = np.broadcast_to(gumbel[turn], (*shape, many)).reshape(-1, many)
            ask = (np.einsum("eqf,ef->eq", seen, weights) + noise).argmax(axis=1)
            flip, other = (np.broadcast_to(u, shape).ravel() for u in luck[turn])
            shift = 1 + np.floor(other * (self.classes - 1)).astype(np.int64)
            said = (self.answers[who, ask] + (flip < wrong[each, ask]) * shift) % self.classes
            leader = belief.argmax(axis=1)
            times[each, ask] += 1
            doubts[each, ask] += self.answers[leader, ask] != said
            belief += np.where(said[:, None] == self.answers[:, ask].T, hit, miss)
        return (belief.argmax(axis=1) != who).reshape(shape).mean(axis=2)


def worst_part(errors: Float[np.ndarray, "policies count"]) -> Float[np.ndarray, "policies"]:
    """Mean over the worst instances of each policy."""
    many = max(int(WORST * errors.shape[1]), 1)
    return np.sort(errors, axis=1)[:, -many:].mean(axis=1)


def features(
    answers: Int[np.ndarray, "hypotheses questions"],
    hot: Float[np.ndarray, "hypotheses questions*classes"],
    belief: Float[np.ndarray, "games hypotheses"],
    times: Float[np.ndarray, "games questions"],
    doubts: Float[np.ndarray, "games questions"],
) -> Float[np.ndarray, "games questions features"]:
    """Of every question in every game, those named in FEATURES."""
    weight = np.exp(belief - belief.max(axis=1, keepdims=True))
    weight = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
    votes = (weight @ hot).reshape(len(belief), answers.shape[1], -1)
    unsure = -(votes * np.log(np.maximum(votes, 1e-9))).sum(axis=2) / np.log(votes.shape[2])
    first = belief.argmax(axis=1)
    others = belief.copy()
    others[np.arange(len(others)), first] = -np.inf
    leading, second = answers[first], answers[others.argmax(axis=1)]
    against = 1 - np.take_along_axis(votes, leading[:, :, None], axis=2)[:, :, 0]
    split = (leading != second).astype(np.float32)
    return np.stack([unsure, against, split, np.log1p(times), doubts / (1 + times)], axis=2)


def one_hot(
    answers: Int[np.ndarray, "hypotheses questions"], classes: int
) -> Float[np.ndarray, "hypotheses questions*classes"]:
    """1 where a hypothesis gives an answer."""
    hot = answers[:, :, None] == np.arange(classes)
    return hot.reshape(len(answers), -1).astype(np.float32)


def linear_answers(
    points: Float[np.ndarray, "rows features"], hypotheses: int, classes: int, rng: Generator
) -> Int[np.ndarray, "hypotheses rows"]:
    """What random linear classifiers say of each row."""
    middle = points.mean(axis=0, dtype=np.float64)
    x = (points - middle).astype(np.float32)
    scale = np.sqrt(np.mean(np.square(x), dtype=np.float64) * x.shape[1])
    x /= np.float32(max(float(scale), 1e-6))
    found = np.empty((hypotheses, len(x)), np.int16)
    for h in range(hypotheses):
        plane = rng.standard_normal((x.shape[1], classes)).astype(np.float32)
        lift = 0.3 * rng.standard_normal(classes).astype(np.float32)
        found[h] = np.argmax(x @ plane + lift, axis=1)
    return found


def _values(votes: np.ndarray, classes: int, belief: np.ndarray, policy: np.ndarray) -> np.ndarray:
    """Of every row to the policy, a block of rows at a time."""
    parts = []
    for i in range(0, votes.shape[1], BLOCK):
        some = votes[:, i : i + BLOCK]
        none = np.zeros((1, some.shape[1]), np.float32)
        seen = features(some, one_hot(some, classes), belief[None], none, none)
        parts.append(seen[0] @ policy)
    return np.concatenate(parts)
