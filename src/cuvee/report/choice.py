"""Which documents were chosen and why, as text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cuvee.report import numbers, say
from cuvee.report.terminal import Column, line, plain, table

if TYPE_CHECKING:
    from rich.console import Console


def choice_text(choice: Mapping[str, Any]) -> str:
    """A choice as text."""
    return plain(print_choice, choice, 80)


def print_choice(choice: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Print a choice, as `cuvee choose` does.

    Args:
        choice: What `Chosen.to_dict` gives.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    taken, pool = choice["chosen"], choice["pool"]
    line(console, (
        f"{choice['method']} chose {taken['documents']:,} of {pool['documents']:,} documents, "
        f"{numbers.tokens(taken['tokens'])} of {numbers.tokens(pool['tokens'])} tokens."
    ), "bold")  # fmt: skip
    sources = choice["sources"]
    table(console, "Sources", "source", [s["name"] for s in sources], [
        Column("chosen", [f"{s['chosen']:,}" for s in sources], style="bold"),
        Column("of", [f"{s['documents']:,}" for s in sources], 1, "dim"),
        Column("part", [_part(s["chosen"], s["documents"]) for s in sources]),
        Column("tokens", [numbers.tokens(s["chosen_tokens"]) for s in sources], 2),
        Column("in the target", [f"{s['in_target']:,}" for s in sources], 3, "dim"),
        Column("unread", [f"{s['unread']:,}" for s in sources], 4, "dim"),
    ])  # fmt: skip
    score = choice["score"]
    kinds = [kind for kind in ("chosen", "left_out") if kind in score]
    if kinds:
        names = [kind.replace("_", " ") for kind in kinds]
        table(console, f"Score: {score['meaning']}", "documents", names, [
            Column(name, [f"{score[kind][name]:.4g}" for kind in kinds])
            for name in ("lowest", "median", "highest")
        ])  # fmt: skip
    groups = choice["groups"]
    if groups:
        largest = groups["largest"][:8]
        shown = ", ".join(f"{g['name'] or g['number']}: {g['chosen']:,}" for g in largest)
        more = ", ..." if groups["kinds"] > len(largest) else ""
        noun, _, legend = groups["of"].removesuffix(")").partition(" (")
        many = say.amount(groups["kinds"], noun).replace("stratums", "strata")
        console.print()
        line(console, f"Taken for {many} ({shown}{more}{'; ' * bool(legend)}{legend}).")
    for note in choice["notes"]:
        line(console, "Note: " + note, "yellow")


def board_text(board: Mapping[str, Any]) -> str:
    """A comparison of methods of choice as text."""
    return plain(print_board, board, 80)


def print_board(board: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Print what training on each method's choice gives, as `cuvee choose --methods` does.

    Args:
        board: What `Board.to_dict` gives.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    rows = board["methods"]
    line(console, board["sentence"], "bold")
    table(console, f"Loss on {board['judge']}, {board['unit']}, {board['proxy']}", "method",
          [row["name"] for row in rows], [
        Column("loss", [f"{row['loss']:.4f}" for row in rows], style="bold"),
        Column("± 90%", [_half(row["loss_low"], row["loss_high"]) for row in rows], 1, "dim"),
        Column("beside random", [_signed(row) for row in rows]),
        Column("tokens", [numbers.tokens(row["tokens"]) for row in rows], 3),
        Column("choosing", [_seconds(row["seconds"]) for row in rows], 2),
    ])  # fmt: skip
    console.print()
    for text in board["notes"]:
        line(console, "Note: " + text, "yellow")


def _part(some: int, all_: int) -> str:
    return f"{some / all_:.1%}" if all_ else ""


def _half(low: float, high: float) -> str:
    return f"{(high - low) / 2:.4f}"


def _signed(row: Mapping[str, Any]) -> str:
    if row["gain"] is None:
        return ""
    return f"{-row['gain']:+.4f} ± {(row['gain_high'] - row['gain_low']) / 2:.4f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
