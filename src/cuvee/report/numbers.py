"""Numbers and names as people read them. A missing number never becomes 0."""

import unicodedata
from collections.abc import Callable

from cuvee.core import format_tokens
from cuvee.report.facts import Value

UNKNOWN = "unknown"
UNMEASURED = "not measured"
MINUS = "−"


def fixed(number: float | None, digits: int = 3) -> str:
    """`3.214`; large ones in four significant digits."""
    if number is None:
        return UNKNOWN
    text = f"{number:.{digits}f}" if abs(number) < 10_000 else f"{number:.3e}"
    return (text if float(text) else text.lstrip("-")).replace("-", MINUS)


def signed(number: float | None, digits: int = 3) -> str:
    """`+0.312`, `−0.050`, `0.000`."""
    text = fixed(number, digits)
    plus = number is not None and number > 0 and any(c in "123456789" for c in text)
    return "+" + text if plus else text


def percent(share: float | None, digits: int = 1) -> str:
    """`26.1%`; what is above 0 never prints as 0."""
    if share is None:
        return UNKNOWN
    least = 10.0**-digits
    if 0 < share * 100 < least / 2:
        return f"<{least:.{digits}f}%"
    return fixed(share * 100, digits) + "%"


def spread(sd: float | None, digits: int = 3, scale: float = 1.0) -> str:
    """`0.020`, `<0.001`, or `not measured`."""
    if sd is None:
        return UNMEASURED
    least = 10.0**-digits
    return f"<{least:.{digits}f}" if 0 < sd * scale < least / 2 else fixed(sd * scale, digits)


def with_spread(number: Value, digits: int = 3) -> str:
    """`3.214 ± 0.020`, or `3.214 (spread not measured)`."""
    if number.sd is None:
        return f"{fixed(number.mean, digits)} (spread not measured)"
    return f"{fixed(number.mean, digits)} ± {spread(number.sd, digits)}"


def interval(number: Value, digits: int = 3, scale: float = 1.0, sign: bool = False) -> str:
    """`3.181 to 3.247`, or `not measured`."""
    ends = number.interval
    if ends is None:
        return UNMEASURED
    write = signed if sign else fixed
    return f"{write(ends[0] * scale, digits)} to {write(ends[1] * scale, digits)}"


def tokens(number: float | None) -> str:
    """`10M`."""
    if number is None:
        return UNKNOWN
    return "0" if number == 0 else "<1" if number < 0.5 else format_tokens(number)


def whole(number: float | None) -> str:
    """`10,000,000`."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def epochs(number: float | None) -> str:
    """`2.35`; what is above 0 never prints as 0."""
    if number is None:
        return UNKNOWN
    return "<0.01" if 0 < number < 0.005 else fixed(number, 2)


def chance(probability: float | None) -> str:
    """`97%`; a finite number of draws never gives certainty."""
    if probability is None:
        return UNMEASURED
    if probability < 0.005:
        return "<1%"
    return ">99%" if probability > 0.995 else f"{probability:.0%}"


def width(text: str) -> int:
    """Columns that a text takes in a fixed-width font."""
    return sum(_columns(c) for c in text)


def middle(text: str, room: int, measure: Callable[[str], int] = width) -> str:
    """A text cut in its middle, where names differ least, to fit into so many columns."""
    if measure(text) <= room:
        return text
    head, tail = "", ""
    letters = list(text)
    while letters:
        front = len(head) <= len(tail)
        c = letters.pop(0) if front else letters.pop()
        if measure(head + c + tail) > room - 1:
            break
        head, tail = (head + c, tail) if front else (head, c + tail)
    return head + "…" + tail


def listed(items: list[str]) -> str:
    """`a, b and c`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _columns(c: str) -> int:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1
