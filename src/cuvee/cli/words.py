"""From words on the command line to values."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cuvee.core import CuveeError, named_numbers, parse_tokens
from cuvee.question import target_name
from cuvee.workplace import Means


def question(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of a `Question` that most commands share."""
    return {
        "sources": named_paths(options.sources, "source"),
        "target": targets(options.target),
        "budget": options.budget,
        "proxy": options.proxy,
        "tokenizer": options.tokenizer,
        "text": text_columns(options.text_column),
        "seed": options.seed,
        "strict": options.strict,
        "target_tokens": options.target_tokens,
    }


def means(options: argparse.Namespace) -> Means:
    """What there is to work with."""
    rank, world = getattr(options, "rank", 0), getattr(options, "world", 1)
    return Means(options.engine, options.workers, options.address, rank, world)


def text_columns(option: str | None) -> str | dict[str, str] | None:
    """One text column for all, or `web=raw,code=src`."""
    if option is None or "=" not in option:
        return option
    return named_paths(option.split(","), "text column")


def named_paths(words: Sequence[str], what: str) -> dict[str, str]:
    """`web=web/*.parquet` and more, by name."""
    paths: dict[str, str] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or not name or not path:
            raise CuveeError(
                f"a {what} is given as NAME=PATH, got {word!r}. "
                f"If the shell expanded a glob, put it in quotes: 'web=web/*.parquet'."
            )
        if name in paths:
            raise CuveeError(f"two {what}s are called {name!r}: give each its own name.")
        paths[name] = path
    return paths


def targets(words: Sequence[str] | None) -> str | dict[str, str] | None:
    """One unnamed target stays as it is; several get names: NAME=PATH, else the file's stem."""
    if not words:
        return None
    if len(words) == 1 and ("=" not in words[0] or Path(words[0]).exists()):
        return words[0]
    named = []
    for word in words:
        bare = "=" not in word or Path(word).exists()
        named.append(f"{target_name(word)}={word}" if bare else word)
    return named_paths(named, "target")


def number(text: str, flag: str) -> float | dict[str, float]:
    """`4` or `web=2,code=8`."""
    if "=" in text:
        return named_numbers(text, flag)
    try:
        return float(text)
    except ValueError:
        raise CuveeError(f"{flag}: expected a number or NAME=NUMBER,..., got {text!r}.") from None


def amounts(text: str | None, flag: str) -> dict[str, float] | None:
    """`web=1.5B,code=200M` in tokens."""
    if text is None:
        return None
    return {
        name: parse_tokens(amount) for name, amount in named_paths(text.split(","), flag).items()
    }


def runs(words: Sequence[str] | None) -> int | list[str] | None:
    """`--runs 16`: how many real runs to make; `--runs TABLE`: files of runs that were made."""
    if not words:
        return None
    counts = [word for word in words if word.isdecimal()]
    if counts and len(words) > 1:
        raise CuveeError(f"--runs: expected one number or tables, got {' and '.join(words)}.")
    return int(counts[0]) if counts else list(words)
