"""Files in stores and on servers, read through fsspec: addresses such as `s3://bucket/web`.

Nothing here holds an open connection in a value: addresses are text, and each process opens its
own stores, so that sources can be sent to other processes and survive a fork.
"""

import io
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from cuvee.core.errors import CuveeError
from cuvee.core.methods import missing
from cuvee.core.remote_errors import CHANGED, FROM_START, is_missing, may_pass, reason, told

AHEAD = 4 << 20
"""Bytes that one request asks for when a file is read in order: about what a distant store sends
in the time that the request itself takes."""
LEAST = 64 << 10
"""Bytes of a request after a jump within a file."""
AT_ONCE = 16
"""Requests under way at a time for the sizes or contents of many small files."""
GROUP = 8 << 20
"""Bytes of small files that are fetched together, at most."""
PAUSES = (1.0, 3.0)
"""Seconds before a request to a web server is made again; libraries of stores do so themselves."""
MARKS = ("sha256", "md5", "md5Hash", "Content-MD5", "blob_id", "ETag", "etag")
"""What stores call the identity of a content, the one that a copy shares first."""
ENVIRONMENT = ("AWS_", "FSSPEC_", "GOOGLE_", "AZURE_", "HF_")
"""Beginnings of the variables that say how a store is reached."""
ADDRESS = r"[A-Za-z][A-Za-z0-9+.\-]*://"
"""What an address begins with."""
_begins = re.compile(ADDRESS).match


@dataclass(frozen=True, slots=True)
class About:
    """A file of a store: its bytes, the store's mark of its content ("" if none), or a folder."""

    size: int
    mark: str = ""
    folder: bool = False


_stores: dict[Any, Any] = {}
_seen: dict[str, About] = {}
"""What was looked at once is taken to stay: a file that changed since is an error where it is
read, and not a mixture of two states."""


def is_address(path: str) -> bool:
    """Whether a path is an address, as `s3://bucket/web` is."""
    return "://" in path and _begins(path) is not None


def store(address: str) -> tuple[Any, str]:
    """The filesystem behind an address, one for each process, and the path in it."""
    scheme, _, rest = address.partition("://")
    how = tuple((k, v) for k, v in os.environ.items() if k.startswith(ENVIRONMENT))
    key = (os.getpid(), scheme, rest.partition("/")[0], how)
    found = _stores.get(key) or _stores.get((*key, threading.get_ident()))
    if found is None:
        kind = _kind(address, scheme)
        with told(address):
            within = str(kind._get_kwargs_from_urls(address))  # such as the host; buckets share one
            shared = (os.getpid(), scheme, within, how)
            if not kind.async_impl:  # those may not be used by several threads at once
                key, shared = (*key, threading.get_ident()), (*shared, threading.get_ident())
            found = _stores.get(shared) or _filesystem(address, scheme, kind)
        found = _stores[key] = _stores.setdefault(shared, found)
    return found, found._strip_protocol(address)


def _kind(address: str, scheme: str) -> Any:
    """The class of filesystems that an address asks for."""
    parts = urlsplit(address)
    if parts.password and scheme != "github":
        raise CuveeError(
            f"{scheme}://...@{parts.hostname}: an address with a password would stand in the "
            f"recipe; give it in the environment, FSSPEC_{scheme.upper()}_PASSWORD."
        )
    if "::" in address:
        raise CuveeError(f"{address}: expected one address, got several chained with '::'.")
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise missing(error) from error
    try:
        return fsspec.get_filesystem_class(scheme)
    except ValueError as error:
        raise CuveeError(f"{address}: fsspec knows no {scheme!r}; check the address.") from error
    except ImportError as error:
        raise CuveeError(f"{address}: {reason(error)}") from error


def _filesystem(address: str, scheme: str, kind: Any) -> Any:
    """With fresh listings, and an end to waiting; what the user set for fsspec comes first."""
    import fsspec
    from fsspec.config import conf

    options: dict[str, Any] = {"skip_instance_cache": True}
    if kind.async_impl:
        options["use_listings_cache"] = False
    if scheme in ("s3", "s3a") and not {"config_kwargs", "client_kwargs"} & set(conf.get("s3", ())):
        retries = {} if "AWS_MAX_ATTEMPTS" in os.environ else {"max_attempts": 2}
        options["config_kwargs"] = {"read_timeout": 10, "retries": retries | {"mode": "standard"}}
    if scheme in ("http", "https") and "client_kwargs" not in conf.get(scheme, ()):
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30)
        options["client_kwargs"] = {"timeout": timeout}
    fs = fsspec.url_to_fs(address, **options)[0]
    if scheme in ("s3", "s3a"):
        fs.retries = min(fs.retries, 2)  # each of which tries three times
    return fs


