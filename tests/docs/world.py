"""The files that the pages of docs/ speak of, small and made up."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from cuvee.core import Points
from cuvee.predict.step_law import StepLaw

OWN = {
    "web": ["shop", "news", "page", "offer", "photo", "trip", "hotel", "score", "match", "blog"],
    "code": ["def", "return", "self", "import", "class", "value", "index", "raise", "yield", "for"],
    "books": ["night", "heart", "river", "letter", "mother", "window", "silence", "winter", "road"],
}
"""Words that only one kind of text has."""
COMMON = ["".join(w) for w in np.random.default_rng(0).choice(list("aeklmnorst"), (400, 5))]


def build(root: Path, words: int) -> None:
    """Lay out web/, code/, books.jsonl.zst, val.jsonl and what else the pages name.

    Each source holds about as many tokens as words.
    """
    web, code, books = (texts(name, words) for name in OWN)
    (root / "web").mkdir()
    for i in range(2):
        pq.write_table(pa.table({"text": web[i::2]}), root / "web" / f"{i}.parquet")
    for i, text in enumerate(code):
        path = root / "code" / f"package{i % 7}" / f"module{i}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "books.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(jsonl(books)))
    (root / "val.jsonl").write_bytes(jsonl(texts("code", 6000, 1) + texts("books", 6000, 2)))
    (root / "questions.jsonl").write_bytes(jsonl(texts("web", 5000, 3)))
    with (root / "mixtures.csv").open("w", newline="") as file:
        csv.writer(file).writerows([
            ["run", "share/web", "share/code", "share/books"],
            ["a", 0.5, 0.3, 0.2], ["b", 0.2, 0.4, 0.4],
        ])  # fmt: skip
    shutil.copy(Path(__file__).parents[2] / "docs" / "data" / "repetition.csv", root)
    scaling(root)
    languages(root, words)
    for name, count in (("runs", 40), ("test", 30)):
        with (root / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(runs(count, seed=count))


def languages(root: Path, words: int) -> None:
    """`en.jsonl`, `sw.jsonl` and `is.jsonl`: much of one language, little of the others."""
    for i, (name, part) in enumerate((("en", 1), ("sw", 6), ("is", 12))):
        rng = np.random.default_rng(10 + i)
        known = ["".join(w) for w in rng.choice(list("abdefghijklmnoprstuvwyz"), (600, 5))]
        picks = np.minimum(rng.zipf(1.3, words // part), len(known)) - 1
        documents = [
            " ".join(known[p] for p in picks[j : j + 80]) for j in range(0, len(picks), 80)
        ]
        (root / f"{name}.jsonl").write_bytes(jsonl(documents))


def scaling(root: Path) -> None:
    """`ours.csv` and `theirs.csv`, runs of two procedures, `sweep.csv`, and `seeds.csv`."""
    rng = np.random.default_rng(5)
    params, tokens = (a.ravel() for a in np.meshgrid([1e7, 3e7, 1e8, 3e8], [1e9, 3e9, 1e10, 3e10]))
    for name, floor, size in (("ours", 1.7, 420.0), ("theirs", 1.8, 300.0)):
        losses = floor + size / params**0.34 + 410 / tokens**0.28
        noise = np.exp(rng.normal(0, 0.002, len(losses)))
        table = zip(params, tokens, losses * noise)
        with (root / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["params", "tokens", "loss/val"], *table])
    cells = [(n, d) for n in (1e8, 3e8, 6e8) for d in (5e9, 2e10, 8e10)]
    sweep = np.array([(n, d, lr, batch) for n, d in cells
                      for lr in 1e-3 * 2.0 ** np.arange(-2, 4)
                      for batch in 2e5 * 2.0 ** np.arange(0, 5)])  # fmt: skip
    points = Points.of(**dict(zip(("params", "tokens", "lr", "batch"), sweep.T)))
    found = StepLaw.value(points, **StepLaw.published)
    with (root / "sweep.csv").open("w", newline="") as file:
        table = np.column_stack([sweep, found * np.exp(rng.normal(0, 0.0005, len(found)))])
        csv.writer(file).writerows([["params", "tokens", "lr", "batch", "loss/val"], *table])
    scales = np.repeat([1e6, 2e6, 4e6, 8e6], 16)
    good = rng.random(len(scales)) < 1 / (1 + (3e6 / scales) ** 2)
    scores = np.where(good, 0.95, 0.15) + rng.normal(0, 0.02, len(scales))
    with (root / "seeds.csv").open("w", newline="") as file:
        table = zip(scales, range(len(scales)), scores)
        csv.writer(file).writerows([["params", "seed", "loss/accuracy"], *table])


def runs(count: int, seed: int) -> list[list[object]]:
    """A table of runs whose losses follow a law, with noise."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(3), count)
    worth = np.array([[0.4, 1.6, 0.6], [1.5, 0.2, 0.5]])
    losses = 2.5 + np.exp(0.5 - shares @ worth.T) + rng.normal(0, 0.01, (count, 2))
    header = ["run", "params", "tokens", *(f"share/{n}" for n in ("web", "code", "books")),
              "loss/val", "loss/questions"]  # fmt: skip
    rows = [[i, 1e8, 2e9, *s, *x] for i, (s, x) in enumerate(zip(shares, losses))]
    return [header, *rows]


def texts(name: str, words: int, seed: int = 0, length: int = 400) -> list[str]:
    """Documents of Zipf-distributed words, nearly a third of them from the kind's own."""
    rng = np.random.default_rng([seed, sorted(OWN).index(name)])
    picks = np.minimum(rng.zipf(1.3, words), len(COMMON)) - 1
    own = rng.random(words) < 0.3
    chosen = [OWN[name][p % len(OWN[name])] if s else COMMON[p] for p, s in zip(picks, own)]
    return [" ".join(chosen[i : i + length]) + ".\n" for i in range(0, words, length)]


def jsonl(documents: list[str]) -> bytes:
    """One object a line."""
    return "".join(json.dumps({"text": text}) + "\n" for text in documents).encode()
