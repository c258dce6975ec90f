"""Answers to report on, of any size."""

from collections.abc import Sequence
from typing import Any

NASTY = (
    "<script>alert(1)</script>",
    "quo\"te's & <b>|`*_[x](javascript:1)",
    "😀👩‍👩‍👧 family",
    "a very long name " * 12,
    "مصدر النصوص العربية",
    "中文网页" * 20,
    "line\nend\x1b[31m\x00\u202egnp",
    "---\n- yaml: {",
    "surrogate \udcff",
    "</style></title></svg>",
)


def number(mean: float, sd: float | None) -> dict[str, Any]:
    known = sd is not None
    ends = (mean - 1.645 * sd, mean + 1.645 * sd) if known else (None, None)
    return {"mean": mean, "sd": sd, "low": ends[0], "high": ends[1]}


def answer(
    sources: Sequence[str] = ("web", "code", "books"),
    targets: Sequence[str] = ("news", "python"),
    *,
    sd: float | None = 0.012,
    gains: Sequence[float] = (0.31, -0.05),
    paired: bool = True,
    rivals: Sequence[str] = ("uniform", "natural", "own_share"),
) -> dict[str, Any]:
    k, budget = len(sources), 10_000_000
    shares = [(i + 1) / sum(range(1, k + 1)) for i in range(k)]
    losses = [3.0 + 0.1 * i for i in range(len(targets))]
    gain = [gains[i % len(gains)] for i in range(len(targets))]
    mean = sum(losses) / len(losses)
    others = {}
    for name in rivals:
        rows = dict(zip(targets, (number(a + g, sd) for a, g in zip(losses, gain))))
        others[name] = {
            "shares": dict.fromkeys(sources, 1 / k),
            "losses": rows,
            "objective": number(mean + sum(gain) / len(gain), sd),
            "probability_blend_is_better": None if sd is None else 1.0,
        }
        if paired and sd is not None:
            others[name]["gains"] = dict(zip(targets, (number(g, 0.004) for g in gain)))
            others[name]["objective_gain"] = number(sum(gain) / len(gain), 0.004)
    return {
        "method": "descent",
        "tokens": budget,
        "token": "words",
        "unit": "nats per token",
        "spread": "none" if sd is None else "target documents",
        "objective": {
            "kind": "mean",
            "weights": dict.fromkeys(targets, 1 / len(targets)),
            **number(mean, sd),
        },
        "shares": dict(zip(sources, (number(s, sd) for s in shares))),
        "epochs": dict(zip(sources, (s * 5 for s in shares))),
        "available": dict.fromkeys(sources, budget / 5),
        "losses": dict(zip(targets, (number(x, sd) for x in losses))),
        "rivals": others,
        "curve": [{"tokens": int(budget * c), **number(mean - c / 10, sd)} for c in (0.5, 1, 2)],
        "trials": 60,
        "quarantined": {name: int(i == 0) for i, name in enumerate(sources)},
        "warnings": [f"{sources[0]}: 1 records could not be read and were left out."],
        "seed": 0,
        "versions": {"python": "3.11", "cuvee": "0.1.0"},
    }


def manifest(content: dict[str, Any], suffix: str = ".parquet") -> dict[str, Any]:
    sources = {}
    for name, row in content["shares"].items():
        tokens = int(row["mean"] * content["tokens"])
        sources[name] = {
            "tokens_asked": tokens,
            "tokens_written": tokens + 3,
            "share_written": row["mean"],
            "documents": tokens // 400,
            "tokens_available": int(content["available"][name]),
            "epochs": content["epochs"][name],
            "quarantined": content["quarantined"][name],
        }
    shard = {"file": f"data/part-00000{suffix}", "sha256": "0" * 64, "bytes": 12345}
    shard |= {"documents": 9, "tokens": content["tokens"]}
    return {"unit": "words", "tokens": content["tokens"], "sources": sources, "shards": [shard]}