def look(address: str, fresh: bool = False) -> About | None:
    """A file or folder, or None if there is none; `fresh` asks the store again."""
    if not fresh and (known := _seen.get(address)):
        return known
    fs, path = store(address)
    with told(address):
        try:
            info = fs.info(path)
        except FileNotFoundError as error:
            if is_missing(error):
                return None
            raise
    return _noted(address, info)


def about(address: str, fresh: bool = False) -> About:
    """The same; it must be there, and have a size."""
    found = look(address, fresh)
    if found is None:
        raise CuveeError(f"{address}: there is no such file; check the address.")
    if found.size < 0:
        raise CuveeError(f"{address}: {FROM_START}")
    return found


def _noted(address: str, info: dict[str, Any]) -> About:
    folder = info.get("type") == "directory"
    size = info.get("size") if info.get("partial", True) or info.get("size") == 0 else None
    found = About(0 if folder else -1 if size is None else int(size), _mark(info), folder)
    _seen[address] = found
    return found


def _mark(info: dict[str, Any]) -> str:
    for name in MARKS:
        value = str(info.get(name) or "")
        if value and not value.startswith("W/"):  # a weak tag may stay when the bytes change
            kind = "etag" if name == "ETag" else name
            return f"{kind}:{value.strip(chr(34))} of {info.get('size')} bytes"
    return ""


def marks(addresses: Sequence[str]) -> dict[str, str]:
    """The store's mark of each file's present content; "" where it keeps none."""
    if not addresses:
        return {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda address: about(address, fresh=True).mark, addresses)
        return dict(zip(addresses, found))


def matches(pattern: str) -> list[str]:
    """Files that a glob stands for, or folders if it is none of files; hidden ones left out."""
    fs, path = store(pattern)
    spelled = _speller(pattern, fs)
    with told(pattern):
        found = fs.glob(path, detail=True)
    every = _shown({spelled(p): info for p, info in found.items()}, pattern)
    return [a for a in every if not _seen[a].folder] or every


def below(address: str) -> list[str]:
    """Files in a folder at any depth, hidden ones left out."""
    fs, path = store(address)
    spelled = _speller(address, fs)
    with told(address):
        found = fs.find(path, detail=True)
    files = {spelled(p): info for p, info in found.items() if not p.endswith("/")}
    if address.startswith(("http://", "https://")):  # links that sort a page of links
        files = {a: info for a, info in files.items() if "?" not in a}
    return _shown(files, address)


def _shown(found: dict[str, dict[str, Any]], asked: str) -> list[str]:
    """Noted, less what is hidden further down than what was asked for."""
    named = asked.count("/.")
    shown = {a: info for a, info in found.items() if a.count("/.") <= named}
    for address, info in shown.items():
        if info.get("type") == "directory" or info.get("size") is not None:
            _noted(address, info)
        else:  # pages of links tell no sizes
            about(address)
    return sorted(shown)


def inside(address: str) -> list[str]:
    """Names of what lies in a folder; none if there is no such folder."""
    fs, path = store(address)
    with told(address):
        try:
            found = fs.ls(path, detail=False)
        except (FileNotFoundError, NotADirectoryError) as error:
            if isinstance(error, FileNotFoundError) and not is_missing(error):
                raise
            return []
    return sorted({name.rstrip("/").rpartition("/")[2] for name in found} - {""})


def _speller(address: str, fs: Any) -> Callable[[str], str]:
    """Turns a path in a store into an address, written as the user writes it."""
    whole = address.rstrip("/")
    path = fs._strip_protocol(whole).rstrip("/")
    if not whole.endswith(path):
        raise CuveeError(
            f"{address}: expected {fs.unstrip_protocol(path)}, with the rest of the address in "
            "the environment."
        )
    start = whole[: len(whole) - len(path)]
    return lambda found: start + found.rstrip("/")


