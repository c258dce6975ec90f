"""The picture of the README, drawn from a blend: `make picture`.

A card with a background of its own, so that it looks right on a light and on a dark page.
"""

import json
import sys
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

WIDTH, STEP, TOP = 860, 30, 96
BARS, SCALE, GAINS, GAIN_SCALE = 120, 210, 580, 170
"""Where the bars of the shares begin, and how long the longest is; the same of the gains."""
STYLE = """
text { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1c1d1f }
.head { font-size: 17px; font-weight: 650 } .soft { fill: #5d6167; font-size: 12.5px }
.card { fill: #fdfdfb; stroke: #d9d9d2 } .bar { fill: #0b6b62; fill-opacity: .82 }
.whisker { stroke: #1c1d1f; stroke-width: 1.5 } .zero { stroke: #9a9da2 }
.dot { fill: #0b6b62 } .end { text-anchor: end }
"""


def picture(blend: Mapping[str, Any]) -> str:
    """Shares on the left, gain over the baselines on the right, each with its 90% interval."""
    shares = sorted(blend["shares"].items(), key=lambda item: -item[1]["mean"])
    height = TOP + STEP * max(len(shares), len(blend["rivals"])) + 34
    tokens, targets = f"{blend['tokens'] / 1e6:g}M", " and ".join(blend["losses"])
    head = f"{tokens} tokens to train on for {targets}: what should be mixed in?"
    parts = [
        f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
        _text(24, 36, head, "head"),
        _text(24, 72, "share of the tokens", "soft"),
        _text(480, 72, f"predicted loss lower than, {blend['unit']}", "soft"),
        *_shares(shares, blend["epochs"]),
        *_gains(blend["rivals"]),
        _text(24, height - 14, f"cuvee demo, method {blend['method']}, no training. Lines are 90% "
              "intervals over resampled target documents.", "soft"),
    ]  # fmt: skip
    told = "; ".join(f"{name} {100 * share['mean']:.0f}%" for name, share in shares)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(told)}"><title>{escape(head)}</title><style>{STYLE}</style>'
        + "\n".join(parts) + "</svg>\n"
    )  # fmt: skip


def _shares(shares: list[tuple[str, Any]], epochs: Mapping[str, float]) -> list[str]:
    longest = max(share["high"] for _, share in shares)
    parts = []
    for i, (name, share) in enumerate(shares):
        y = TOP + STEP * i
        low, mean, high = (BARS + SCALE * share[k] / longest for k in ("low", "mean", "high"))
        parts += [
            _text(BARS - 12, y + 15, name, "end"),
            f'<rect class="bar" x="{BARS}" y="{y + 1}" width="{mean - BARS:.1f}" height="18"/>',
            f'<path class="whisker" d="M{low:.1f} {y + 10}H{high:.1f}"/>',
            _text(max(mean, high) + 10, y + 15, f"{100 * share['mean']:.1f}%"),
            _text(max(mean, high) + 62, y + 15, f"{epochs[name]:.2g} epochs", "soft"),
        ]
    return parts


def _gains(rivals: Mapping[str, Any]) -> list[str]:
    """Paired differences: how much lower the blend is on the same documents."""
    gains = {name: rival["objective_gain"] for name, rival in rivals.items()}
    widest = max(gain["high"] for gain in gains.values())
    parts = [f'<path class="zero" d="M{GAINS} {TOP - 4}V{TOP + STEP * len(gains) - 4}"/>']
    for i, (name, gain) in enumerate(gains.items()):
        y = TOP + STEP * i + 10
        low, mean, high = (GAINS + GAIN_SCALE * gain[k] / widest for k in ("low", "mean", "high"))
        parts += [
            _text(GAINS - 12, y + 5, name.replace("_", " "), "end"),
            f'<path class="whisker" d="M{low:.1f} {y}H{high:.1f}"/>',
            f'<circle class="dot" cx="{mean:.1f}" cy="{y}" r="5"/>',
            _text(high + 12, y + 5, f"{gain['mean']:.3f}"),
        ]
    return parts


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}">{escape(words)}</text>'


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(picture(json.loads(Path(sys.argv[1]).read_text())), "utf-8")
