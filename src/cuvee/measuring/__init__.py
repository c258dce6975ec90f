"""Numbers about a user's data: one number, all that suit, or one for each pair of sources."""

from cuvee.measuring.measured import Measured, Measurements, Pairs
from cuvee.measuring.verbs import measure, measure_all, measure_pairs

__all__ = ["Measured", "Measurements", "Pairs", "measure", "measure_all", "measure_pairs"]
