"""The tables of the page: every number of every chart, and what was written."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from cuvee.report import numbers, say
from cuvee.report.facts import Facts, Value, finite, visible

NAME = 200
"""Letters of a name that a table shows."""

Cells = Sequence[str]


def table(caption: str, head: Cells, rows: Sequence[Cells], foot: Cells = ()) -> str:
    """A table with a caption; the first cell of each row names the row. All is escaped here."""
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(_row(cells) for cells in rows)
    last = f"<tfoot>{_row(foot)}</tfoot>" if foot else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{body}</tbody>{last}</table></div>"
    )


def shares_table(facts: Facts) -> str:
    """Shares, their intervals, the rivals' shares and the epochs."""
    head = ["source", "share", "90% interval", *facts.rivals, facts.counted, "available", "epochs"]
    rows = []
    for s in say.by_share(facts):
        share = numbers.percent(s.share.mean, 2)
        if s.share.sd is not None:
            share += f" ± {numbers.spread(s.share.sd, 2, 100)}"
        others = [numbers.percent(s.rivals[n], 2) for n in facts.rivals]
        amounts = [numbers.whole(s.tokens), numbers.whole(s.available), numbers.epochs(s.epochs)]
        rows.append([s.name, share, numbers.interval(s.share, 2, 100), *others, *amounts])
    return table(f"Shares in percent of the {facts.counted}", head, rows)


def losses_table(facts: Facts) -> str:
    """Losses of the blend and of its rivals, and the gain with its interval."""
    gain = [f"gain over {facts.baseline}", "90% interval"] if facts.baseline else []
    head = ["target", "weight", "blend", "90% interval", *facts.rivals]
    rows = []
    for t in say.with_objective(facts):
        cells = [t.name, "" if t.weight is None else numbers.fixed(t.weight)]
        cells += [_pair(t.loss), numbers.interval(t.loss)]
        cells += [_pair(t.rivals[name]) for name in facts.rivals]
        ends = numbers.interval(t.gain, sign=True)
        rows.append([*cells, *([_pair(t.gain, sign=True), ends] if gain else [])])
    return table(f"Predicted losses, {facts.unit}", [*head, *gain], rows)


def curve_table(facts: Facts) -> str:
    """The objective at several budgets."""
    rows = [[numbers.whole(tokens), _pair(v), numbers.interval(v)] for tokens, v in facts.curve]
    caption = f"Predicted by budget, same shares: {say.goal(facts)}, {facts.unit}"
    return table(caption, [facts.counted, "loss ± spread", "90% interval"], rows)


def written_table(facts: Facts, manifest: Mapping[str, Any]) -> str:
    """Asked against written, source by source."""
    asked = {s.name: s.share.mean for s in facts.sources}
    found = {visible(name): row for name, row in (manifest.get("sources") or {}).items()}
    order = [s.name for s in say.by_share(facts) if s.name in found]
    rows = [_written(name, found[name], asked.get(name)) for name in order]
    total = {
        key: sum(finite(row.get(key)) or 0 for row in found.values())
        for key in ("tokens_asked", "tokens_written", "documents", "quarantined")
    }
    foot = [numbers.whole(x) for x in total.values()]
    head = ["source", f"{facts.counted} asked", f"{facts.counted} written", "share asked",
            "share written", facts.samples, "epochs", "left out"]  # fmt: skip
    holds = ", ".join(dict.fromkeys([facts.counted, facts.samples]))
    caption = f"Shares, {holds} by source; left out: records that could not be read"
    lines = [head, ["all", *foot[:2], "", "", foot[2], "", foot[3]], *rows]
    if facts.samples == facts.counted:  # one number, not two
        lines = [[*cells[:5], *cells[6:]] for cells in lines]
    return table(caption, lines[0], lines[2:], lines[1])


def _written(name: str, row: Mapping[str, Any], asked: float | None) -> Cells:
    return [
        name,
        numbers.whole(finite(row.get("tokens_asked"))),
        numbers.whole(finite(row.get("tokens_written"))),
        numbers.percent(asked, 2),
        numbers.percent(finite(row.get("share_written")), 2),
        numbers.whole(finite(row.get("documents"))),
        numbers.epochs(finite(row.get("epochs"))),
        numbers.whole(finite(row.get("quarantined"))),
    ]


def _pair(number: Value, sign: bool = False) -> str:
    """`3.214 ± 0.020`; alone if the spread was not measured, as its column of intervals says."""
    mean = numbers.signed(number.mean) if sign else numbers.fixed(number.mean)
    return mean if number.sd is None else f"{mean} ± {numbers.spread(number.sd)}"


def _row(cells: Cells) -> str:
    name, *rest = cells
    first = f'<th scope="row"><bdi>{escape(numbers.middle(name, NAME))}</bdi></th>'
    return f"<tr>{first}{''.join(f'<td>{escape(cell)}</td>' for cell in rest)}</tr>"
