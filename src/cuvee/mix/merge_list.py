"""A BPE tokenizer as it was learned: its merges in order, and the words that it saw."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from cuvee.core import CuveeError
from cuvee.core.methods import missing
from cuvee.mix.pair_counts import Alphabet

SPACE = "▁"
"""What SentencePiece writes for a space."""
BLOCK = 16_384
"""Bytes of neighbouring documents that stay together when a sample is resampled."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Words of a source, in groups of documents that can be resampled.

    Args:
        counts: Occurrences of each word, by group.
        sizes: Bytes of text, by group.
    """

    counts: tuple[Mapping[str, int], ...]
    sizes: tuple[int, ...]

    @property
    def total(self) -> Mapping[str, int]:
        """Occurrences of each word."""
        words: Counter[str] = Counter()
        for counts in self.counts:
            words.update(counts)
        return words


@dataclass(frozen=True, slots=True, eq=False)
class MergeList:
    """What a `tokenizer.json` tells of its training.

    Args:
        merges: Pairs of tokens, in the order in which they were learned.
        alphabet: How words are spelt before any merge.
        loaded: The tokenizer itself, of the library `tokenizers`.
    """

    merges: tuple[tuple[str, str], ...]
    alphabet: Alphabet
    loaded: Any

    @staticmethod
    def read(path: str | Path) -> "MergeList":
        """Of a file.

        Raises:
            CuveeError: It is no `tokenizer.json`, not one of BPE, or the library `tokenizers` is
                missing.
        """
        try:
            from tokenizers import Tokenizer
        except ModuleNotFoundError as error:
            raise missing(error) from error
        if not Path(path).is_file():
            raise CuveeError(f"no such tokenizer: {str(path)!r}, expected a tokenizer.json.")
        content = Path(path).read_bytes()
        try:
            model = orjson.loads(content)["model"]
            kind = str(model.get("type", "BPE" if "merges" in model else "unknown"))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise CuveeError(
                f"{path} is not a tokenizer.json: expected a JSON object with a model."
            ) from error
        if kind != "BPE":
            raise CuveeError(f"{path} is a {kind} tokenizer: expected BPE, as only it has merges.")
        if not model.get("merges"):
            raise CuveeError(f"{path} has no merges: expected a trained BPE tokenizer.")
        try:
            loaded = Tokenizer.from_str(content.decode())
        except Exception as error:  # the library raises plain Exception
            raise CuveeError(f"{path} is not a tokenizer.json: {error}.") from error
        return MergeList(tuple(map(_pair, model["merges"])), _alphabet(model), loaded)

    def words(self, text: str) -> list[str]:
        """The pieces of a text within which pairs are merged."""
        if self.loaded.normalizer is not None:
            text = self.loaded.normalizer.normalize_str(text)
        if self.loaded.pre_tokenizer is not None:
            return [word for word, _ in self.loaded.pre_tokenizer.pre_tokenize_str(text)]
        # SentencePiece cuts at spaces by itself; its converted files do not say so.
        first, *rest = text.split(SPACE)
        return [word for word in (first, *(SPACE + part for part in rest)) if word]

    def sample(self, documents: Iterable[str], groups: int) -> Sample:
        """Words of some documents; neighbours share a group, as they are often alike."""
        counts: list[Counter[str]] = [Counter() for _ in range(groups)]
        sizes, read = [0] * groups, 0
        for text in documents:
            group, size = read // BLOCK % groups, len(text.encode())
            counts[group].update(self.words(text))
            sizes[group] += size
            read += size
        filled = [i for i in range(groups) if sizes[i]]
        return Sample(tuple(counts[i] for i in filled), tuple(sizes[i] for i in filled))

    def tokens_per_byte(self, sample: Sample) -> float:
        """Tokens of the finished tokenizer for a byte of text."""
        cut = self.loaded.model.tokenize
        return sum(len(cut(w)) * n for w, n in sample.total.items()) / sum(sample.sizes)


def cut_to(documents: Iterable[str], most: int) -> Iterator[str]:
    """Documents until so many bytes are reached; the last one is cut."""
    for text in documents:
        data = text.encode()
        if len(data) >= most:
            yield data[:most].decode(errors="ignore")
            return
        most -= len(data)
        yield text


def _pair(merge: str | list[str]) -> tuple[str, str]:
    """Both spellings of a merge: `"a b"` and `["a", "b"]`."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _alphabet(model: Mapping[str, Any]) -> Alphabet:
    return Alphabet(
        frozenset(model.get("vocab", {})),
        model.get("continuing_subword_prefix") or "",
        model.get("end_of_word_suffix") or "",
    )