def opened(address: str, ahead: int = AHEAD) -> BinaryIO:
    """A file to read and to seek in, from many threads if each opens its own.

    Args:
        address: Of the file.
        ahead: Bytes that may be fetched beyond what is asked for.

    Raises:
        CuveeError: Also while it is read: it cannot be reached, or changed.
    """
    known = about(address)
    fs, path = store(address)
    with told(address):
        file = fs.open(path, "rb", cache_type="none")
        if isinstance(file, io.BytesIO):  # of memory://, one for all who read it
            file = io.BytesIO(file.getvalue())
        details = getattr(file, "details", None)
        now = _mark(details) if isinstance(details, dict) else known.mark
        size = getattr(file, "size", None)
    if (now and now != known.mark) or (size is not None and size != known.size):
        raise CuveeError(f"{address}: {CHANGED}")
    pauses = PAUSES if address.startswith(("http://", "https://")) else ()
    return cast("BinaryIO", _Ranges(address, file, known.size, ahead, pauses))


class _Ranges(io.RawIOBase):
    """A remote file, asked for in ranges that grow while it is read in order."""

    def __init__(
        self, address: str, file: Any, size: int, ahead: int, pauses: tuple[float, ...]
    ) -> None:
        self._address, self._file, self._size, self._pauses = address, file, size, pauses
        self._ahead, self._step = ahead, min(LEAST, ahead)
        self._held, self._start, self._at = b"", 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        to = offset + (0, self._at, self._size)[whence]
        if to < 0:
            raise OSError("a place before the start of the file")
        self._at = to
        return to

    def readinto(self, target: Any) -> int:
        view = memoryview(target).cast("B")
        wanted, done = max(0, min(len(view), self._size - self._at)), 0
        while done < wanted:
            offset = self._at - self._start
            if not 0 <= offset < len(self._held):
                self._fetch(wanted - done)
                continue
            part = memoryview(self._held)[offset : offset + wanted - done]
            view[done : done + len(part)] = part
            done, self._at = done + len(part), self._at + len(part)
        return wanted

    def close(self) -> None:
        if not self.closed:
            self._held = b""
            self._file.close()
        super().close()

    def _fetch(self, wanted: int) -> None:
        in_order = self._at == self._start + len(self._held)
        self._step = min(max(2 * self._step, wanted) if in_order else LEAST, self._ahead)
        length = min(max(wanted, self._step), self._size - self._at)
        self._held, self._start = b"", self._at  # freed before the next comes
        with told(self._address):
            self._held = self._asked(length)
        if not self._held:
            raise CuveeError(f"{self._address}: {CHANGED}")

    def _asked(self, length: int) -> bytes:
        for pause in self._pauses:
            try:
                self._file.seek(self._at)
                return self._file.read(length)
            except Exception as error:  # as in `told`
                if not may_pass(error):
                    raise
            time.sleep(pause)
        self._file.seek(self._at)
        return self._file.read(length)


def content(path: str | Path) -> bytes:
    """All bytes of a small file, here or remote."""
    if not is_address(str(path)):
        return Path(path).read_bytes()
    about(str(path), fresh=True)
    with opened(str(path)) as file:
        return file.read()


def starts(addresses: Sequence[str], most: int) -> Iterator[tuple[str, bytes]]:
    """The first bytes of each file, several files at a time."""
    group: list[str] = []
    held = 0
    for address in addresses:
        size = min(about(address).size, most)
        if group and (held + size > GROUP or len(group) == 4 * AT_ONCE):
            yield from _starts(group, most)
            group, held = [], 0
        group.append(address)
        held += size
    yield from _starts(group, most)


def _starts(group: list[str], most: int) -> Iterator[tuple[str, bytes]]:
    small = [a for a in group if 0 < about(a).size <= most and store(a)[0].async_impl]
    found = _together(small)
    for address in group:
        if address in found:
            yield address, found[address]
            continue
        with opened(address) as file:
            yield address, file.read(most)


def _together(addresses: list[str]) -> dict[str, bytes]:
    """Whole small files by address, fetched at the same time."""

    def whole(address: str) -> bytes:
        fs, path = store(address)
        with told(address):
            data = fs.cat_file(path)
        if len(data) != about(address).size:
            raise CuveeError(f"{address}: {CHANGED}")
        return data

    if not addresses:
        return {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(addresses, pool.map(whole, addresses)))
