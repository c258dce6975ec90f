"""Small programs that print bytes: made at random, run, and found again.

A program is a nested tuple. `bits` is the length of its code, which a reader can tell apart from
what follows: 3 bits say what it is, numbers are written in Elias' gamma code, bytes in 8 bits. So
the length of any program that prints some bytes bounds their Kolmogorov complexity in this
language from above.

- ("bytes", data): the data.
- ("repeat", n, p): n bytes, what p prints again and again.
- ("sums", first, p): the first byte, then each by what p prints more than the one before.
- ("deal", p, q): by turns from both; p prints as many as q, or one more.
- ("join", p, q): one after the other.
- ("mirror", odd, p): what p prints, and then the same from the end; an odd one's middle once.
- ("linear", n, first, a, c): each is a times the one before, and c.
- ("pairs", n, first, second, a, b): each is a times the one before and b times that before it.

References: Yoran et al., "The KoLMogorov test: compression by code generation", ICLR 2025; Elias,
"Universal codeword sets and representations of the integers", IEEE Transactions on Information
Theory 21, 1975.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator

Program = tuple[Any, ...]
"""What it does, then its numbers and parts."""
KIND, BYTE, SMALL = 3, 8, 16
"""Bits of what a program is, and of a byte; how many factors `pairs` may have."""
SHORT = 4
"""Bytes that no rule is looked for in."""
HEAD = 6
"""Bytes that tell which rules may hold."""


def printed(program: Program) -> bytes:
    """What a program prints."""
    kind, *parts = program
    if kind == "bytes":
        return parts[0]
    if kind == "repeat":
        length, once = parts[0], printed(parts[1])
        return (once * (length // len(once) + 1))[:length]
    if kind == "sums":
        steps = np.frombuffer(printed(parts[1]), np.uint8)
        return np.cumsum([parts[0], *steps.tolist()]).astype(np.uint8).tobytes()
    if kind == "deal":
        one, other = printed(parts[0]), printed(parts[1])
        found = bytearray(len(one) + len(other))
        found[::2], found[1::2] = one, other
        return bytes(found)
    if kind == "join":
        return printed(parts[0]) + printed(parts[1])
    if kind == "mirror":
        half = printed(parts[1])
        return half + half[::-1][parts[0] :]
    return _recurrence(program)


def _recurrence(program: Program) -> bytes:
    """Of `linear` and `pairs`."""
    kind, length, *given = program
    if kind == "linear":
        found, a, c = [given[0]], given[1], given[2]
        while len(found) < length:
            found.append((a * found[-1] + c) % 256)
    else:
        found, a, b = given[:2], given[2], given[3]
        while len(found) < length:
            found.append((a * found[-1] + b * found[-2]) % 256)
    return bytes(found)


def bits(program: Program) -> int:
    """Length of a program's code."""
    kind, *parts = program
    if kind == "bytes":
        return KIND + gamma(len(parts[0])) + BYTE * len(parts[0])
    own = {"repeat": lambda: gamma(parts[0]), "sums": lambda: BYTE, "deal": int, "join": int,
           "mirror": lambda: 1, "linear": lambda: gamma(parts[0]) + 3 * BYTE,
           "pairs": lambda: gamma(parts[0]) + 2 * BYTE + 2 * 4}  # fmt: skip
    return KIND + own[kind]() + sum(bits(part) for part in parts if isinstance(part, tuple))


def gamma(number: int) -> int:
    """Bits of a number from 0 on."""
    return 2 * (number + 1).bit_length() - 1


