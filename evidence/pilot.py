"""The pilot's corpora as it split and cut them, for real training on them."""

import tempfile
from pathlib import Path

from cuvee.core.data import Data
from cuvee.core.units import Tokenizer, Words
from cuvee.engine.local import Local
from cuvee.proxies.tokens import vocabulary_file
from cuvee.sources.memory import Memory
from cuvee.testing.evidence import shared_data
from evidence.tables import split_documents

VOCABULARY = 4096
NAMES = (
    "c", "de", "es", "essay", "fortunes", "fr", "handbook_en", "man_en", "perl", "pydoc", "python",
    "wordnet",
)  # fmt: skip


def pilot_data(root: Path, folder: str | None = None) -> Data:
    """85% of each domain to train on, the rest held out; tokens of a byte-pair vocabulary of 4,096.

    Args:
        root: Of the checkout.
        folder: Where the vocabulary is kept.
    """
    parts = {n: split_documents(shared_data(root, "corpora", f"{n}.parquet")) for n in NAMES}
    sources = tuple(Memory(n, tuple(p[0])) for n, p in parts.items())
    targets = tuple(Memory(n, tuple(p[1])) for n, p in parts.items())
    path = Path(folder or tempfile.mkdtemp(), "tokenizer.json")
    if not path.exists():
        words = Data(sources, (), Words(), Local())
        vocabulary_file(words, words.survey()[0], VOCABULARY, path)
    return Data(sources, targets, Tokenizer(str(path)), Local())
