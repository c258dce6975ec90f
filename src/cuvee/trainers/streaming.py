"""MosaicML streaming: streams with proportions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from cuvee.core.dataset import Dataset
from cuvee.trainers.weights import (
    check_template,
    check_unit,
    drawn,
    prepared,
    put,
    weights,
    yaml,
)


@dataclass(frozen=True, slots=True)
class Streaming:
    """MosaicML streaming: streams with proportions, as llm-foundry reads them.

    Args:
        path: Each source's folder of MDS shards; `{name}` is the source, `{path}` its path
            without endings.
        remote: The same, where it is fetched from; not fetched by default.
        unit: What a sample is: `documents`, or `tokens` if samples are packed to one length.

    Fails when: samples are neither documents nor of one length.

    References: MosaicML streaming, streaming/base/stream.py, version 0.13.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    path: str = "{name}"
    remote: str = ""
    unit: str = "documents"

    def __post_init__(self) -> None:
        check_template("streaming", self.path)
        if self.remote:
            check_template("streaming", self.remote)
        check_unit("streaming", self.unit)

    def write(self, dataset: Dataset, out: Path) -> str:
        """`streams.yaml`."""
        parts = drawn(dataset)
        places = prepared(parts, self.path)
        remotes = prepared(parts, self.remote) if self.remote else ("",) * len(parts)
        streams = {
            part.name: {**({"remote": remote} if remote else {}), "local": place,
                        "proportion": float(weight)}
            for part, place, remote, weight in zip(
                parts, places, remotes, weights(parts, self.unit)
            )
        }  # fmt: skip
        content: dict[str, Any] = {"streams": streams, "shuffle_seed": dataset.seed}
        if self.unit == "documents":
            # Left out, an epoch has as many samples as all streams together: not the budget.
            content["epoch_size"] = dataset.documents
        put(out, "streams.yaml", yaml(content) + "\n")
        return (
            f"llm-foundry: {out / 'streams.yaml'} below train_loader.dataset; "
            f"Python: StreamingDataset(streams=[Stream(**s) for s in y['streams'].values()], ...)"
        )
