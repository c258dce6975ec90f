"""The sentences that text, page and card share."""

import unicodedata

from cuvee.report import numbers
from cuvee.report.facts import Facts, SourceRow, TargetRow

EXPLAINED = {
    "uniform": "equal shares, as far as the limits allow",
    "natural": "in proportion to size, as far as the limits allow",
    "own_share": "all on each target's own source, as far as the limits allow",
}

_VARIES = {
    "target documents": "comes from resampling the target documents",
    "bootstrap": "comes from bootstrap resamples",
    "posterior": "comes from posterior draws",
    "seeds": "comes from several seeds",
    "exact": "is zero, as nothing varies",
}


def amount(count: int, noun: str) -> str:
    """`1 source`, `12 sources`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def title(facts: Facts) -> str:
    """A headline of a few words."""
    return f"Blend of {amount(len(facts.sources), 'source')}, {_tokens(facts)}"


def sentence(facts: Facts) -> str:
    """The question and its answer."""
    loss = numbers.with_spread(facts.objective.loss)
    how = "one run of it reached" if facts.reached else "predicted"
    return (
        f"To lower {goal(facts)}{_budget(facts)}, "
        f"{facts.method} blends {largest(facts)}: {how} {loss} {facts.unit}{compared(facts)}."
    )


def _budget(facts: Facts) -> str:
    if facts.tokens is None:
        return ""
    return f" with {_tokens(facts)} of training"


def _tokens(facts: Facts) -> str:
    return f"{numbers.tokens(facts.tokens)} {facts.counted}"


def goal(facts: Facts) -> str:
    """What is to be made small."""
    counted = [t for t in facts.targets if t.weight != 0]
    if len(counted) == 1:
        return f"the loss on {named(counted[0].name)}"
    return f"the {facts.kind} loss over {len(counted)} targets"


def largest(facts: Facts, count: int = 3) -> str:
    """The largest shares, and how many other sources there are."""
    rows = [s for s in by_share(facts) if s.share.mean]
    parts = [f"{numbers.percent(s.share.mean, 0)} {named(s.name)}" for s in rows]
    if len(parts) <= count + 1:
        return numbers.listed(parts or ["nothing"])
    return numbers.listed([*parts[:count], f"{len(parts) - count} more"])


def compared(facts: Facts) -> str:
    """How that differs from the baseline; nothing if there is none."""
    gain = facts.objective.gain.mean
    if gain is None:
        return ""
    if abs(gain) < 0.0005:
        return f", the same as {facts.baseline}"
    word = "lower" if gain > 0 else "higher"
    return f", {numbers.fixed(abs(gain))} {word} than {facts.baseline}"


def chances(facts: Facts) -> str:
    """How sure it is that the blend beats its rivals."""
    known = [n for n in ("uniform", "natural", "own_share") if n in facts.chance]
    known += [n for n in facts.chance if n not in known]
    if not known:
        return ""
    lead = "Probability that the blend beats "
    if all(facts.chance[name] is None for name in known):
        return f"{lead}{numbers.listed(known)}: {numbers.UNMEASURED}."
    parts = [f"{name} {numbers.chance(facts.chance[name])}" for name in known]
    return lead + ", ".join(parts) + "."


def losers(facts: Facts) -> str:
    """Which targets an average would hide."""
    if len(facts.targets) < 2 or not facts.baseline:
        return ""
    worse = [t for t in reversed(by_gain(facts)) if t.verdict == "worse"]
    doubt = sum(t.verdict == "unclear" for t in facts.targets)
    unclear = f" For {amount(doubt, 'target')} the sign of the gain is unclear." if doubt else ""
    if not worse:
        return f"No target is predicted to get worse than under {facts.baseline}.{unclear}"
    parts = [f"{named(t.name)} ({numbers.signed(t.gain.mean)})" for t in worse[:3]]
    more = [f"{len(worse) - 3} more"] if len(worse) > 3 else []
    return (
        f"{len(worse)} of {len(facts.targets)} targets "
        f"{'gets' if len(worse) == 1 else 'get'} worse than under {facts.baseline}: "
        f"{numbers.listed(parts + more)}.{unclear}"
    )


def spread(facts: Facts) -> str:
    """Where the spread comes from, and what it leaves out."""
    if facts.spread == "none":
        return (
            f"The spread was not measured, and the {_source(facts)} own bias is not known either."
        )
    varies = _VARIES.get(facts.spread, f"is of the kind {facts.spread!r}")
    varies = varies.replace("documents", facts.samples)
    bias = f"it does not contain the {_source(facts)} own bias"
    chosen = f" The blend's losses allow for its having been chosen on the same {facts.samples}."
    allowed = chosen if facts.spread == "target documents" and not facts.reached else ""
    return f"The spread (±, one standard deviation) {varies}; {bias}.{allowed}"


def _source(facts: Facts) -> str:
    """Whose bias it is: of what stands in for training, or of the law fitted to real runs."""
    return "law's" if facts.from_runs else "proxy's"


def named(name: str) -> str:
    """A name within a sentence: short, and kept apart if it is written from right to left.

    Without the marks around it, the numbers that follow would move to its other side.
    """
    short = numbers.middle(name, 40)
    right = any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in short)
    return f"\u2068{short}\u2069" if right else short


def by_share(facts: Facts) -> list[SourceRow]:
    """Sources, largest share first."""
    return sorted(facts.sources, key=lambda s: -(s.share.mean or 0))


def by_gain(facts: Facts) -> list[TargetRow]:
    """Targets, largest gain first, so that the losers stand together at the end."""
    return sorted(facts.targets, key=lambda t: -(t.gain.mean if t.gain.mean is not None else -1e99))


def with_objective(facts: Facts) -> list[TargetRow]:
    """The objective above the targets; a single target is the objective."""
    rows = by_gain(facts)
    return rows if len(rows) == 1 else [facts.objective, *rows]
