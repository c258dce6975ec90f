"""Packed tokens: plain arrays, with or without NumPy's header."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset
from cuvee.core.files import write_whole
from cuvee.trainers.documents import runs
from cuvee.trainers.encoding import encoder
from cuvee.trainers.weights import put_json

FORMS = ("npy", "raw")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Packed tokens of the mixed documents: .npy files and `metadata.json`.

    Args:
        tokenizer: Path of a tokenizer.json.
        eos: Token after each document; `none` for none.
        bos: Token before each document; none by default.
        form: `npy`, which `np.load` reads; `raw` has no header, as OLMo-core and nanoGPT read it.
        size: Tokens of a file, about: documents stay whole.

    Fails when: a trainer wants sequences of one length in advance; it has to cut them itself.

    References: NumPy, "The .npy format", numpy.lib.format; OLMo-core, `NumpyFSLDataset`.
    """

    needs: ClassVar[tuple[str, ...]] = ("documents", "tokenizer")
    tokenizer: str = ""
    eos: str = ""
    bos: str = ""
    form: str = "npy"
    size: int = 2**25

    def __post_init__(self) -> None:
        if self.form not in FORMS or self.size < 1:
            raise CuveeError(
                f"tokens: form must be npy or raw and size at least 1, "
                f"got {self.form!r} and {self.size}."
            )

    def write(self, dataset: Dataset, out: Path) -> str:
        """`tokens-00000.npy`, ... and `metadata.json`."""
        source = encoder("tokens", self.tokenizer, self.bos, self.eos)
        kind = np.dtype("<u2" if source.size <= 2**16 else "<u4")
        files = []
        narrow = (ids.astype(kind) for ids in source.documents(dataset))
        for i, run in enumerate(runs(narrow, self.size)):
            name = f"tokens-{i:05d}.npy"
            packed = np.concatenate(run)
            write_whole(out / name, partial(_save, packed, self.form))
            files.append({"file": name, "tokens": len(packed), "documents": len(run)})
        content = {
            "dtype": kind.name,
            "form": self.form,
            "tokens": sum(file["tokens"] for file in files),
            "documents": sum(file["documents"] for file in files),
            **source.describe(),
            "files": files,
        }
        put_json(out, "metadata.json", content)
        return _usage(out, self.form, kind.name, content["vocab_size"], content["eos_id"])


def _usage(out: Path, form: str, kind: str, size: int, eos: int | None) -> str:
    first = out / "tokens-00000.npy"
    if form == "npy":
        return f'np.load("{first}", mmap_mode="r")'
    # OLMo-core would guess the type from the size of the vocabulary: say it.
    return (
        f'np.memmap("{first}", dtype="{kind}", mode="r"); OLMo-core: '
        f'NumpyFSLDatasetConfig(paths=["{out / "*.npy"}"], expand_glob=True, '
        f"dtype=NumpyDatasetDType.{kind}, tokenizer=TokenizerConfig(vocab_size={size}, "
        f"eos_token_id={eos}, pad_token_id={eos}), ...)"
    )


def _save(packed: np.ndarray, form: str, path: Path) -> None:
    with path.open("wb") as file:
        if form == "npy":
            np.lib.format.write_array(file, packed, version=(1, 0), allow_pickle=False)
        else:
            file.write(packed.data)
