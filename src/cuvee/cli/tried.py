"""Mixtures and their losses for a person; a program gets CSV."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cuvee.cli.lines import hanging
from cuvee.report import numbers


def said(rows: Sequence[Mapping[str, Any]], unit: str, columns: int) -> str:
    """Each mixture in a line, its losses below, one target a line."""
    return "\n".join(
        line for i, row in enumerate(rows, 1) for line in _mixture(i, row, columns)
    ) + (f"\n\nLosses in {unit}, ± one standard deviation.\n")


def _mixture(number: int, row: Mapping[str, Any], columns: int) -> Iterator[str]:
    shares = ((name.removeprefix("share/"), share) for name, share in _of(row, "share/"))
    used = sorted(((s, name) for name, s in shares if s), reverse=True)
    text = ", ".join(f"{numbers.percent(share)} {name}" for share, name in used)
    yield hanging(f"{number:>3}  ", text, columns)
    losses = [(name.removeprefix("loss/"), loss) for name, loss in _of(row, "loss/")]
    widest = max(len(name) for name, _ in losses)
    for name, loss in losses:
        spread = numbers.spread(row.get(f"sd/{name}"))
        yield f"     {name:<{widest}}  {numbers.fixed(loss)} ± {spread}"


def _of(row: Mapping[str, Any], prefix: str) -> list[tuple[str, float]]:
    """Columns of one kind; a table that was read holds text."""
    return [(name, float(value)) for name, value in row.items() if name.startswith(prefix)]
