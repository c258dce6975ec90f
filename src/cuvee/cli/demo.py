"""`cuvee demo`: the main job on text that every Python installation carries."""

import argparse
import ast
import sysconfig
import tokenize
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from pydoc_data.topics import topics

from cuvee.cli.blend import answer_and_write
from cuvee.question import Question

FILES = 700
"""Files of the standard library that are read; the larger packages come first by name."""


def demo(options: argparse.Namespace) -> None:
    """Blend code, docstrings, comments, names and reference pages for the reference's own text."""
    if not options.quiet and not options.json:
        print(
            "The language reference inside Python is a small, good text. To train on "
            f"{options.budget} tokens\nfor it, what should be mixed in: code, docstrings, "
            "comments or character names?\n"
        )
    question = Question(
        {
            "reference": reference, "docstrings": docstrings, "code": code,
            "comments": comments, "names": names,
        },
        target="reference",
        budget=options.budget,
    )  # fmt: skip
    answer_and_write(question, options, options.out, "parquet", options.resume)


def reference() -> Iterator[str]:
    """Topics of the language reference, by paragraphs."""
    for text in topics.values():
        yield from (part for part in _in_parts(text) if part.strip())


def code() -> Iterator[str]:
    """Modules of the standard library without their docstrings and comments."""
    return iter(_library()[0])


def docstrings() -> Iterator[str]:
    """Docstrings of the standard library."""
    return iter(_library()[1])


def comments() -> Iterator[str]:
    """Comments of the standard library, a module's in one document."""
    return iter(_library()[2])


def names() -> Iterator[str]:
    """Names of characters: long, regular, and of no use here."""
    for block in range(0x00A0, 0x3400, 64):
        found = [unicodedata.name(chr(c), "") for c in range(block, block + 64)]
        if any(found):
            yield "\n".join(name.capitalize() for name in found if name)


@cache
def _library() -> tuple[list[str], list[str], list[str]]:
    """Code, docstrings and comments, each as documents."""
    every: tuple[list[str], list[str], list[str]] = ([], [], [])
    folder = Path(sysconfig.get_path("stdlib"))
    skip = {"test", "tests", "site-packages", "dist-packages", "idle_test", "pydoc_data"}
    paths = [p for p in sorted(folder.rglob("*.py")) if not skip & set(p.parts)]
    for path in paths[:FILES]:
        try:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (OSError, UnicodeDecodeError, SyntaxError):
            continue
        docs = [d for node in ast.walk(tree) if (d := _docstring(node))]
        every[1].extend(docs)
        found = [t for t in _tokens(text) if t.type == tokenize.COMMENT]
        lines = text.splitlines()
        for token in found:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
        if found:
            every[2].append("\n".join(t.string.lstrip("#! ") for t in found))
        every[0].extend(_in_parts("\n".join(_without_docstrings(lines, tree))))
    return every


def _docstring(node: ast.AST) -> str | None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return ast.get_docstring(node) if isinstance(node, kinds) else None


def _without_docstrings(lines: list[str], tree: ast.AST) -> Iterator[str]:
    gone: set[int] = set()
    for node in ast.walk(tree):
        if _docstring(node) is not None:
            first = node.body[0]  # type: ignore[attr-defined]
            gone.update(range(first.lineno, first.end_lineno + 1))
    return (line for number, line in enumerate(lines, 1) if number not in gone and line.strip())


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    lines = iter(text.splitlines(keepends=True))
    return tokenize.generate_tokens(lambda: next(lines, ""))


def _in_parts(text: str, size: int = 2000) -> Iterator[str]:
    """Documents of about `size` characters, cut at line ends."""
    part: list[str] = []
    length = 0
    for line in text.splitlines():
        part.append(line)
        length += len(line)
        if length > size:
            yield "\n".join(part)
            part, length = [], 0
    if part:
        yield "\n".join(part)
