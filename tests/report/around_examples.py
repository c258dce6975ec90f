"""An answer with all that lies around it, of any number of sources."""

from collections.abc import Sequence
from typing import Any

from tests.report.examples import answer, number

LINE = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)


def view(share: float, worth: float, sd: float | None) -> dict[str, Any]:
    stops = sorted({*LINE, share})
    return {
        "share": share,
        "cap": 0.6,
        "one_step_more": number(-0.0003, sd),
        "without_it": number(worth, sd) if share else None,
        "best_share": number(share, sd),
        "flat": {"low": share / 2, "high": min(1.0, 1.5 * share + 0.01)},
        "line": [
            {"share": s, **number(2 * (s - share) ** 2, sd), "within_limits": s <= 0.6}
            for s in stops
        ],
    }


def surface(names: Sequence[str], sd: float | None) -> dict[str, Any]:
    points = [
        {"shares": [a / 6, b / 6], **number((a / 6 - 0.2) ** 2 + (b / 6 - 0.3) ** 2, sd),
         "within_limits": a < 5}
        for a in range(7) for b in range(7 - a)
    ]  # fmt: skip
    return {"sources": list(names), "points": points}


def more(names: Sequence[str], times: int, sd: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "tokens": 10_000_000 * times,
        "gain": number(0.1 * times, sd),
        "epochs": dict.fromkeys(names, 1.5 * times),
        "run_out": list(names[:2]) if times > 2 else [],
    }
    if times == 2:
        row["chosen_again"] = {
            "shares": dict.fromkeys(names, 1 / len(names)),
            "gain_over_same_shares": number(0.02, sd),
        }
    return row


def surrounded(
    sources: Sequence[str], targets: Sequence[str] = ("news", "python"), *, sd: float | None = 0.012
) -> dict[str, Any]:
    """As `answer`, with `landscape` and `likeness`."""
    content = answer(sources, targets, sd=sd)
    shares = [row["mean"] for row in content["shares"].values()]
    views = zip(sources, shares, range(len(sources)))
    pairs = [(a, b) for i, a in enumerate(sources) for b in sources[i + 1 :]]
    content["landscape"] = {
        "step": 0.01,
        "sources": {name: view(share if i else 0.0, 0.3 * share, sd) for name, share, i in views},
        "surfaces": [surface(pair, sd) for pair in pairs[-3:]],
        "more_tokens": [more(sources, times, sd) for times in (2, 4)],
    }
    content["likeness"] = {
        "sample": {
            name: {"bytes": 4_000_000, "documents": 1000, "whole": bool(i)}
            for i, name in enumerate(sources)
        },
        "difference": {
            "method": "token_js", "unit": "nats", "words": 4096,
            "pairs": [
                {"sources": list(pair), **number(0.1 + 0.5 * i / max(len(pairs), 1), 0.01)}
                for i, pair in enumerate(pairs)
            ],
        },
        "copies": {
            "method": "minhash", "threshold": 0.8,
            "documents": {
                a: {b: 57 * (i == j + 1) + 300 * (i == j) for j, b in enumerate(sources)}
                for i, a in enumerate(sources)
            },
        },
        "left_out": {},
    }  # fmt: skip
    return content
