"""Sections of the page on what lies around an answer."""

from collections.abc import Callable
from html import escape

from cuvee.report import around_charts, numbers, say
from cuvee.report.around_facts import Around, More, SourceView
from cuvee.report.charts import NARROW, WIDE
from cuvee.report.facts import Facts, Value
from cuvee.report.matrix import matrix
from cuvee.report.tables import table

SHOWN = 6
"""Names in a sentence."""


def buys(around: Around, facts: Facts) -> str:
    """What each source buys."""
    if around.why:
        return section("What each source buys", f"<p>Not computed: {escape(around.why)}</p>")
    if not around.sources:
        return ""
    step = numbers.percent(around.step, 0)
    caption = (
        f"Bar: by how much {say.goal(facts)} rises, in {facts.unit}, if a source is left out and "
        f"all others grow in proportion. {step} more: what another {step} of the budget for the "
        "source gives, taken from all others in proportion: above 0 the objective falls, "
        "and where a share is the best one it is about 0. "
        + _spread(s.without for s in around.sources)
    )
    if around.unseen:
        caption += f" The {around.unseen} sources of the smallest shares were not looked at."
    first = _buyers(around)
    return figure("What each source buys", f"{first}", around_charts.worth_chart, around, caption,
                  _worth_table(around, facts))  # fmt: skip


def _buyers(around: Around) -> str:
    """Which sources matter, and which may as well be left out."""
    rows = [s for s in around_charts.by_worth(around) if s.without.mean is not None]
    if not rows:
        return ""
    top = rows[0]
    idle = [s for s in rows if (s.without.interval or (s.without.mean or 0.0, 0))[0] <= 1e-3]
    text = f"{say.named(top.name)} buys most: without it the loss is {_amount(top.without)} higher."
    if idle:
        text += f" Hardly missed: {_some([s.name for s in idle])}."
    return text


def saturates(around: Around, facts: Facts) -> str:
    """Where more of a source buys nothing."""
    if not around.sources:
        return ""
    caption = (
        f"{_capital(say.goal(facts))} against the share of one source, all others in proportion, "
        f"as the change from the blend in {facts.unit}. Dot: the blend. Thick line: shares that "
        "cannot be told from the best one, or differ by less than 0.001. Dashed: the cap of "
        "max_epochs. " + _spread(s.change for row in around.sources for s in row.line)
    )
    hidden = len(around.sources) - around_charts.PANELS
    if hidden > 0:
        caption += f" The {hidden} smallest sources stand in the numbers only."
    tables = _best_table(around) + _line_table(around, facts)
    return figure("Where sources saturate", _wanted(around), around_charts.lines_chart, around,
                  caption, tables)  # fmt: skip


def _wanted(around: Around) -> str:
    """Sources of which the blend would like more than the limits allow."""
    more = [s for s in around.sources if s.cap is not None and s.cap < 1 and s.best.mean is not None
            and s.share >= s.cap * (1 - 1e-6) and s.best.mean > s.cap * 1.01]  # fmt: skip
    if not more:
        return ""
    said = [f"{say.named(s.name)} ({numbers.percent(s.best.mean, 0)} instead of "
            f"{numbers.percent(s.share, 0)})" for s in more[:SHOWN]]  # fmt: skip
    return f"Held back by its cap: {numbers.listed(said)}."


def pairs(around: Around, facts: Facts) -> str:
    """The surface along pairs of the largest sources."""
    if not around.surfaces:
        return ""
    caption = (
        "Two sources at a time, the others in proportion: the stronger the colour, the lower the "
        "loss. The ring is the blend; point at a square for its number."
    )
    rows = [
        [f"{one.sources[0]} and {one.sources[1]}", numbers.percent(a, 1), numbers.percent(b, 1),
         numbers.signed(change.mean), numbers.interval(change, sign=True), "" if ok else "no"]
        for one in around.surfaces for a, b, change, ok in one.points
    ]  # fmt: skip
    head = ["pair", "first", "second", "change", "90% interval", "within limits"]
    told = table(f"Change of the objective by two shares, {facts.unit}", head, rows)
    return figure("Pairs of sources", "", around_charts.surfaces_chart, around, caption, told)


