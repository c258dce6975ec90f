"""olmix: the mixture as one more run of a swarm."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset
from cuvee.core.tables import to_csv
from cuvee.trainers.weights import drawn, put, yaml


@dataclass(frozen=True, slots=True)
class Olmix:
    """olmix: the mixture as a row of `ratios.csv`, and the priors of its sources.

    Args:
        run: What the row is called.

    Fails when: a source is called run, name or index: these columns are olmix's own.

    References: olmix, https://github.com/allenai/olmix
    """

    needs: ClassVar[tuple[str, ...]] = ()
    run: str = "cuvee"

    def write(self, dataset: Dataset, out: Path) -> str:
        """`ratios.csv`, with every source, and `priors.yaml`."""
        shares = {part.name: part.share for part in dataset.parts}
        drawn(dataset)
        if taken := sorted(shares.keys() & {"run", "name", "index"}):
            raise CuveeError(f"olmix has a column {taken[0]!r} of its own: rename that source.")
        total = sum(part.available for part in dataset.parts) or 1
        priors = {
            "relative_sizes": {part.name: part.available / total for part in dataset.parts},
            "token_counts": {part.name: part.available for part in dataset.parts},
        }
        put(out, "ratios.csv", to_csv([{"run": self.run, "name": self.run, "index": 0} | shares]))
        put(out, "priors.yaml", yaml({"priors": priors}) + "\n")
        return f"{out / 'ratios.csv'} beside olmix's metrics.csv; priors.yaml into its config"
