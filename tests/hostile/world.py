"""A folder to work in, what lies around it, and the skeleton of what was written."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

from cuvee.cli import main
from cuvee.testing.proxies import language


def build(folder: Path) -> None:
    """`good.jsonl`, and `val.jsonl`, the target."""
    for name, texts in (("good", language(1, 60, 0)), ("val", language(1, 20, 7))):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        (folder / f"{name}.jsonl").write_text(lines)


def tree(folder: Path, *besides: Path) -> dict[str, str]:
    """Everything below a folder, by path: content, link or kind; without some folders."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if any(path == other or other in path.parents for other in besides):
            continue
        if path.is_symlink():
            found[str(path)] = f"link to {path.readlink()}"
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path)] = "folder" if path.is_dir() else "other"
    return found


def run(capsys, *words: object) -> tuple[int, str, str]:
    """`cuvee WORDS`: status, output, errors."""
    capsys.readouterr()
    try:
        status = main([str(word) for word in words])
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    return status, *capsys.readouterr()


class _Skeleton(HTMLParser):
    """Elements, names of attributes and, between elements, nothing of the words."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.parts.append(f"<{tag} {' '.join(name for name, _ in attrs)}>")
        self.parts += [f"{k}={v}" for k, v in attrs if k in ("href", "src", "style", "class")]

    def handle_endtag(self, tag):
        self.parts.append(f"</{tag}>")

    def handle_comment(self, data):
        self.parts.append("comment")

    def handle_decl(self, decl):
        self.parts.append("declaration")

    def handle_pi(self, data):
        self.parts.append("instruction")


def html_skeleton(page: str) -> list[str]:
    """What a browser makes of a page, less its words: the same for any names."""
    reader = _Skeleton()
    reader.feed(page)
    reader.close()
    return reader.parts


def markdown_skeleton(text: str) -> list[str]:
    """Marks of Markdown, line by line, that are not escaped: the same for any names."""
    front, _, body = text.removeprefix("---\n").partition("\n---\n")
    keys = [line.partition(":")[0] for line in front.splitlines()]
    lines = [re.sub(r"\\.", "", line) for line in body.splitlines()]
    return keys + ["".join(re.findall(r"^[#>+-]|[`*_<>\[\]|]", line)) for line in lines]