def differ(around: Around, facts: Facts) -> str:
    """How sources differ."""
    title = "How sources differ"
    if around.unlike:
        return section(title, f"<p>Not computed: {escape(around.unlike)}</p>")
    if not around.differ:
        return ""
    both = {pair: max(v.mean or 0.0, 0.0) for pair, v in around.differ.items()}
    both |= {(b, a): x for (a, b), x in both.items()}
    names = [s.name for s in say.by_share(facts) if any(s.name in pair for pair in both)]
    caption = (
        f"Jensen-Shannon divergence of their words in {around.unit}, of the {around.words:,} most "
        f"frequent words, others counted as one: 0 is alike, {numbers.fixed(0.6931, 2)} nothing in "
        f"common. {_looked(around)}"
    )
    order = sorted(around.differ.items(), key=lambda item: item[1].mean or 0.0)
    rows = [[f"{a} and {b}", numbers.fixed(v.mean), numbers.interval(v)] for (a, b), v in order]
    (one, two), least = order[0]
    first = f"Most alike: {say.named(one)} and {say.named(two)} ({numbers.fixed(least.mean, 2)})."
    told = table(f"Divergence of words, {around.unit}", ["pair", "value", "90% interval"], rows)

    def chart(_: Around, width: int) -> str:
        return matrix(names, both, _short, width, "differ", "Divergence of each pair of sources")

    left = "".join(f"<p>{escape(n)} was left out: {escape(w)}.</p>"
                   for n, w in list(around.left_out.items())[:SHOWN])  # fmt: skip
    return figure(title, first, chart, around, caption, told + left)


def overlap(around: Around, facts: Facts) -> str:
    """Documents that stand in several sources."""
    if not around.copies:
        return ""
    names = [s.name for s in say.by_share(facts) if s.name in around.documents]
    part = {
        (a, b): count / around.documents[a]
        for (a, b), count in around.copies.items()
        if around.documents.get(a)
    }
    across = {pair: x for pair, x in part.items() if pair[0] != pair[1] and x > 0}
    title = "What stands in several sources"
    rows = [[f"{a} in {b}" if a != b else f"{a}, in itself", f"{around.copies[a, b]:,}",
             f"{around.documents[a]:,}", numbers.percent(x, 2)]
            for (a, b), x in sorted(part.items(), key=lambda i: -i[1]) if x > 0]  # fmt: skip
    head = ["documents of", "with a copy", "of", "part"]
    told = table("Documents with an equal or nearly equal one; pairs that lack have none", head,
                 rows)  # fmt: skip
    if not across:
        first = "No document looked at stands in two sources, exactly or nearly."
    else:
        (a, b), x = max(across.items(), key=lambda item: item[1])
        first = f"Most: {numbers.percent(x)} of {say.named(a)} stands in {say.named(b)}."
    own = {a: x for (a, b), x in part.items() if a == b and x >= 0.01}
    if own:
        most = max(own, key=lambda name: own[name])
        first += (
            f" Within one source: {numbers.percent(own[most], 0)} of {say.named(most)} has a copy "
            "there."
        )
    caption = (
        f"Part of the row's documents that stand in the column's source, equal or at least "
        f"{numbers.percent(around.threshold, 0)} alike (MinHash); on the diagonal, those that have "
        f"another copy in the same source. {_looked(around)}"
    )
    if around.partly:
        caption += " Copies outside the parts looked at were not found: the true parts are larger."
    if not rows:
        return section(title, f'<p>{escape(first)}</p><p class="note">{escape(caption)}</p>')

    def chart(_: Around, width: int) -> str:
        return matrix(names, part, _percent, width, "overlap", "Documents in several sources")

    return figure(title, first, chart, around, caption, told)


def budget_sentences(around: Around, facts: Facts) -> list[str]:
    """What more tokens give, and which source would run out."""
    lines = []
    for row in around.more:
        if row.gain.mean is None:
            continue
        word = "falls" if row.gain.mean >= 0 else "rises"
        amount = Value(abs(row.gain.mean), row.gain.sd)
        text = (
            f"With {numbers.tokens(row.tokens)} {facts.counted} and the same shares the loss is "
            f"predicted to be {_amount(amount)} {'lower' if word == 'falls' else 'higher'}"
        )
        if row.again_gain.mean is not None:
            text += f"; shares chosen again give another {_amount(row.again_gain)}"
        out = f"{_some(list(row.run_out))} would go beyond its max_epochs" if row.run_out else (
            "no source would go beyond its max_epochs")  # fmt: skip
        lines.append(f"{text}; {out}.".replace("its max_epochs", "max_epochs"))
    return lines


def budget_table(around: Around, facts: Facts) -> str:
    """Epochs of each source at more tokens, and the shares that would be chosen then."""
    if not around.more:
        return ""
    rows = []
    for source in say.by_share(facts):
        cells = [source.name, numbers.percent(source.share.mean, 2), numbers.epochs(source.epochs)]
        for more in around.more:
            cells.append(numbers.epochs(more.epochs.get(source.name))
                         + (" (beyond)" if source.name in more.run_out else ""))  # fmt: skip
            if more.again:
                cells.append(numbers.percent(more.again.get(source.name), 2))
        rows.append(cells)
    head = ["source", "share", "epochs"]
    for more in around.more:
        amount = numbers.tokens(more.tokens)
        head.append(f"epochs at {amount}")
        if more.again:
            head.append(f"share chosen at {amount}")
    why = "".join(f"<p>{_not_again(more)}</p>" for more in around.more if more.why)
    return table(f"With more {facts.counted}", head, rows) + why


