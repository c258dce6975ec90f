"""Amounts of tokens as people write them."""

import re

from cuvee.core.errors import CuveeError

SCALE = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9, "t": 10**12}


def parse_tokens(amount: str | float) -> int:
    """Tokens in `"10M tokens"`, `"1.5B"`, `"2e9"` or a number.

    Raises:
        CuveeError: Not an amount, or less than one token.
    """
    text = str(amount).strip().lower().replace("_", "")
    if re.match(r"\d{1,3}(,\d{3})+(?![\d,])", text):
        text = text.replace(",", "")
    match = re.fullmatch(r"([-+]?[0-9.]+(?:e[-+]?\d+)?)\s*([kmbgt]?)\s*(?:tokens?)?", text)
    try:
        tokens = round(float(match[1]) * SCALE[match[2]]) if match else None
    except (ValueError, OverflowError):
        tokens = None
    if tokens is None:
        raise CuveeError(f"a budget looks like 10M, 1.5B or 200000 (tokens), got {amount!r}.")
    if tokens >= 2**63:
        raise CuveeError(f"a budget of {amount} tokens is beyond the data of anybody.")
    if tokens < 1:
        raise CuveeError(f"the budget must be at least one token, got {amount!r}.")
    return tokens


def format_tokens(tokens: float) -> str:
    """`10M` for 10 million; three digits."""
    for suffix, scale in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if tokens >= 0.9995 * scale:
            return f"{tokens / scale:.3g}{suffix}"
    return f"{tokens:.0f}"
