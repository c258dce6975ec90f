"""A folder with sources, commands at work in it, and what a refusal looks like."""

import os
import shutil
from pathlib import Path

from soak.process import Place, Started
from soak.world import SOURCES, TARGET, build

BLEND = ("blend", *SOURCES, *TARGET, "--budget", "6k", "--method", "natural", "--quiet")
OUT = ("--out", "OUT/d")


class World:
    """Places that share sources; every test has its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder, folder / "work"
        build(self.work)

    def place(self, name: str = "run") -> Place:
        return Place.below(self.folder, name)

    def again(self, place: Place, *words: str, **settings) -> str:
        """The command once more; it has to succeed."""
        begun = Started(words, place, **settings)
        assert begun.wait(120) == 0, begun.said
        return begun.said


def tree(folder: Path) -> dict[str, bytes]:
    """Every file by its path, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def one_line(begun: Started, status: int, *parts: str) -> None:
    """It ended with a status, and said why in one line."""
    assert begun.wait(120) == status, begun.said
    assert begun.said.count("\n") == 1, begun.said
    assert begun.said.startswith("cuvee: ")
    for part in parts:
        assert part in begun.said


def without_rights() -> list[str]:
    """What to put before a command so that the rights of files count, also for root."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    assert setpriv, "as root the tests need setpriv"
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search"]
