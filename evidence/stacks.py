"""What the evidence of trainers shares: sources on disk, and their real readers."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import orjson
import pyarrow as pa

from cuvee.core.dataset import Dataset
from cuvee.testing.evidence import Missing
from cuvee.testing.trainers import EOS, Planted, save_tokenizer

SHARES = {"web": 0.5, "code": 0.3, "books": 0.2}
LENGTHS = {"web": 10, "code": 6, "books": 40}
HELD = {"web": 400, "code": 300, "books": 60}


def reader(module: str, distribution: str) -> tuple[ModuleType, str]:
    """A trainer's own reader and its version.

    Raises:
        Missing: It is not installed here.
    """
    try:
        return import_module(module), f"{distribution} {version(distribution)}"
    except ImportError as error:
        raise Missing(f"needs {distribution} ({error}): pip install {distribution}.") from error


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that vanishes; what reads it keeps files open."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        yield Path(name)


def planted(folder: Path) -> Dataset:
    """A mixture of three sources that lie in `folder` as JSON lines.

    A document is its source's name as often as it has words.
    """
    for name, words in LENGTHS.items():
        lines = [orjson.dumps({"text": " ".join([name] * words)}) for _ in range(HELD[name])]
        (folder / f"{name}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return Planted(
        tuple(SHARES), tuple(SHARES.values()), tuple(LENGTHS.values()), (200, 200, 20),
        tuple(HELD.values()), tuple((str(folder / f"{name}.jsonl"),) for name in SHARES),
    ).dataset()  # fmt: skip


def alone(name: str) -> Dataset:
    """All documents of one of these sources, as if they were a mixture."""
    words, held = LENGTHS[name], HELD[name]
    table = pa.table(
        {
            "id": [f"{name}/{i}" for i in range(held)],
            "text": [" ".join([name] * words)] * held,
            "source": [name] * held,
            "tokens": pa.array([words] * held, pa.uint32()),
        }
    )
    whole = Planted((name,), (1.0,), (words,), (held,), (held,)).dataset()
    return replace(whole, read=lambda: iter([table]))


def with_tokenizer(folder: Path) -> dict[str, str]:
    """Settings of a stack that needs a tokenizer."""
    return {"tokenizer": str(save_tokenizer(folder)), "eos": EOS}


def token_shares(names: Sequence[str]) -> dict[str, float]:
    """Shares of the words, of documents of these sources."""
    words = {name: LENGTHS[name] * names.count(name) for name in SHARES}
    total = sum(words.values())
    return {name: count / total for name, count in words.items()}


def off(shares: dict[str, float]) -> float:
    """The largest difference from the asked shares."""
    return max(abs(shares[name] - SHARES[name]) for name in SHARES)