def _not_again(more: More) -> str:
    return escape(f"Not chosen again at {numbers.tokens(more.tokens)}: {more.why}")


def again(around: Around, facts: Facts) -> tuple[float, float] | None:
    """Tokens and objective of shares that were chosen for more tokens."""
    at = {tokens: v.mean for tokens, v in facts.curve}
    for more in around.more:
        same = at.get(more.tokens)
        if more.again_gain.mean is not None and same is not None:
            return more.tokens, same - more.again_gain.mean
    return None


def figure(
    title: str, first: str, chart: Callable[[Around, int], str], around: Around, caption: str,
    numbers_: str,
) -> str:  # fmt: skip
    """A section with a sentence, a chart for wide and narrow screens, and its numbers."""
    lead = f"<p>{escape(first)}</p>" if first else ""
    return section(title, (
        f"{lead}<figure><figcaption>{escape(caption)}</figcaption>"
        f"{chart(around, WIDE)}{chart(around, NARROW)}</figure>"
        f"<details><summary>Numbers: {title.lower()}</summary>{numbers_}</details>"
    ))  # fmt: skip


def section(title: str, content: str) -> str:
    """A heading and what stands under it."""
    name = title.lower().replace(" ", "-")
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{content}</section>\n'


def _worth_table(around: Around, facts: Facts) -> str:
    rows = [
        [s.name, numbers.percent(s.share, 2), numbers.signed(s.without.mean, 4)
         if s.without.mean is not None else "not used",
         numbers.interval(s.without, 4, sign=True) if s.without.mean is not None else "",
         numbers.signed(s.more.mean, 4) if s.more.mean is not None else "",
         numbers.interval(s.more, 4, sign=True) if s.more.mean is not None else ""]
        for s in around_charts.by_worth(around)
    ]  # fmt: skip
    step = numbers.percent(around.step, 0)
    head = ["source", "share", "loss without it", "90% interval", f"gain of {step} more",
            "90% interval"]  # fmt: skip
    return table(f"What each source buys, {facts.unit}", head, rows)


def _best_table(around: Around) -> str:
    rows = []
    for s in sorted(around.sources, key=lambda s: -s.share):
        ends = "" if s.flat is None else (
            f"{numbers.percent(s.flat[0])} to {numbers.percent(s.flat[1])}")  # fmt: skip
        cap = "" if s.cap is None else numbers.percent(s.cap)
        cells = [numbers.percent(s.share, 2), numbers.percent(s.best.mean, 2)]
        rows.append([s.name, *cells, _percents(s.best), ends, cap])
    head = ["source", "share", "best alone", "90% interval", "as good", "cap"]
    return table("Best share of each source, all others in proportion", head, rows)


def _line_table(around: Around, facts: Facts) -> str:
    rows = [
        [s.name, numbers.percent(stop.share, 2), numbers.signed(stop.change.mean),
         numbers.interval(stop.change, sign=True), "" if stop.allowed else "no"]
        for s in sorted(around.sources, key=_share) for stop in s.line
    ]  # fmt: skip
    head = ["source", "share", "change", "90% interval", "within limits"]
    return table(f"Change of the objective along one share, {facts.unit}", head, rows)


def _share(source: SourceView) -> float:
    return -source.share


def _looked(around: Around) -> str:
    size = f"{around.looked / 1e6:,.0f} MB" if around.looked >= 1e6 else (
        f"{around.looked / 1e3:,.0f} kB")  # fmt: skip
    if not around.partly:
        return f"All {size} of text were looked at."
    return f"{size} of text were looked at: of {_some(list(around.partly))} only a part."


def _some(names: list[str]) -> str:
    shown = [say.named(name) for name in names[:SHOWN]]
    more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return numbers.listed([*shown, *more])


def _spread(values: object) -> str:
    measured = any(v.interval for v in values)  # type: ignore[attr-defined]
    return "Intervals are 90%." if measured else "The spread was not measured."


def _amount(number: Value) -> str:
    text = numbers.fixed(number.mean)
    return text if number.sd is None else f"{text} ± {numbers.spread(number.sd)}"


def _percents(number: Value) -> str:
    if number.interval is None:
        return numbers.UNMEASURED
    return f"{numbers.percent(number.interval[0])} to {numbers.percent(number.interval[1])}"


def _short(number: float) -> str:
    return numbers.fixed(number, 2)


def _percent(part: float) -> str:
    if part == 0:
        return ""
    return "<1%" if part < 0.005 else numbers.percent(part, 0)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
