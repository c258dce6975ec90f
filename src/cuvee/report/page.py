"""The report: one page that needs no network, from charts, tables and sentences."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from cuvee.core.capacity import readable
from cuvee.report import around as views
from cuvee.report import charts, numbers, say, tables, trained
from cuvee.report.around_facts import Around, around
from cuvee.report.facts import Facts, finite, read, visible
from cuvee.report.style import STYLE

_SETTINGS = ("objective", "max_epochs", "min_share", "fixed", "proxy", "tokenizer", "target_tokens")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def as_html(answer: dict[str, Any], manifest: dict[str, Any] | None = None) -> str:
    """The report as one self-contained page: the same input gives the same bytes.

    Args:
        answer: Content of `blend.json`.
        manifest: Of the dataset, if it was written.
    """
    facts, beside = read(answer), around(answer)
    parts = [
        _answer(facts),
        _warnings(facts),
        _shares(facts),
        _losses(facts),
        trained.section(answer, facts),
        views.buys(beside, facts),
        views.saturates(beside, facts),
        views.pairs(beside, facts),
        _curve(facts, beside),
        views.differ(beside, facts),
        views.overlap(beside, facts),
        _written(facts, manifest),
        _recipe(facts),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(say.title(facts))}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{''.join(parts)}</main></body></html>\n"
    )


def _answer(facts: Facts) -> str:
    lines = [say.chances(facts), say.losers(facts)]
    notes = "".join(f"<p>{escape(line)}</p>\n" for line in lines if line)
    notes += f'<p class="note">{escape(say.spread(facts))}</p>\n'
    return (
        f"<h1>{escape(say.title(facts))}</h1>\n"
        f'<p class="answer">{escape(say.sentence(facts))}</p>\n{notes}'
    )


def _warnings(facts: Facts) -> str:
    if not facts.warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in facts.warnings)
    return (
        '<section class="warnings" aria-labelledby="warnings"><h2 id="warnings">Warnings</h2>'
        f"<ul>{items}</ul></section>\n"
    )


def _shares(facts: Facts) -> str:
    told = [f"{n}: {say.EXPLAINED[n]}" for n in ("uniform", "natural") if n in facts.rivals]
    caption = (
        f"Share of the {facts.counted} by source, the {facts.counted} that it is, and how often "
        f"the source is gone through (epochs). {_capital('; '.join(told))}"
    )
    return _figure("Shares", facts, charts.shares_chart, caption, tables.shares_table)


def _losses(facts: Facts) -> str:
    if not facts.baseline:
        return views.section("Predicted losses", tables.losses_table(facts))
    told = [f"{n}: {say.EXPLAINED[n]}" for n in facts.rivals if n in say.EXPLAINED]
    caption = (
        f"Gain over {facts.baseline} in {facts.unit}, each target against its own loss under "
        f"{facts.baseline}; right of the line is better. {_capital('; '.join(told))}"
    )
    if all(t.gain.interval is None for t in facts.targets):
        caption += " The spread of the gains was not measured."
    return _figure("Predicted losses", facts, charts.gains_chart, caption, tables.losses_table)


def _curve(facts: Facts, beside: Around) -> str:
    if len({tokens for tokens, _ in facts.curve}) < 2:
        return ""
    measured = any(v.interval for _, v in facts.curve)
    band = "The band is the 90% interval." if measured else "Spread not measured."
    caption = (
        f"{_capital(say.goal(facts))[:-1]}, predicted in {facts.unit} for these shares and fewer "
        f"or more {facts.counted}; repeats of {facts.samples} grow along. {band} "
        "The best shares at another budget may differ. A proxy ranks mixtures better than it "
        f"tells levels: do not read off this curve what more {facts.counted} will gain."
    )
    again = views.again(beside, facts)
    if again is not None:
        caption += " The diamond: shares chosen again for that budget."

    def chart(facts: Facts, width: int) -> str:
        return charts.curve_chart(facts, width, again)

    def told(facts: Facts) -> str:
        return tables.curve_table(facts) + views.budget_table(beside, facts)

    lead = "".join(f"<p>{escape(line)}</p>" for line in views.budget_sentences(beside, facts))
    return _figure("Budget", facts, chart, caption, told, lead)


def _written(facts: Facts, manifest: Mapping[str, Any] | None) -> str:
    if manifest is None:
        return ""
    files = manifest.get("shards") or manifest.get("index") or ()
    size = sum(finite(file.get("bytes")) or 0 for file in files)
    streamed = "streamed from the sources by the index " if "index" in manifest else ""
    line = (
        f"{_counted(facts, finite(manifest.get('tokens')))} {streamed}in "
        f"{say.amount(len(files), 'file')}, {readable(size)}. "
        "The manifest holds a hash of each file."
    )
    return views.section(
        "Written dataset", f"<p>{escape(line)}</p>" + tables.written_table(facts, manifest)
    )


def _counted(facts: Facts, amount: float | None) -> str:
    """`1,000 tokens (words)`, `1,000 rows`."""
    kind = "" if facts.token == facts.counted else f" ({facts.token})"
    return f"{numbers.whole(amount)} {facts.counted}{kind}"


def _recipe(facts: Facts) -> str:
    rows: dict[str, object] = {
        "method": facts.method,
        "budget": _counted(facts, facts.tokens),
        "seed": facts.seed,
        "mixtures tried": facts.trials,
    }
    rows |= {name.replace("_", " "): facts.settings.get(name) for name in _SETTINGS}
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    rows["runs"] = facts.settings.get("runs") or None
    rows["versions"] = versions or None
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(visible(content))}</dd>"
        for name, content in rows.items()
        if content is not None
    )
    again = (
        "<p>To do it again: <code>cuvee rerun recipe.json --out again/</code></p>"
        if facts.can_rerun
        else "<p>Some of the data was in memory: do it again from Python.</p>"
    )
    return views.section("Recipe", f"<dl>{items}</dl>{again}")


def _figure(
    title: str,
    facts: Facts,
    chart: Callable[..., str],
    caption: str,
    table: Callable[[Facts], str],
    lead: str = "",
) -> str:
    """A chart for wide and for narrow screens, its caption, and its numbers one click away."""
    content = (
        f"{lead}<figure><figcaption>{escape(caption)}</figcaption>"
        f"{chart(facts, charts.WIDE)}{chart(facts, charts.NARROW)}</figure>"
        f"<details><summary>Numbers: {title.lower()}</summary>{table(facts)}</details>"
    )
    return views.section(title, content)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] + ("." if text else "")
