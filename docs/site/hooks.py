"""What mkdocs asks for while it builds: pages that are made, and links as they are on the site."""

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from docs.site.rooms import ROOMS, failed_page, room_page, rooms_index
from mkdocs.structure.files import File

TAKEN = {
    "README.md": "index.md", "docs/README.md": "documentation.md",
    "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md",
    "evidence/results.json": "results/evidence.json",
    "benchmarks/results.json": "results/benchmarks.json",
}  # fmt: skip
"""Files of the repository -> their place on the site; what is in docs/ keeps its own."""
FROM = {site: posixpath.dirname(place) for place, site in TAKEN.items()}
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Fill the parts of the navigation that are known only here."""
    docs = Path(config.docs_dir)
    decisions = sorted(p.name for p in (docs / "decisions").glob("*.md"))
    filled = {
        "Rooms": ["rooms/index.md", *({room: f"rooms/{room}.md"} for room in ROOMS)],
        "Decisions": [f"decisions/{name}" for name in decisions],
    }
    _fill(config.nav, filled)
    return config


def _fill(nav: list[Any], filled: dict[str, list[Any]]) -> None:
    for entry in nav:
        for title, below in entry.items() if isinstance(entry, dict) else ():
            if title in filled:
                entry[title] = filled[title]
            elif isinstance(below, list):
                _fill(below, filled)


def on_files(files: Any, config: Any) -> Any:
    """Add what is made, and what lies outside docs/."""
    root = Path(config.config_file_path).parent
    files.remove(files.get_file_from_path("README.md"))
    made = {site: (root / place).read_text("utf-8") for place, site in TAKEN.items()}
    for path, content in {**made, **generated(root)}.items():
        files.append(File.generated(config, path, content=content))
    return files


def generated(root: Path) -> dict[str, str]:
    """Pages from METHODS and from recorded results."""
    results = json.loads((root / "evidence" / "results.json").read_text("utf-8"))
    rooms = {f"rooms/{room}.md": room_page(root, room, results) for room in ROOMS}
    return rooms | {"rooms/index.md": rooms_index(results), "did-not-hold.md": failed_page(results)}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links between files of the repository become links between pages."""
    here = page.file.src_uri
    if here not in FROM and page.file.generated_by:
        return markdown
    return site_links(markdown, here)


def site_links(markdown: str, here: str) -> str:
    """The links of one page, seen from its place on the site."""
    folder = FROM.get(here, posixpath.join("docs", posixpath.dirname(here)))

    def rewritten(link: re.Match[str]) -> str:
        place = posixpath.normpath(posixpath.join(folder, link[1]))
        site = TAKEN.get(place, place.removeprefix("docs/"))
        return f"]({posixpath.relpath(site, posixpath.dirname(here) or '.')}{link[2] or ''})"

    return LINK.sub(rewritten, markdown)
