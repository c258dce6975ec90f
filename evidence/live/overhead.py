"""What does live mixing add to a training step? The benchmark `live`, five rounds."""

from statistics import median

from benchmarks.live import run as measure
from benchmarks.shared import Options

from cuvee.testing.evidence import Finding


def run() -> Finding:
    plain, live, elapsed, processor, added = measure(Options(5, ""))
    slowest = max(median(elapsed.values), median(processor.values))
    return Finding(
        claim="Live mixing, driven by a bandit on the loss of every sample, adds less than 2% to "
        "the time of a training step.",
        measured=f"{plain.value:.1f} ms a step with a plain loader of data mixed before, "
        f"{live.value:.1f} ms live: {elapsed.value - 1:+.1%} elapsed, {processor.value - 1:+.1%} "
        f"of processor time, steps in turn. Planning, counting and reporting alone take "
        f"{added.value:.2f} ms a step.",
        holds=slowest <= 1.02,
        numbers={
            "elapsed_live_over_plain": list(elapsed.values), "added_ms": list(added.values),
            "processor_live_over_plain": list(processor.values),
            "plain_ms": list(plain.values), "live_ms": list(live.values),
        },
    )  # fmt: skip
