"""Megatron-LM: a blend of indexed datasets."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset
from cuvee.trainers.weights import (
    check_template,
    decimal,
    drawn,
    prepared,
    put,
    put_json,
    weights,
)


@dataclass(frozen=True, slots=True)
class Megatron:
    """Megatron-LM: `--data-args-path` and `--per-split-data-args-path`, weights of tokens.

    Args:
        path: Prefix of each source's .bin and .idx; `{name}` is the source, `{path}` its path
            without endings. What tools/preprocess_data.py makes ends in _text_document.
        valid: Prefix of validation data; none by default.
        test: Prefix of test data; none by default.

    Fails when: a path holds blanks: the first form is cut at them, so only the second is written.

    References: Shoeybi et al., "Megatron-LM", 2019, https://arxiv.org/abs/1909.08053
    """

    needs: ClassVar[tuple[str, ...]] = ()
    path: str = "{name}_text_document"
    valid: str = ""
    test: str = ""

    def __post_init__(self) -> None:
        check_template("megatron", self.path)

    def write(self, dataset: Dataset, out: Path) -> str:
        """`blend.json` and, if no path holds a blank, `blend.txt`."""
        blend = weighted_prefixes(dataset, self.path)
        splits = {
            "train": blend,
            # An empty list breaks the reader, null does not.
            "valid": [self.valid] if self.valid else None,
            "test": [self.test] if self.test else None,
        }
        put_json(out, "blend.json", splits)
        lines = [f"--per-split-data-args-path {out / 'blend.json'}"]
        if all(word.split() == [word] for word in blend):
            put(out, "blend.txt", "".join(f"{w} {p}\n" for w, p in zip(blend[::2], blend[1::2])))
            lines.insert(0, f"--data-args-path {out / 'blend.txt'} --split 99,1,0")
        return "\nor: ".join(lines)


def weighted_prefixes(dataset: Dataset, template: str) -> list[str]:
    """Weight, prefix, weight, prefix, ...: an even list, which means that it has weights.

    Raises:
        CuveeError: The reader would change a prefix.
    """
    parts = drawn(dataset)
    prefixes = prepared(parts, template)
    for prefix in prefixes:
        if prefix != prefix.strip():
            raise CuveeError(f"megatron strips blanks off {prefix!r}: rename the source.")
    pairs = zip(map(decimal, weights(parts)), prefixes)
    return [word for pair in pairs for word in pair]
