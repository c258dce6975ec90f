"""OLMo-core: a source mixture."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset
from cuvee.trainers.weights import check_template, drawn, prepared, put, weights, yaml


@dataclass(frozen=True, slots=True)
class OlmoCore:
    """OLMo-core: a source mixture in YAML, ratios of tokens.

    Args:
        path: Each source's token files, a glob; `{name}` is the source, `{path}` its path without
            endings.
        slack: How much more often than in the blend a source may be repeated: its tokens differ
            by tokenizer.

    Fails when: a source holds fewer tokens by OLMo's tokenizer than `slack` allows for; OLMo-core
        then refuses and says so.

    References: OLMo-core, src/olmo_core/data/source_mixture.py, version 3.0.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    path: str = "{name}/*.npy"
    slack: float = 1.25

    def __post_init__(self) -> None:
        check_template("olmo_core", self.path)
        if not 1 <= self.slack < 1000:
            raise CuveeError(f"olmo_core: slack must lie in 1..1000, got {self.slack}.")

    def write(self, dataset: Dataset, out: Path) -> str:
        """`mixture.yaml`."""
        parts = drawn(dataset)
        shares, places = weights(parts), prepared(parts, self.path)
        sources = [
            {
                "source_name": part.name,
                "target_ratio": float(share),
                "max_repetition_ratio": max(1.0, round(part.epochs * self.slack, 6)),
                "paths": [place],
            }
            for part, share, place in zip(parts, shares, places)
        ]
        put(out, "mixture.yaml", yaml({"sources": sources}) + "\n")
        return (
            f"SourceMixtureDatasetConfig(source_list=SourceMixtureList.from_yaml("
            f'"{out / "mixture.yaml"}"), requested_tokens={dataset.tokens}, seed={dataset.seed}, '
            f"global_batch_size=...)"
        )
