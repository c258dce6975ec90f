"""The files that the pages of docs/ speak of, small and made up."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

TOPICS = {
    "web": ["shop", "news", "page", "offer", "photo", "trip", "hotel", "score", "match", "blog"],
    "code": ["def", "return", "self", "import", "class", "value", "index", "raise", "yield", "for"],
    "books": ["night", "heart", "river", "letter", "mother", "window", "silence", "winter", "road"],
}


def build(root: Path, words: int = 100_000) -> None:
    """Lay out web/, code/, books.jsonl.zst, val.jsonl and what else the pages name."""
    web, code, books = (texts(name, words) for name in TOPICS)
    (root / "web").mkdir()
    for i, part in enumerate(_halves(web)):
        pq.write_table(pa.table({"text": part}), root / "web" / f"{i}.parquet")
    for i, text in enumerate(code):
        path = root / "code" / f"package{i % 7}" / f"module{i}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lines = jsonl(books)
    (root / "books.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(lines))
    val = [a for pair in zip(texts("code", 6000, seed=1), texts("books", 6000, seed=2)) for a in pair]
    (root / "val.jsonl").write_bytes(jsonl(val))
    (root / "questions.jsonl").write_bytes(jsonl(texts("web", 5000, seed=3)))
    with (root / "mixtures.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["run", "share/web", "share/code", "share/books"])
        rows.writerows([["a", 0.5, 0.3, 0.2], ["b", 0.2, 0.4, 0.4]])


def texts(name: str, words: int, seed: int = 0) -> list[str]:
    """Documents of Zipf-distributed words, a tenth of them from the topic's own vocabulary."""
    rng = np.random.default_rng([seed, sorted(TOPICS).index(name)])
    common = [_word(np.random.default_rng(i)) for i in range(400)]
    own = TOPICS[name]
    picks = np.minimum(rng.zipf(1.3, words), len(common)) - 1
    special = rng.random(words) < 0.3
    chosen = [own[p % len(own)] if s else common[p] for p, s in zip(picks.tolist(), special)]
    size = 120
    return [" ".join(chosen[i : i + size]) + ".\n" for i in range(0, words, size)]


def jsonl(documents: list[str]) -> bytes:
    """One object a line."""
    return "".join(json.dumps({"text": text}) + "\n" for text in documents).encode()


def _word(rng: np.random.Generator) -> str:
    return "".join("bdfgklmnprst"[i] + "aeiou"[j] for i, j in rng.integers(0, [12, 5], (3, 2)))


def _halves(items: list[str]) -> tuple[list[str], list[str]]:
    return items[: len(items) // 2], items[len(items) // 2 :]
