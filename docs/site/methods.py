"""What the source says of each method, read without importing what the method needs."""

import ast
import inspect
import re
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

SECTION = re.compile(r"(Args|Returns|Raises|Fails when|References|Reference|Example|Examples):")


@dataclass(frozen=True, slots=True)
class Described:
    """A method as its docstring tells it.

    Args:
        name: In the room's table.
        summary: First line.
        prose: What follows it.
        settings: (name, default, meaning).
        sections: Heading -> text, of what comes after the settings.
    """

    name: str
    summary: str
    prose: str = ""
    settings: tuple[tuple[str, str, str], ...] = ()
    sections: dict[str, str] = field(default_factory=dict)


def table_of(room: str) -> dict[str, str]:
    """`METHODS` of a room."""
    return import_module(f"cuvee.{room}").METHODS


def described(root: Path, name: str, entry: str) -> Described:
    """One entry `module:Class` of a table."""
    module, _, attribute = entry.partition(":")
    base = root / "src" / Path(*module.split("."))
    file = base.with_suffix(".py") if base.with_suffix(".py").exists() else base / "__init__.py"
    nodes = ast.parse(file.read_text("utf-8")).body
    kinds = ast.ClassDef | ast.FunctionDef
    node = next(n for n in nodes if isinstance(n, kinds) and n.name == attribute)
    return _split(name, inspect.cleandoc(ast.get_docstring(node) or ""), _defaults(node))


def _defaults(node: ast.ClassDef | ast.FunctionDef) -> dict[str, str]:
    """Setting -> its default as written."""
    found = {}
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            found[line.target.id] = ast.unparse(line.value) if line.value else ""
    return found


def _split(name: str, doc: str, defaults: dict[str, str]) -> Described:
    """Summary, prose, settings and sections of a docstring."""
    parts: dict[str, list[str]] = {"": []}
    now = ""
    for line in doc.splitlines():
        if begun := SECTION.match(line):
            now = begun[1]
            parts[now] = [line[begun.end() :].strip()]
        else:
            parts[now].append(line)
    summary, *rest = parts.pop("")
    arguments = parts.pop("Args", [])
    settings = tuple(
        (key, defaults.get(key, ""), text)
        for key, text in _items(arguments)
    )  # fmt: skip
    sections = {key: " ".join(" ".join(lines).split()) for key, lines in parts.items()}
    return Described(name, summary, "\n".join(rest).strip(), settings, sections)


def _items(lines: list[str]) -> list[tuple[str, str]]:
    """`name: meaning`, whose further lines are indented more."""
    items: list[tuple[str, str]] = []
    for line in lines:
        if begun := re.match(r"    (\w+): (.*)", line):
            items.append((begun[1], begun[2]))
        elif items and line.strip():
            name, text = items[-1]
            items[-1] = (name, f"{text} {line.strip()}")
    return items
