"""How tightly a document packs: what repeats itself packs tightly, what is random hardly."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cuvee.attributes.spans import blocks
from cuvee.core.errors import CuveeError

if TYPE_CHECKING:
    import pyarrow as pa

CODECS = {"zstd": 22, "zlib": 9}
"""Codec -> its highest level."""


@dataclass(frozen=True, slots=True)
class Compression:
    """Bytes of each document for each byte of it compressed by itself: prose has 2 to 3.

    Args:
        codec: `zstd` or `zlib`.
        level: Of the codec: higher packs tighter and takes longer.

    Fails when: documents of different lengths are compared: a short one has little to repeat, and
    below some hundred bytes the codec's own heading weighs. Compare within lengths. Other versions
    of a codec may differ in the last digits.

    References: Yin et al., "Entropy Law: The Story Behind Data Compression and LLM Performance",
    2024, https://arxiv.org/abs/2407.06645; Pandey, "gzip Predicts Data-dependent Scaling Laws",
    2024, https://arxiv.org/abs/2405.16684
    """

    codec: str = "zstd"
    level: int = 3

    learns: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise CuveeError(f"compression: codec must be zstd or zlib, got {self.codec!r}.")
        if not 1 <= self.level <= CODECS[self.codec]:
            raise CuveeError(
                f"compression: level must lie in 1..{CODECS[self.codec]}, got {self.level}."
            )

    def columns(self) -> tuple[str, ...]:
        """One: `compression_ratio`."""
        return ("compression_ratio",)

    def score(self, text: "pa.LargeStringArray") -> "pa.Table":
        """The ratio; of a document of no characters it is not known."""
        import pyarrow as pa

        ratios = [np.zeros(0, np.float32)]
        for block in blocks(text):
            size = np.diff(block.offsets)
            ratios.append((size / self._packed(block.data, block.offsets)).astype(np.float32))
        ratio = np.concatenate(ratios)
        return pa.table({"compression_ratio": pa.array(ratio, mask=ratio == 0)})

    def _packed(self, data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Bytes of each document, compressed; one call for each, as each is packed by itself."""
        pack = self._codec()
        whole, ends = data.tobytes(), offsets.tolist()
        sizes = (len(pack(whole[a:b])) for a, b in pairwise(ends))
        return np.fromiter(sizes, np.int64, len(ends) - 1)

    def _codec(self) -> Callable[[bytes], bytes]:
        if self.codec == "zlib":
            return partial(zlib.compress, level=self.level)
        import zstandard

        # No size, checksum or name: only what the text itself needs, and a heading of 6 bytes.
        return zstandard.ZstdCompressor(level=self.level, write_content_size=False).compress
