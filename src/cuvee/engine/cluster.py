"""A Ray cluster: one that others run, or one of our own on this machine."""

import atexit
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from cuvee.core import CuveeError
from cuvee.core.methods import missing

STORE = 512 << 20
"""Bytes of shared memory of a cluster of our own; what does not fit goes to disk."""
REACH = 10.0
"""Seconds after which a cluster that does not answer cannot be reached."""
ATTEMPTS = 2
"""To start a cluster: Ray gives up after half a minute, which is short on a busy machine."""
LONGEST = 40
"""Characters of a folder in which sockets can still be made."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""Reports nothing to anybody, and hides no GPU from jobs."""


@dataclass(slots=True)
class _Own:
    """The cluster that this process started, if any.

    Args:
        cpus: Jobs that it runs at once; 0: there is none.
        folder: Of its sockets and logs.
        busy: Calls of engines that are at work on it.
    """

    cpus: int = 0
    folder: str = ""
    busy: int = 0


_OWN, _LOCK = _Own(), threading.RLock()


@contextmanager
def joined(address: str, workers: int) -> Iterator[Any]:
    """The library `ray`, connected to a cluster, for as long as it is needed.

    Without an address, what this process is connected to already, or what RAY_ADDRESS names, or a
    new cluster on this machine. That one ends with the process, or with Ctrl-C.

    Raises:
        CuveeError: The library is missing, or the cluster cannot be joined.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise missing(error) from error
    with _LOCK:
        address = address or os.environ.get("RAY_ADDRESS", "")
        cpus = workers or os.cpu_count() or 1
        if ray.is_initialized() and not _serves(ray, address, cpus):
            end()
        if not ray.is_initialized():
            _quiet()
            _join(ray, address) if address and address != "local" else _start(ray, cpus)
        _OWN.busy += 1
    try:
        yield ray
    except (KeyboardInterrupt, SystemExit):
        end()  # nobody waits for jobs that were called off, and nothing stays behind
        raise
    finally:
        with _LOCK:
            _OWN.busy = max(0, _OWN.busy - 1)


def end() -> None:
    """Stop the cluster that this process started, if it did."""
    with _LOCK:
        if not _OWN.cpus:
            return
        import ray

        _OWN.cpus = _OWN.busy = 0
        ray.shutdown()
        if _OWN.folder:
            shutil.rmtree(_OWN.folder, ignore_errors=True)


def _serves(ray: Any, address: str, cpus: int) -> bool:
    """Whether the cluster that we are connected to is the one to use.

    Raises:
        CuveeError: It is another one, and not ours to leave.
    """
    if _OWN.cpus:
        return _OWN.busy > 0 or (address in ("", "local") and cpus <= _OWN.cpus)
    if address in ("", "auto", "local"):
        return True
    now = ray.get_runtime_context().gcs_address
    if _resolved(address) != _resolved(now):
        raise CuveeError(
            f"this process is connected to the Ray cluster at {now}: expected {address}; call "
            "ray.shutdown() first, or leave the address out."
        )
    return True


def _quiet() -> None:
    """What Ray prints of lost processes goes to the log: stdout is for results."""
    library = import_module("ray._private.worker")
    if hasattr(library, "print_to_stdstream"):
        library.__dict__["print_to_stdstream"] = _noted


def _noted(data: dict[str, Any], *_: Any, **__: Any) -> None:
    logging.getLogger("cuvee").info("Ray: %s", " ".join(data.get("lines", ())))


def _start(ray: Any, cpus: int) -> None:
    # As long as this lasts, and for the cluster's own processes, which inherit it.
    found = {**QUIET, "PYTHONPATH": os.pathsep.join(str(Path(p).absolute()) for p in sys.path)}
    short, folder = len(tempfile.gettempdir()) <= LONGEST - 16, ""
    for attempt in range(ATTEMPTS):
        folder = tempfile.mkdtemp(prefix="cuvee-ray-") if short else ""
        place = {"_temp_dir": folder} if folder else {}
        try:
            with _environment(found), _signals():
                ray.init(
                    address="local", num_cpus=cpus, include_dashboard=False, namespace="cuvee",
                    object_store_memory=STORE, log_to_driver=False, logging_level=logging.ERROR,
                    **place,
                )  # fmt: skip
            break
        except Exception as error:  # the library raises of every kind
            _stop_half(error)
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)
            if attempt + 1 == ATTEMPTS:
                raise CuveeError(
                    f"a Ray cluster could not be started on this machine ({one_line(error)}): "
                    "give the address of a running one, or use --engine local."
                ) from error
    _OWN.cpus, _OWN.folder, _OWN.busy = cpus, folder, 0
    atexit.unregister(end)
    atexit.register(end)


def _stop_half(error: BaseException) -> None:
    """End the processes of a cluster that did not come up: only the failed call knows them."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        stop = getattr(frame.f_locals.get("self"), "kill_all_processes", None)
        if stop is not None:
            stop(check_alive=False, allow_graceful=False)


def _join(ray: Any, address: str) -> None:
    fix = "start it with `ray start`, or leave the address out for a cluster of this machine alone"
    try:
        if address != "auto":
            place = _place(address)
            socket.create_connection(place, timeout=REACH).close()
        with _signals():
            ray.init(
                address=address, namespace="cuvee", log_to_driver=False, logging_level=logging.ERROR
            )
    except Exception as error:  # the library raises of every kind
        said = one_line(error)
        if "ersion mismatch" in said:
            fix = "install the same versions of Python, Ray and cuvee on every machine"
        raise CuveeError(f"cannot join the Ray cluster at {address} ({said}): {fix}.") from error


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "://" in address:
        raise ValueError("expected auto, or host:port of a cluster that has this machine")
    return host.strip("[]"), int(port)


def _resolved(address: str) -> tuple[str, int]:
    host, port = _place(address)
    with suppress(OSError):
        host = socket.gethostbyname(host)
    return ("127.0.0.1" if host == _own_host() else host), port


def _own_host() -> str:
    with suppress(OSError):
        return socket.gethostbyname(socket.gethostname())
    return ""


def one_line(error: BaseException) -> str:
    """What an error says, without line breaks, and no longer than a few lines."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) < 300 else f"{said[:300]}..."


@contextmanager
def _environment(found: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in found}
    os.environ.update(found)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _signals() -> Iterator[None]:
    """Whoever wanted to be told that the process shall end still is."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        here = threading.current_thread() is threading.main_thread()
        if here and before not in (None, signal.SIG_DFL):
            signal.signal(signal.SIGTERM, before)