def random_program(length: int, rng: Generator, depth: int = 3) -> Program:
    """A program that prints so many bytes, of so many layers at most.

    Args:
        length: From 1 on.
        rng: Of its kind and numbers.
        depth: Layers below it.
    """
    if length < 2 * SHORT:
        return ("bytes", rng.bytes(length))
    if depth == 0 or rng.random() < 0.3:
        first, second, a, c = (int(n) for n in rng.integers(256, size=4))
        if rng.random() < 0.5:
            return ("linear", length, first, a, c)
        return ("pairs", length, first, second, 1 + a % (SMALL - 1), 1 + c % (SMALL - 1))
    kind = ("repeat", "sums", "deal", "join", "mirror")[int(rng.integers(5))]
    if kind == "repeat":
        once = int(rng.integers(2, max(length // 3, 3)))
        return (kind, length, random_program(once, rng, depth - 1))
    if kind == "sums":
        return (kind, int(rng.integers(256)), random_program(length - 1, rng, depth - 1))
    if kind == "mirror":
        return (kind, length % 2, random_program((length + 1) // 2, rng, depth - 1))
    cut = (length + 1) // 2 if kind == "deal" else int(rng.integers(1, length))
    return (kind, *(random_program(n, rng, depth - 1) for n in (cut, length - cut)))


def synthesised(data: bytes, depth: int = 4, effort: int = 400) -> Program:
    """The shortest program that a search finds for some bytes; the bytes themselves at worst.

    Args:
        data: What it must print.
        depth: Layers of a program at most.
        effort: Parts that are looked at, at most.
    """
    return _Search(effort).best(bytes(data), depth)


@dataclass(slots=True)
class _Search:
    """What was found for parts so far."""

    left: int
    known: dict[tuple[bytes, int], Program] = field(default_factory=dict)

    def best(self, data: bytes, depth: int) -> Program:
        """The shortest that was found."""
        key = (data, depth)
        if key not in self.known:
            self.known[key] = ("bytes", data)
            if len(data) > SHORT and self.left > 0:
                self.left -= 1
                found = [self.known[key], *self._rules(data)]
                found += self._parts(data, depth - 1) if depth else []
                self.known[key] = min(found, key=bits)
        return self.known[key]

    def _rules(self, data: bytes) -> list[Program]:
        """Recurrences that print all of it."""
        return [rule for rule, reach in _recurrences(data) if reach == len(data)]

    def _parts(self, data: bytes, depth: int) -> list[Program]:
        """Programs that are made of others."""
        length, found = len(data), []
        period = _period(data)
        if period < length:  # what repeats is told once: no other way is shorter by much
            return [("repeat", length, self.best(data[:period], depth))]
        if data == data[::-1]:
            return [("mirror", length % 2, self.best(data[: (length + 1) // 2], depth))]
        if any(reach == length for _, reach in _recurrences(data)):
            return []
        values = np.frombuffer(data, np.uint8)
        steps = np.diff(values).astype(np.uint8).tobytes()
        found.append(("sums", data[0], self.best(steps, depth)))
        found.append(("deal", self.best(data[::2], depth), self.best(data[1::2], depth)))
        return found + [
            ("join", self.best(data[:cut], depth), self.best(data[cut:], depth))
            for cut in _cuts(data)
        ]


def _period(data: bytes) -> int:
    """The smallest shift that maps it onto itself."""
    at = (data + data).find(data[: max(len(data) // 2, 1)], 1)
    while 0 < at < len(data):
        if data[at:] == data[: len(data) - at]:
            return at
        at = (data + data).find(data[: max(len(data) // 2, 1)], at + 1)
    return len(data)


def _recurrences(data: bytes) -> list[tuple[Program, int]]:
    """`linear` and `pairs` that begin as the data do, and how far they reach."""
    x = np.frombuffer(data, np.uint8).astype(np.int64)
    head, length = x[:HEAD], len(data)
    a = np.arange(256)
    c = (head[1] - a * head[0]) % 256
    fits = ((a[:, None] * head[:-1] + c[:, None]) % 256 == head[1:]).all(axis=1)
    found = []
    for i in np.flatnonzero(fits)[:1]:
        wrong = np.flatnonzero((a[i] * x[:-1] + c[i]) % 256 != x[1:])
        reach = int(wrong[0]) + 1 if len(wrong) else length
        found.append((("linear", length, int(x[0]), int(a[i]), int(c[i])), reach))
    one, two = (m.ravel() for m in np.meshgrid(np.arange(SMALL), np.arange(SMALL)))
    guess = one[:, None] * head[1:-1] + two[:, None] * head[:-2]
    for i in np.flatnonzero((guess % 256 == head[2:]).all(axis=1))[:1]:
        wrong = np.flatnonzero((one[i] * x[1:-1] + two[i] * x[:-2]) % 256 != x[2:])
        reach = int(wrong[0]) + 2 if len(wrong) else length
        rule = ("pairs", length, int(x[0]), int(x[1]), int(one[i]), int(two[i]))
        found.append((rule, reach))
    return found


def _cuts(data: bytes) -> list[int]:
    """Where a rule that holds from the beginning, or up to the end, stops to hold."""
    length, found = len(data), set()
    for rule, reach in _recurrences(data):
        found.add(reach if rule else length)
    x = np.frombuffer(data, np.uint8)
    for order in (0, 1):  # repeats of the bytes, or of their steps
        for gap in (1, 2, 3, 4, 6, 8, 12, 16):
            same = np.concatenate([[0], (x[gap:] == x[:-gap]).astype(int), [0]])
            edges = np.flatnonzero(np.diff(same))
            runs = [(end - start, start, end) for start, end in pairwise(edges) if same[start + 1]]
            if runs and max(runs)[0] >= max(2 * gap, SHORT):
                _, start, end = max(runs)
                found |= {int(start), int(end) + gap + order}
        x = np.diff(x)
    return sorted(cut for cut in found if 0 < cut < length)[:6]
