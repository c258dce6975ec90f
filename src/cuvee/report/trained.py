"""Real runs behind an answer: what each changed, and how far counts and training disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from cuvee.report import numbers, say, svg
from cuvee.report.facts import Facts, Value, finite, value, visible
from cuvee.report.svg import Axis
from cuvee.report.tables import table as html_table
from cuvee.report.terminal import Column, line, table

if TYPE_CHECKING:
    from rich.console import Console

MOST = 24
"""Runs that a terminal shows, the last ones; the page and the JSON have all."""
TOP, FOOT = 34.0, 34.0


@dataclass(frozen=True, slots=True)
class RunRow:
    """What the answer says of a real run.

    Args:
        number: From 1 on.
        role: "search", or the mixture whose loss it gives.
        mixture: Its largest shares.
        tokens: Trained on when it ends, earlier runs of its chain included.
        loss: The objective that it reached.
        before: Forecast for the best mixture before it.
        after: And with it.
        moved: Part of the tokens that the best mixture then has elsewhere.
    """

    number: int
    role: str
    mixture: str
    tokens: float | None
    loss: Value
    before: Value
    after: Value
    moved: float | None


def rows_of(answer: Mapping[str, Any]) -> list[RunRow]:
    """The runs of an answer, none if nothing was trained."""
    return [
        RunRow(
            int(row["run"]), visible(row.get("role", "search")), _mixture(row.get("shares") or {}),
            finite(row.get("tokens_seen")), value(row.get("objective")),
            value(row.get("forecast_before")), value(row.get("forecast_after")),
            finite(row.get("moved")),
        )
        for row in answer.get("real_runs") or ()
    ]  # fmt: skip


def _mixture(shares: Mapping[str, Any], most: int = 2) -> str:
    """`46% books, 38% web, 1 more`: the largest shares."""
    known = sorted(((finite(v) or 0.0, visible(n)) for n, v in shares.items()), reverse=True)
    parts = [f"{numbers.percent(v, 0)} {numbers.middle(n, 16)}" for v, n in known if v >= 0.005]
    more = [f"{len(parts) - most} more"] if len(parts) > most + 1 else []
    return ", ".join([*parts[: most if more else most + 1], *more])


def title(answer: Mapping[str, Any], facts: Facts) -> str:
    """How many runs, of what length, by whom."""
    trained = answer.get("trained") or {}
    runs, judges = int(trained.get("runs") or 0), int(trained.get("judging_runs") or 0)
    proxy = numbers.middle(visible(trained.get("proxy", "")), 30)
    amount = numbers.tokens(finite(trained.get("tokens")))
    spent = numbers.tokens(finite(trained.get("judging_tokens")))
    use = "of the blend itself" if _by_law(answer) else "for the losses of blend and baselines"
    if not runs:
        return f"{say.amount(judges, 'real run')} by {proxy}, {spent} {facts.counted}, {use}"
    text = f"{say.amount(runs, 'real run')} by {proxy}, {amount} {facts.counted}"
    return f"{text}; {judges} more, {spent}, {use}" if judges else text


def _by_law(answer: Mapping[str, Any]) -> bool:
    return (answer.get("trained") or {}).get("losses_from") == "law"


def sentences(answer: Mapping[str, Any], facts: Facts) -> list[str]:
    """What the blend gave, and how far the free forecast and training disagree."""
    rows = rows_of(answer)
    said, reached = _disagreement(answer, facts), [r.loss.mean for r in rows if r.role == "answer"]
    if not reached or not _by_law(answer):
        return said
    text = f"Once chosen, the blend was trained itself and reached {numbers.fixed(reached[0])}; "
    if len({numbers.tokens(r.tokens) for r in rows}) > 1:
        text += "this run gives the level of the predicted losses, the others the differences."
    else:
        text += "the predicted losses are those of the law of all runs, this one included."
    return [text, *said]


def _disagreement(answer: Mapping[str, Any], facts: Facts) -> list[str]:
    differ = answer.get("disagreement")
    if not isinstance(differ, Mapping):
        return []
    prior = visible((answer.get("trained") or {}).get("prior") or "the free forecast")
    return [text for text in (_agreement(differ, prior, facts), _choice(differ, prior, facts))
            if text]  # fmt: skip


def _agreement(differ: Mapping[str, Any], prior: str, facts: Facts) -> str:
    ranks, runs = differ.get("spearman"), int(differ.get("runs") or 0)
    if not isinstance(ranks, Mapping):
        return (
            f"Too few runs of one length to say how far {prior} and training disagree: "
            f"{runs}, and {differ.get('fewest')} are needed."
        )
    whole, mean = _rank(ranks.get("objective")), _rank(ranks.get("mean"))
    targets = len(ranks.get("per_target") or ())
    several = f", {mean} in the mean over {targets} targets" if targets > 1 else ""
    rmse = value(differ.get("rmse"))
    error = f"{_pair(rmse)} {facts.unit}" + (" (spread not measured)" if rmse.sd is None else "")
    return (
        f"{_capital(prior)} against training, over {say.amount(runs, 'run')}: rank correlation "
        f"{whole} of the objective{several}; around one line for all, {prior} miss the trained "
        f"losses by {error}."
    )


def _choice(differ: Mapping[str, Any], prior: str, facts: Facts) -> str:
    choice = differ.get("free_choice")
    if not isinstance(choice, Mapping):
        return ""
    moved, excess = finite(choice.get("moved")), value(choice.get("excess"))
    text = (
        f"{_capital(prior)} alone would have put {numbers.percent(moved)} of the "
        f"{facts.counted} elsewhere"
    )
    if excess.mean is None:
        return text + "."
    if abs(excess.mean) < 0.0005:
        return f"{text}; by the law of the runs, that blend is as good as this one."
    size = numbers.with_spread(Value(abs(excess.mean), excess.sd))
    word = "higher" if excess.mean > 0 else "lower"
    return f"{text}; by the law of the runs, the loss of that blend is {size} {word}."


def _rank(row: object) -> str:
    rank = value(row)
    text = numbers.fixed(rank.mean, 2)
    return text if rank.sd is None else f"{text} ± {numbers.spread(rank.sd, 2)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def print_runs(answer: Mapping[str, Any], facts: Facts, console: "Console") -> None:
    """The table of runs, and what they say; nothing if nothing was trained."""
    rows = rows_of(answer)
    if not rows:
        return
    shown = rows[-MOST:]
    law = any(r.after.mean is not None for r in rows)
    columns = [Column("loss", [numbers.fixed(r.loss.mean) for r in shown], style="bold")]
    lengths = [numbers.tokens(r.tokens) for r in shown]
    if len(set(lengths)) > 1:
        columns.insert(0, Column(facts.counted, lengths))
    if any(r.role != "search" for r in rows):
        columns.insert(0, Column("for", ["" if r.role == "search" else r.role for r in shown]))
    if law:
        columns += [
            Column("best after", [_or_dash(r.after.mean) for r in shown]),
            Column("±", [_or_dash(r.after.sd) for r in shown], 1, "dim"),
            Column("change", [_change(r) for r in shown]),
            Column("moved", [_moved(r) for r in shown]),
        ]
    names = [f"{r.number:>{len(str(len(rows)))}}  {r.mixture}" for r in shown]
    table(console, _capital(title(answer, facts)), "run", names, columns)
    if len(rows) > MOST:
        line(console, f"The last {MOST} of {len(rows)} runs; --json has all.", "dim")
    console.print()
    if law:
        line(console, EXPLAINED)
    for text in sentences(answer, facts):
        line(console, text)


EXPLAINED = (
    "Best after: loss forecast for the best mixture once this run was known, not yet corrected for "
    "its having been chosen; moved: part of the budget that this mixture then had elsewhere."
)


def _or_dash(number: float | None) -> str:
    return "-" if number is None else numbers.fixed(number)


def _change(row: RunRow) -> str:
    if row.before.mean is None or row.after.mean is None:
        return "-"
    return numbers.signed(row.after.mean - row.before.mean)


def _moved(row: RunRow) -> str:
    return "-" if row.moved is None else numbers.percent(row.moved)


def section(answer: Mapping[str, Any], facts: Facts) -> str:
    """The part of the page about real runs: sentences, a chart, every number."""
    rows = rows_of(answer)
    if not rows:
        return ""
    law = any(r.after.mean is not None for r in rows)
    caption = f"Dots: {say.goal(facts)} that each run reached, in {facts.unit}."
    if law:
        caption += f" Line and 90% band: the forecast for the best mixture after it. {EXPLAINED}"
    if any(r.role != "search" for r in rows):
        judges = "run of the blend itself" if law else "runs for the losses of blend and baselines"
        caption += f" In colour: the {judges}."
    texts = (_capital(title(answer, facts)) + ".", *sentences(answer, facts))
    said = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return (
        '<section aria-labelledby="real-runs"><h2 id="real-runs">Real runs</h2>'
        f"{said}<figure><figcaption>{escape(caption)}</figcaption>"
        f"{chart(rows)}{chart(rows, 340)}</figure>"
        f"<details><summary>Numbers: real runs</summary>{_table(rows, law, facts)}</details>"
        "</section>\n"
    )


def _table(rows: Sequence[RunRow], law: bool, facts: Facts) -> str:
    head = ["run", facts.counted, "for", "loss"] + ["best after", "change", "moved"] * law
    body = []
    for r in rows:
        cells = [f"{r.number}: {r.mixture}", numbers.tokens(r.tokens), r.role, _pair(r.loss)]
        body.append([*cells, *([_pair(r.after), _change(r), _moved(r)] if law else [])])
    return html_table("Real runs in the order in which they were made", head, body)


def _pair(number: Value) -> str:
    if number.mean is None:
        return "-"
    mean = numbers.fixed(number.mean)
    return mean if number.sd is None else f"{mean} ± {numbers.spread(number.sd)}"


def chart(rows: Sequence[RunRow], width: int = 720) -> str:
    """Loss of each run, and the forecast for the best mixture after it."""
    last, narrow = rows[-1].number, width < 500
    height, left, right = (230, 44, width - 12) if narrow else (280, 52, width - 24)
    across = Axis(1 - 0.03 * last, last * 1.03, left, right)
    low, high = _reach(rows)
    up = Axis(low, high, height - FOOT, TOP)
    parts = []
    for tick in up.ticks(4):
        y, label = up.at(tick), numbers.fixed(tick, up.digits(4))
        parts.append(svg.line(left, y, right, y, "grid"))
        parts.append(svg.text(left - 8, y + 4, label, "tick", "end"))
    step = max(1, -(-last // (6 if narrow else 16)))
    parts += [
        svg.text(across.at(n), height - 14, str(n), "tick", "middle")
        for n in range(1, last + 1, step)
    ]
    parts.append(svg.text(right, height, "run", "quiet", "end"))
    parts += _forecasts(rows, across, up)
    for row in rows:
        parts += _dot(across.at(row.number), up, row)
    if any(r.loss.mean is not None and r.loss.mean > high for r in rows):
        parts += [svg.mark(3, left + 6, 10), svg.text(left + 16, 14, "further up", "quiet")]
    heading = "Loss of each real run, and the forecast for the best mixture after it"
    return svg.drawing(parts, width, height + 4, f"runs-{width}", heading)


def _forecasts(rows: Sequence[RunRow], across: Axis, up: Axis) -> list[str]:
    """What was forecast for the best mixture after each run, with its band."""
    known = [(across.at(r.number), r.after) for r in rows if r.after.mean is not None]
    parts: list[str] = []
    band = [(x, v.interval) for x, v in known if v.interval]
    if len(band) > 1:
        edge = [(x, up.at(ends[0])) for x, ends in band]
        edge += [(x, up.at(ends[1])) for x, ends in reversed(band)]
        parts.append(svg.path(edge, "band", closed=True))
    if len(known) > 1:
        parts.append(svg.path([(x, up.at(v.mean or 0.0)) for x, v in known], "curve"))
    return parts


def _dot(x: float, up: Axis, row: RunRow) -> list[str]:
    if row.loss.mean is None:
        return []
    if row.loss.mean > up.high:
        return [svg.mark(3, x, TOP - 8)]
    kind = "run" if row.role == "search" else "blend"
    return [svg.dot(x, up.at(row.loss.mean), kind)]


def _reach(rows: Sequence[RunRow]) -> tuple[float, float]:
    """Room for the better runs and all forecasts; far worse runs stand at the edge."""
    losses = sorted(r.loss.mean for r in rows if r.loss.mean is not None)
    ends = [x for r in rows for x in (r.after.mean, *(r.after.interval or ())) if x is not None]
    low = min([*losses, *ends], default=0.0)
    good = losses[len(losses) // 3] if losses else low
    near = [x for x in losses if x <= low + 3 * (good - low)]
    high = max([*near, *ends], default=low)
    pad = 0.06 * (high - low) or 0.05
    return low - pad, high + pad
