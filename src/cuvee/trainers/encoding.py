"""Documents as tokens of the user's tokenizer."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset
from cuvee.core.methods import missing
from cuvee.core.remote import content, is_address
from cuvee.trainers.documents import tables

NONE = "none"
"""What a user writes for no token between documents."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """A tokenizer, and what it puts around each document.

    Args:
        loaded: The tokenizer.
        file: Name of its file.
        digest: SHA-256 of its content.
        before: Ids before each document.
        after: Ids after it.
        size: Number of ids: one more than the largest.
    """

    loaded: Any
    file: str
    digest: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    size: int

    def documents(self, dataset: Dataset) -> Iterator[np.ndarray]:
        """Ids of each document, in order; a document of no tokens is left out."""
        for table in tables(dataset, 256):
            found = self.loaded.encode_batch_fast(
                table["text"].to_pylist(), add_special_tokens=False
            )
            for one in found:
                ids = np.array([*self.before, *one.ids, *self.after], dtype=np.uint32)
                if len(ids):
                    yield ids

    def describe(self) -> dict[str, Any]:
        """For an index: no path, so that it is the same on every machine."""
        return {
            "tokenizer": {"file": self.file, "sha256": self.digest},
            "vocab_size": self.size,
            "bos_id": self.before[0] if self.before else None,
            "eos_id": self.after[0] if self.after else None,
        }


def encoder(stack: str, tokenizer: str, bos: str, eos: str) -> Encoder:
    """Load a tokenizer.

    Args:
        stack: For messages.
        tokenizer: Path or address of a tokenizer.json.
        bos: Token before each document; "" or "none" for none.
        eos: Token after each document; "none" for none. It must be said, as documents that run
            into each other are a silent mistake.

    Raises:
        CuveeError: No such file, library or token; or no word about `eos`.
    """
    if not tokenizer:
        raise CuveeError(f"{stack} needs a tokenizer: {stack}:tokenizer=tokenizer.json:eos=TOKEN.")
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise missing(error) from error
    if not is_address(tokenizer) and not Path(tokenizer).is_file():
        raise CuveeError(f"{stack}: no such file {tokenizer}, expected a tokenizer.json.")
    try:
        held = content(tokenizer)
        loaded = Tokenizer.from_str(held.decode())
    except CuveeError:
        raise
    except Exception as error:  # the library raises plain Exception
        reason = str(error).splitlines()[0]
        raise CuveeError(f"{tokenizer} is not a tokenizer.json: {reason}.") from error
    loaded.no_truncation()
    loaded.no_padding()
    loaded.encode_special_tokens = True  # a text that quotes </s> must not end its document
    vocabulary = loaded.get_vocab(with_added_tokens=True)
    special = [t.content for _, t in sorted(loaded.get_added_tokens_decoder().items()) if t.special]
    if not eos:
        raise CuveeError(
            f"{stack}: say which token ends a document, {stack}:eos=TOKEN or eos=none; "
            f"special tokens of this tokenizer: {', '.join(special[:8]) or 'none'}."
        )
    ids = [_id(stack, token, vocabulary) for token in (bos, eos)]
    name = re.split(r"[?#]", tokenizer)[0] if is_address(tokenizer) else tokenizer
    size = max(vocabulary.values(), default=-1) + 1
    digest = hashlib.sha256(held).hexdigest()
    return Encoder(loaded, Path(name).name, digest, ids[0], ids[1], size)


def _id(stack: str, token: str, vocabulary: dict[str, int]) -> tuple[int, ...]:
    if token in ("", NONE):
        return ()
    if token not in vocabulary:
        raise CuveeError(f"{stack}: the tokenizer has no token {token!r}.")
    return (vocabulary[token],)
