"""All nodes of a Ray cluster, or all cores of this machine, as processes."""

import os
import pickle
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from cuvee.core import CuveeError
from cuvee.core.errors import Broken
from cuvee.core.recipe import versions
from cuvee.engine.cluster import joined, one_line
from cuvee.engine.local import WAIT, Local, Progress, silent

RETRIES = 5
"""Times that a job is done again whose process or node was lost."""
LOOK = 5.0
"""Seconds between two looks at how many nodes there are."""
KEEP = 2
"""Jobs that a worker process keeps unpacked."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Ray:
    """Runs jobs in the processes of a Ray cluster, on this machine or on many.

    A job is sent to each process once, its arrays are shared by the processes of a node. Jobs
    depend on nothing but their item, so that those whose process or node is lost, and results
    that were lost with it, are simply made again.

    Args:
        address: Of a cluster that has this machine: host:port, or auto. Empty: RAY_ADDRESS, or a
            cluster of our own, which ends with this process.
        workers: Jobs at a time; all CPUs of the cluster by default.
        progress: Called in the caller's thread after each job.
        memory: Bytes that the jobs of one node together may hold.

    Fails when: sources, the output folder or the cache do not lie at the same place for all nodes.

    References: Moritz et al., "Ray: a distributed framework for emerging AI applications", OSDI,
    2018.
    """

    address: str = ""
    workers: int = 0
    progress: Progress = field(default=silent)
    memory: int = 2 * 2**30

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise CuveeError(f"workers must be 0 (all of the cluster) or more, got {self.workers}.")

    def __reduce__(self) -> Any:
        return Local, (1, silent, self.memory)  # a job that runs jobs does so where it is

    def __call__(
        self,
        job: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        label: str,
        holds: int = 0,
        light: bool = False,
    ) -> Iterator[Result]:
        """Results in the order of the items.

        At most twice as many results as there are workers wait to be taken. The first error comes
        when nothing is at work any more. Ctrl-C waits for nobody.

        Raises:
            CuveeError: The cluster cannot be joined, or loses workers again and again.
        """
        if light or not len(items):
            here = Local(self.workers, self.progress, self.memory)
            yield from here(job, items, label=label, holds=holds)
            return
        self.progress(label, 0, len(items))
        with joined(self.address, self.workers) as ray:
            stage = _Stage(ray, self.workers, max(1, self.memory // holds) if holds else 0)
            stage.send(job, label)
            try:
                yield from self._in_order(stage, items, label)
            except Exception:  # whatever a job raised; Ctrl-C and a closed iterator wait for nobody
                stage.wait_for_all()
                raise

    def _in_order(self, stage: "_Stage", items: Sequence[Any], label: str) -> Iterator[Any]:
        waiting: dict[int, Any] = {}
        asked = finished = 0
        for i in range(len(items)):
            while True:
                while asked < min(len(items), i + 2 * stage.slots) and stage.has_room():
                    stage.ask(asked, items[asked])
                    asked += 1
                if i in waiting:
                    break
                for j, result in stage.finished(label):
                    waiting[j] = result
                    finished += 1
                    self.progress(label, finished, len(items))
            yield waiting.pop(i)


@dataclass(slots=True)
class _Stage:
    """The jobs of one call.

    Args:
        ray: The library, connected.
        workers: Jobs at a time; 0: as many as the cluster runs.
        room: Jobs at a time on one node, by their memory; 0: as many as it has CPUs.
        slots: Jobs that run at a time, as far as is known.
        queue: Jobs that may be with the cluster at a time, running or not.
        looked: When the nodes were last looked at.
        job: Reference to the job, and what each worker must know before it opens it.
        plain: What the cluster runs.
        work: The same, with what it needs.
        pending: Reference to a result -> number of its item.
    """

    ray: Any
    workers: int
    room: int
    slots: int = 1
    queue: int = 1
    looked: float = -LOOK
    job: tuple[Any, ...] = ()
    plain: Any = None
    work: Any = None
    pending: dict[Any, int] = field(default_factory=dict)

    def send(self, job: Callable[[Any], Any], label: str) -> None:
        """Put the job where all nodes find it."""
        try:
            content = packed(job, plain=False)
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            raise CuveeError(
                f"{label}: this cannot be sent to other processes ({one_line(error)}): give "
                "sources as paths or lists, or use --engine local."
            ) from error
        found = {name: value for name, value in os.environ.items() if name.startswith("CUVEE_")}
        self.plain = self.ray.remote(num_cpus=1, max_retries=RETRIES)(work)
        self.job = (secrets.token_hex(8), versions(), found, self.ray.put(content))
        self._look()

    def _look(self) -> None:
        """How many jobs the cluster runs at a time: nodes come and go."""
        if time.monotonic() - self.looked < LOOK:
            return
        self.looked = time.monotonic()
        nodes = [n["Resources"] for n in self.ray.nodes() if n["Alive"]]
        cpus = [int(n.get("CPU", 0)) for n in nodes]
        fit = max(1, sum(min(n, self.room or n) for n in cpus))
        self.slots = min(self.workers or fit, fit)
        # A few more than can run wait at the cluster, unless it could run them at once.
        self.queue = fit + max(2, fit // 4) if self.slots == fit else self.slots
        needs: dict[str, int] = {}
        if self.room and self.room < max(cpus, default=0):
            most = max(int(n.get("memory", 0)) for n in nodes)
            needs["memory"] = most // (self.room + 1) + 1  # just too much for one more
        self.work = self.plain.options(**needs) if needs else self.plain

    def has_room(self) -> bool:
        """Whether another job may be asked for."""
        return len(self.pending) < self.queue

    def ask(self, number: int, item: Any) -> None:
        """Let an item be worked on."""
        self.pending[self.work.remote([self.job], item)] = number

    def finished(self, label: str) -> list[tuple[int, Any]]:
        """Results that have come, by the numbers of their items, perhaps none.

        Raises:
            Exception: The first error that a job raised.
        """
        self._look()
        refs = list(self.pending)
        # By the time one is there, others may be: all are taken at once.
        ready, _ = self.ray.wait(refs, timeout=WAIT)
        ready, _ = self.ray.wait(refs, num_returns=len(refs), timeout=0) if ready else (ready, [])
        return [(self.pending.pop(ref), self._taken(ref, label)) for ref in ready]

    def _taken(self, ref: Any, label: str) -> Any:
        try:
            result, error = unpacked(self.ray.get(ref), own=True)
        except self.ray.exceptions.RayError as error:
            raise explained(error, label) from error
        if error is not None:
            raise error
        return result

    def wait_for_all(self) -> None:
        """Until nothing is at work.

        Jobs that wait for a worker are few, and are not taken back: a `ray.cancel` that comes just
        as one begins can end this very process (Ray 2.60).
        """
        refs = list(self.pending)
        while refs:
            _, refs = self.ray.wait(refs, num_returns=len(refs), timeout=WAIT, fetch_local=False)


_OPEN: dict[str, Callable[[Any], Any]] = {}
"""Jobs that this worker process has unpacked, the last one last."""


def work(sent: Sequence[tuple[Any, ...]], item: Any) -> Any:
    """What a worker does: the result, or the error, of an item."""
    try:
        return packed((_opened(*sent[0])(item), None))
    except KeyboardInterrupt:  # called off
        raise
    except BaseException as error:
        return packed((None, portable(error)))


def _opened(
    token: str, theirs: dict[str, str], environment: dict[str, str], ref: Any
) -> Callable[[Any], Any]:
    if token not in _OPEN:
        check_versions(theirs, versions())
        os.environ.update(environment)
        import ray

        while len(_OPEN) >= KEEP:
            del _OPEN[next(iter(_OPEN))]
        _OPEN[token] = unpacked(ray.get(ref))
    return _OPEN[token]


def check_versions(here: dict[str, str], there: dict[str, str]) -> None:
    """Refuse a node whose libraries might write other bytes.

    Raises:
        CuveeError: It names the first difference.
    """
    for name, version in here.items():
        if there.get(name) != version:
            raise CuveeError(
                f"a node of the Ray cluster has {name} {there.get(name)}: expected {version} as "
                "here, or results could differ; install the same versions on every machine."
            )


def packed(value: Any, plain: bool = True) -> Any:
    """As bytes, with the arrays beside them, so that they are copied once.

    Args:
        value: Results are plain most often, jobs may be closures or stand in the user's script.
        plain: Try first what is fast.
    """
    from ray import cloudpickle

    buffers: list[pickle.PickleBuffer] = []
    try:
        dumps: Any = pickle.dumps if plain else cloudpickle.dumps  # type: ignore[attr-defined]
        head = dumps(value, protocol=5, buffer_callback=buffers.append)
    except (TypeError, AttributeError, pickle.PicklingError):
        if not plain:
            raise
        return packed(value, plain=False)
    arrays = [np.frombuffer(raw, np.uint8) for raw in (b.raw() for b in buffers)]
    return [np.frombuffer(head, np.uint8), *arrays] if arrays else head


def unpacked(content: Any, own: bool = False) -> Any:
    """The value; its arrays may be changed, and do not hold the cluster's memory, if `own`."""
    if isinstance(content, bytes):
        return pickle.loads(content)
    head, *arrays = content
    return pickle.loads(head, buffers=[bytearray(a) if own else a for a in arrays])


def portable(error: BaseException) -> BaseException:
    """The error, if it survives the way to another process, or what it says."""
    with suppress(Exception):  # an error's own code may raise whatever it likes
        if repr(unpacked(packed(error))) == repr(error):
            return error
    kind = CuveeError if isinstance(error, CuveeError) else RuntimeError
    return kind(str(error) if kind is CuveeError else f"{type(error).__name__}: {error}")


def explained(error: BaseException, label: str) -> Broken:
    """What the user can do about a failure of the cluster itself."""
    cause = getattr(error, "cause", None) or error
    fix = "see whether its nodes are up, then start again."
    if isinstance(cause, ImportError):
        fix = "install cuvee, and modules of your own, in the same versions on every node."
    elif type(error).__name__ in ("WorkerCrashedError", "OutOfMemoryError"):
        fix = "its nodes may be short of memory: take fewer --workers, or larger nodes."
    return Broken(f"{label}: the Ray cluster failed ({one_line(cause)}): {fix}")
