"""What processes that share work tell each other of themselves, as files in a folder."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from cuvee.core.errors import Broken, CuveeError
from cuvee.core.files import explained, make_folder, write_whole
from cuvee.core.recipe import to_json


@dataclass(frozen=True, slots=True, eq=False)
class Roll:
    """Who is there, who has failed, who needs nothing more.

    Args:
        folder: Which all of them reach.
        rank: Number of this process, from 0.
        world: Processes.
        asked: What this process was asked for, by name: the others must be asked for the same.
        old: Failures of earlier attempts, which say nothing of this one.
    """

    folder: Path
    rank: int = 0
    world: int = 1
    asked: Mapping[str, Any] = field(default_factory=dict)
    old: Mapping[int, bytes] = field(default_factory=dict)

    @staticmethod
    def join(folder: Path, rank: int, world: int, asked: Mapping[str, Any]) -> "Roll":
        """Come in: what an earlier attempt of this process said is taken back."""
        roll = Roll(folder, rank, world, asked)
        if world == 1:
            return roll
        for kind in ("failed", "left"):
            roll._file(kind, rank).unlink(missing_ok=True)
        roll._write("asked", to_json(asked))
        return Roll(folder, rank, world, asked, dict(roll._said("failed")))

    def fail(self, reason: str) -> None:
        """Tell the others that nothing more will come from here."""
        if self.world > 1 and self.folder.exists():
            said = {"reason": reason, "once": secrets.token_hex(4)}
            with suppress(OSError, CuveeError):  # then they find out by waiting
                self._write("failed", orjson.dumps(said))

    def leave(self) -> None:
        """Tell the others that nothing more is needed here."""
        self._write("left", b"")

    def left(self, rank: int) -> bool:
        """Whether another process needs nothing more."""
        return self._file("left", rank).exists()

    def check(self) -> None:
        """Whether the others are still at the same work.

        Raises:
            Broken: One has failed, was asked for something else, or all have finished.
        """
        if not self.folder.exists():
            raise Broken(
                "the other processes have finished, or the folder was removed: look there."
            )
        for rank, said in self._said("failed"):
            if said != self.old.get(rank):
                raise Broken(
                    f"rank {rank} stopped: {_loaded(said).get('reason', 'no reason given')}"
                )
        mine = _loaded(to_json(self.asked))
        for rank, said in self._said("asked"):
            theirs = _loaded(said)
            for name in mine:
                if theirs.get(name) != mine[name]:
                    raise Broken(
                        f"rank {rank} was asked for something else, its {name} differs: start all "
                        "with the same command, files and versions."
                    )

    def _said(self, kind: str) -> Iterator[tuple[int, bytes]]:
        for rank in (r for r in range(self.world) if r != self.rank):
            with suppress(FileNotFoundError):
                yield rank, self._file(kind, rank).read_bytes()

    def _file(self, kind: str, rank: int) -> Path:
        return self.folder / f"{kind}-{rank}"

    def _write(self, kind: str, content: bytes) -> None:
        with explained(self.folder):
            make_folder(self.folder)
        write_whole(self._file(kind, self.rank), lambda path: path.write_bytes(content))


def _loaded(said: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(said)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
