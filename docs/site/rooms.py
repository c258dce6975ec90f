"""One page for each room, from its METHODS, their docstrings, its checks and the evidence."""

from importlib import import_module
from pathlib import Path
from typing import Any

from docs.site.figures import figure, single
from docs.site.marks import cell, plain, table
from docs.site.methods import Described, described, table_of

from cuvee.cli.methods import ROOMS

GUIDES = {
    "sources": "sources", "proxies": "how-it-works", "mix": "mixing", "predict": "predict",
    "features": "arrays", "select": "select", "clean": "clean", "attributes": "attributes",
    "measure": "measure", "export": "output", "trainers": "trainers", "engine": "scale",
}  # fmt: skip
MARKS = {
    True: '<span class="holds">holds</span>',
    False: '<span class="fails">does not hold</span>',
}
Results = dict[str, Any]


def room_page(root: Path, room: str, results: Results) -> str:
    """All of one room."""
    methods = [described(root, name, entry) for name, entry in table_of(room).items()]
    own = {m.name for m in methods}
    found = {k.partition("/")[2]: v for k, v in results.items() if k.startswith(f"{room}/")}
    others = {k: v for k, v in found.items() if k not in own}
    parts = [
        f"# {room}",
        f"**{ROOMS[room].capitalize()}** {len(methods)} methods; {_counted(found)} "
        f"The guide is [here](../{GUIDES[room]}.md); `cuvee methods {room}` prints this list.",
        table(["method", "what it is", "its claim"], [_row(m, found) for m in methods]),
        *(_method(room, m, found.get(m.name)) for m in methods),
        *_others(room, others),
        _checks(room),
    ]
    return "\n\n".join(parts) + "\n"


def _counted(found: Results) -> str:
    held = sum(row["holds"] for row in found.values())
    if not found:
        return "what each must do is checked by tests, and no more is claimed."
    return f"{len(found)} claims were run here, {held} held."


def _row(method: Described, found: Results) -> list[str]:
    mark = MARKS[found[method.name]["holds"]] if method.name in found else ""
    return [f"[`{method.name}`](#{method.name})", cell(method.summary), mark]


def _method(room: str, method: Described, row: dict[str, Any] | None) -> str:
    """Heading, what it is, evidence with figure, settings, limits, where it comes from."""
    parts = [f"## `{method.name}` {{#{method.name}}}", plain(method.summary)]
    if method.prose:
        parts.append(plain(method.prose))
    if row is not None:
        parts.append(evidence(f"{room}/{method.name}", row))
    if method.settings:
        rows = [[f"`{n}`", f"`{cell(d)}`" if d else "", cell(t)] for n, d, t in method.settings]
        parts.append(table(["setting", "default", "meaning"], rows))
    for heading, text in method.sections.items():
        parts.append(f"**{heading}:** {plain(text)}")
    return "\n\n".join(parts)


def evidence(name: str, row: dict[str, Any]) -> str:
    """Claim, what came out, the command, and the figure."""
    kind = "" if row["holds"] else " no"
    numbers = single(row["numbers"])
    lines = [
        f'<div class="evidence{kind}" markdown>',
        f"**Claim.** {plain(row['claim'])}",
        f"**Here: {MARKS[row['holds']]}.** {plain(row['measured'])}",
        figure(row["numbers"]),
    ]
    if numbers:
        lines.append("; ".join(f"{plain(k)} {v}" for k, v in numbers[:8]) + ".")
    lines.append(f"`cuvee evidence {name}`, {row['seconds']:,.0f} s.")
    return "\n\n".join(line for line in [*lines, "</div>"] if line)


def _others(room: str, others: Results) -> list[str]:
    if not others:
        return []
    parts = [
        "## Findings {#findings}",
        "Claims about this question beside the methods.",
    ]
    for name, row in others.items():
        parts += [f"### {name.replace('_', ' ')} {{#{name}}}", evidence(f"{room}/{name}", row)]
    return parts


def _checks(room: str) -> str:
    checks = import_module(f"cuvee.testing.{room}").CHECKS
    rows = []
    for name, check in checks.items():
        told = (check.__doc__ or "").strip().split("\n\n")[0]
        rows.append([cell(name.removeprefix("check_").replace("_", " ")), cell(told)])
    return (
        "## What every method here must do {#checks}\n\nChecked by "
        f"`tests/contracts/test_{room}.py`, for every method, on problems with known answers.\n\n"
        + table(["check", "what it asks"], rows)
    )


def failed_page(results: Results) -> str:
    """Everything that was claimed and did not hold here."""
    failed = {name: row for name, row in results.items() if not row["holds"]}
    parts = [
        "# What did not hold",
        f"{len(failed)} of {len(results)} claims did not hold when they were run here, at small "
        "scale. That is a finding at our scale, not a verdict on a paper: a method may be right "
        "where we cannot afford to look, and some miss one of several parts. Our own are among "
        "them. This page is made from [the recorded results](results/evidence.json) whenever the "
        "site is built.",
    ]
    for name, row in failed.items():
        room, _, short = name.partition("/")
        link = f"rooms/{room}.md#{short}" if room in ROOMS else "results/evidence.json"
        parts += [f"## [{name}]({link}) {{#{room}-{short}}}", evidence(name, row)]
    return "\n\n".join(parts) + "\n"


def rooms_index(results: Results) -> str:
    """The table of rooms."""
    rows = []
    for room, question in ROOMS.items():
        found = [v for k, v in results.items() if k.startswith(f"{room}/")]
        held = f"{sum(v['holds'] for v in found)} of {len(found)}" if found else ""
        rows.append([f"[{room}]({room}.md)", cell(question), str(len(table_of(room))), held])
    return (
        "# Rooms\n\nA room is one question, and holds the methods that answer it. All have one "
        "contract and pass one set of checks. The pages are made from the source and from recorded "
        "runs of each method's own claim.\n\n"
        + table(["room", "question", "methods", "claims that held here"], rows) + "\n"
    )  # fmt: skip
