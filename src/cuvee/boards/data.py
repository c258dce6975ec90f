"""Tables that boards are made of, the faults planted in them, and the classifier that judges."""

from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Float32, Int, Int64, UInt64
from numpy.random import Generator, default_rng

from cuvee.core import stream
from cuvee.core.embedding import Embedding
from cuvee.core.methods import missing
from cuvee.core.ngrams import hashed_ngrams
from cuvee.core.pool import Pool, Score

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CLASSES, DOCUMENTS, BACKGROUND, DIMS = 6, 1500, 500, 32
"""Of the planted text: topics, documents, documents that its points are fitted on, coordinates."""
OWN, COMMON = 35, 300
"""Words of a topic, and words of all."""
TOPIC, OTHER = 0.24, 0.1
"""Part of a document's words that are of its topic, and of the topic after it."""
RARE = 0.15
"""Part of its rows that the rarest class of an uneven pool keeps."""
TELLS = 0.6
"""By how many of its spreads the rating of a rightly labelled row is higher, on average."""
RIDGE = 0.1
"""Of the classifier that judges."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Labelled rows of numbers, which may be texts.

    Args:
        points: Features.
        labels: Class of each row, from 0.
        classes: How many there are.
        texts: Of each row; empty: they are none.
        embedding: That made points of texts.
    """

    points: Float32[np.ndarray, "rows features"]
    labels: Int64[np.ndarray, "rows"]
    classes: int
    texts: tuple[str, ...] = ()
    embedding: Embedding | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Int[np.ndarray, "some"]) -> "Table":
        """Some of the rows."""
        texts = tuple(self.texts[i] for i in rows) if self.texts else ()
        return replace(self, points=self.points[rows], labels=self.labels[rows], texts=texts)

    def relabelled(self, labels: Int64[np.ndarray, "rows"]) -> "Table":
        """The same rows with other labels."""
        return replace(self, labels=labels)

    def strange(self) -> "Table":
        """Rows of another look: features in reverse order; of texts, words of another dialect."""
        if self.embedding is None:
            return replace(self, points=np.ascontiguousarray(self.points[:, ::-1]))
        texts = tuple(" ".join(_dialect(word) for word in text.split()) for text in self.texts)
        points = self.embedding.transform(texts).astype(np.float32)
        return replace(self, points=points, texts=texts)

    def pool(self, **more: np.ndarray | tuple[str, ...]) -> Pool:
        """What a method of choice looks at; a row counts one, a text its words."""
        sizes = np.array([len(text.split()) for text in self.texts] or np.ones(len(self)), np.int64)
        made = Pool(self.keys, sizes, self.points, labels=self.labels)
        if self.texts:
            table = hashed_ngrams(pa.array(self.texts, pa.large_string()))
            made = replace(made, counts=_Counted(table).score, totals=_Counted(table).total)
        return replace(made, **more)  # type: ignore[arg-type]

    @property
    def keys(self) -> UInt64[np.ndarray, "rows"]:
        """Of the content, labels aside."""
        content = [text.encode() for text in self.texts] or [row.tobytes() for row in self.points]
        keys = b"".join(blake2b(row, digest_size=8).digest() for row in content)
        return np.frombuffer(keys, "<u8").astype(np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """Counts of n-grams that are all in memory."""

    table: "csr_array"

    def score(self, of: Score) -> np.ndarray:
        return of(self.table)

    def total(self, times: np.ndarray) -> np.ndarray:
        return times.astype(np.float64) @ self.table


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """The classifier that every choice trains, and the clean rows that it is scored on.

    Kernel least squares on one-hot labels: the kernel is exp(-(distance / width)^2), and the ridge
    `RIDGE`. It is solved, not trained, so nothing about it is random.

    Args:
        points: Features of the rows to be told.
        labels: Their classes, all of them right.
        classes: How many there are.
        width: Root mean square distance of two rows that methods see.
    """

    points: Float[np.ndarray, "rows features"]
    labels: Int64[np.ndarray, "rows"]
    classes: int
    width: float

    @staticmethod
    def of(held: Table, seen: Float32[np.ndarray, "some features"]) -> "Judge":
        """For some held-out rows."""
        apart = np.sqrt(2 * seen.astype(np.float64).var(axis=0).sum())
        return Judge(held.points.astype(np.float64), held.labels, held.classes, float(apart))

    def weights(
        self, points: Float32[np.ndarray, "chosen features"]
    ) -> Float[np.ndarray, "rows chosen"]:
        """What the label of each chosen row counts for each row to be told."""
        chosen = points.astype(np.float64)
        inner = self._near(chosen, chosen) + RIDGE * np.eye(len(chosen))
        return np.linalg.solve(inner, self._near(chosen, self.points)).T

    def one_hot(self, labels: Int64[np.ndarray, "chosen"]) -> Float[np.ndarray, "chosen classes"]:
        """Labels as numbers."""
        return np.eye(self.classes)[labels]

    def accuracy(self, votes: Float[np.ndarray, "rows classes"]) -> float:
        """Part that is told right, as a mean over the classes."""
        right = votes.argmax(axis=1) == self.labels
        many = np.bincount(self.labels, minlength=self.classes)
        hits = np.bincount(self.labels, right, minlength=self.classes)
        return float(np.mean(hits[many > 0] / many[many > 0]))

    def score(
        self, points: Float32[np.ndarray, "chosen features"], labels: Int64[np.ndarray, "chosen"]
    ) -> float:
        """Accuracy after training on some rows; that of a guess if there are none."""
        if not len(points):
            return 1 / self.classes
        return self.accuracy(self.weights(points) @ self.one_hot(labels))

    def _near(self, a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, "a b"]:
        square = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * (a @ b.T)
        return np.exp(-np.maximum(square, 0) / max(self.width**2, 1e-12))


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A table in three: rows to choose from, rows to choose for, and rows that judge.

    Args:
        rest: To choose from; nothing is wrong with it yet.
        target: Shown with it, the same number of each class.
        held: What judges; methods never see it.
    """

    rest: Table
    target: Table
    held: Table

    @staticmethod
    def of(table: Table, rng: Generator, each: int, held: float = 1 / 3) -> "Split":
        """At random; `each` rows of every class are the target."""
        order = rng.permutation(len(table))
        judges, others = np.split(order, [round(held * len(order))])
        turn = np.zeros(len(others), np.int64)
        for kind in range(table.classes):
            own = table.labels[others] == kind
            turn[own] = np.arange(own.sum())
        return Split(
            table.take(others[turn >= each]), table.take(others[turn < each]), table.take(judges)
        )


def uneven(
    labels: Int64[np.ndarray, "rows"], classes: int, rng: Generator
) -> Int64[np.ndarray, "some"]:
    """Rows that stay if classes are to differ in size: all of one, `RARE` of the rarest."""
    part = RARE ** (rng.permutation(classes) / max(classes - 1, 1))
    kept = [own[: round(part[i] * len(own))] for i, own in enumerate(_by_class(labels, classes))]
    return rng.permutation(np.concatenate(kept))  # so that row numbers tell nothing


def mislabelled(
    labels: Int64[np.ndarray, "rows"], classes: int, part: float, rng: Generator
) -> Int64[np.ndarray, "rows"]:
    """Labels, a part of them wrong: half by a mix-up with the next class, half by any other."""
    wrong = rng.permutation(len(labels))[: round(part * len(labels))]
    step = rng.integers(1, classes, len(wrong))
    step[: len(wrong) // 2] = 1
    found = labels.copy()
    found[wrong] = (labels[wrong] + step) % classes
    return found


def rated(right: np.ndarray, rng: Generator) -> Float[np.ndarray, "rows"]:
    """What somebody who glanced at each row thought of it: higher for right labels, on average."""
    return np.round(TELLS * right + rng.standard_normal(len(right)), 2)


def table(name: str, seed: int) -> Table:
    """A table by its name; planted text is another one for each seed.

    Raises:
        CuveeError: scikit-learn, which carries the data, is not installed.
    """
    return planted_text(seed) if name == "text" else bundled(name)


@lru_cache(maxsize=4)
def bundled(name: str) -> Table:
    """A table that comes with scikit-learn: `digits` or `cancer`."""
    try:
        from sklearn import datasets
    except ModuleNotFoundError as error:
        raise missing(error) from error
    load: Any = datasets.load_digits if name == "digits" else datasets.load_breast_cancer
    points, labels = load(return_X_y=True)
    points = (
        points / 16 if name == "digits" else (points - points.mean(axis=0)) / points.std(axis=0)
    )
    return Table(points.astype(np.float32), labels.astype(np.int64), int(labels.max()) + 1)


@lru_cache(maxsize=8)
def planted_text(seed: int) -> Table:
    """Short texts of six topics in made-up words; points are fitted on other such texts."""
    rng = stream(seed, "board", "text")
    labels = rng.integers(CLASSES, size=DOCUMENTS + BACKGROUND)
    texts = _written(labels, rng)
    embedding = Embedding.fit(texts[DOCUMENTS:], DIMS, seed=0)
    own = tuple(texts[:DOCUMENTS])
    points = embedding.transform(own).astype(np.float32)
    return Table(points, labels[:DOCUMENTS], CLASSES, own, embedding)


def _written(labels: Int64[np.ndarray, "documents"], rng: Generator) -> list[str]:
    words = _words()
    topics, common = words[: CLASSES * OWN].reshape(CLASSES, OWN), words[CLASSES * OWN :]
    often = 1 / np.arange(1, COMMON + 1)
    texts = []
    for label in labels:
        length = int(rng.integers(12, 40))
        kind = rng.random(length)
        found = rng.choice(common, length, p=often / often.sum())
        own, other = (topics[(label + i) % CLASSES] for i in (0, 1))
        found = np.where(kind < TOPIC, rng.choice(own, length), found)
        found = np.where(kind > 1 - OTHER, rng.choice(other, length), found)
        texts.append(" ".join(found))
    return texts


def _words() -> np.ndarray:
    """Made-up words of three syllables, all different."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    several = np.array([a + b + c for a in syllables for b in syllables[:9] for c in syllables[:9]])
    return default_rng(0).permutation(several)[: CLASSES * OWN + COMMON]


def _dialect(word: str) -> str:
    """Four words of five are others."""
    return word if sum(map(ord, word)) % 5 == 0 else word[::-1]


def _by_class(labels: np.ndarray, classes: int) -> list[np.ndarray]:
    return [np.flatnonzero(labels == kind) for kind in range(classes)]


__all__ = ["Judge", "Split", "Table", "mislabelled", "rated", "table", "uneven"]
