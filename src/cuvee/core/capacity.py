"""What this machine has left, disk and memory, and refusals of what does not fit."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from cuvee.core.errors import CuveeError
from cuvee.core.files import is_remote

CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/memory")
LIMITS = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""Files in which a container's memory stands: of version 2, and of version 1."""


def free_disk(out: Path) -> int | None:
    """Bytes that are free where a folder is, or would be made; None if that cannot be known."""
    if is_remote(out):
        return None
    try:
        return shutil.disk_usage(_above(out)).free
    except OSError:
        return None


def check_writable(out: Path) -> None:
    """Refuse a folder that cannot be made or written to; nothing is made.

    Raises:
        CuveeError: It names the folder that is in the way.
    """
    above = out if is_remote(out) else _above(out)
    if is_remote(out) or (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        return
    reason = "no permission to write there" if above.is_dir() else f"{above} is a file"
    raise CuveeError(f"cannot write {out}: {reason}: choose another place.")


def _above(out: Path) -> Path:
    """The folder itself if it is there, else the nearest one above it."""
    place = out.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def taken_disk(out: Path) -> int:
    """Bytes that lie in a folder already."""
    if is_remote(out) or not out.is_dir():
        return 0
    found = 0
    for folder, _, names in os.walk(out):  # which passes over what goes meanwhile
        for name in names:
            with suppress(OSError):  # another process renamed or removed it
                found += Path(folder, name).lstat().st_size
    return found


def free_memory() -> int | None:
    """Bytes of memory that this process may still take; None if that cannot be known.

    Of a container, what its limit leaves; caches of files count as free.
    """
    found = [n for n in (_system_memory(), _container_memory()) if n is not None]
    return min(found, default=None)


def used_memory() -> tuple[int, int]:
    """Bytes of memory that this process has, and had at most; zeros if that cannot be known."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        now, most = (int(lines[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
        return now, most
    except (OSError, KeyError, ValueError):  # no Linux
        return 0, 0


def _system_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _container_memory() -> int | None:
    for folder in CGROUPS:
        for limit, usage in LIMITS:
            try:
                most = int(Path(folder, limit).read_text(encoding="ascii"))
                used = int(Path(folder, usage).read_text(encoding="ascii"))
                return max(most - used + _cached(Path(folder)), 0)
            except (OSError, ValueError):  # not here, or "max": no limit
                continue
    return None


def _cached(folder: Path) -> int:
    """Bytes of files that the container keeps in memory as long as nobody needs it."""
    try:
        lines = Path(folder, "memory.stat").read_text(encoding="ascii").splitlines()
        return sum(int(x.split()[1]) for x in lines if x.split()[0] in ("inactive_file",))
    except (OSError, ValueError, IndexError):
        return 0


def check_disk(out: Path, least: float) -> None:
    """Refuse what certainly does not fit on a disk.

    Args:
        out: Folder to write; what it holds already counts as there.
        least: Bytes that are needed at the very least.

    Raises:
        CuveeError: With the numbers.
    """
    free = free_disk(out)
    if free is not None and least > free and least > free + taken_disk(out):
        raise CuveeError(
            f"cannot write {out}: at least {readable(least)} of disk are needed, and "
            f"{readable(free)} are free: free some, choose another place, or lower the budget."
        )


def check_memory(least: float) -> None:
    """Refuse what certainly does not fit into memory.

    Args:
        least: Bytes that are needed at the very least, beside what this process has.

    Raises:
        CuveeError: With the numbers.
    """
    free = free_memory()
    if free is not None and least > free:
        raise CuveeError(
            f"at least {readable(least)} of memory are needed, and {readable(free)} are free: "
            "lower --workers or the budget, or take a larger machine."
        )


def readable(size: float) -> str:
    """`1.5 GB`."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= 0.9995 * scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.0f} bytes"
