"""OpenLM: manifests and mixing weights."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cuvee.core.dataset import Dataset
from cuvee.trainers.weights import check_template, decimal, drawn, prepared, put, weights


@dataclass(frozen=True, slots=True)
class OpenLm:
    """OpenLM: manifests and mixing weights of its command line, weights of tokens.

    Args:
        path: Each source's manifest; `{name}` is the source, `{path}` its path without endings.

    Fails when: shards differ much in size: OpenLM takes whole shards.

    References: OpenLM, open_lm/params.py and open_lm/file_utils.py.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    path: str = "{name}/manifest.jsonl"

    def __post_init__(self) -> None:
        check_template("open_lm", self.path)

    def write(self, dataset: Dataset, out: Path) -> str:
        """`arguments.txt`, quoted for a shell."""
        parts = drawn(dataset)
        manifests = " ".join(map(shlex.quote, prepared(parts, self.path)))
        shares = " ".join(map(decimal, weights(parts)))
        text = f"--dataset-manifest {manifests} --train-data-mix-weights {shares}\n"
        put(out, "arguments.txt", text)
        file = shlex.quote(str(out / "arguments.txt"))
        return f"xargs torchrun -m open_lm.main ... < {file}"
