"""What is special to threads on this machine."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from cuvee.core import CuveeError
from cuvee.engine.local import Local


def test_progress_is_told_in_the_callers_thread():
    calls = []

    def progress(label, done, total):
        calls.append((label, done, total, threading.current_thread().name))

    list(Local(3, progress)(lambda i: i, range(5), label="five"))
    assert calls == [("five", n, 5, "MainThread") for n in range(6)]


def test_jobs_run_at_the_same_time():
    barrier = threading.Barrier(3, timeout=10)
    list(Local(3)(lambda i: barrier.wait(), range(3), label="meet"))


@pytest.mark.parametrize(("holds", "most"), [(0, 4), (10, 4), (25, 4), (40, 2), (99, 1), (500, 1)])
def test_no_more_jobs_at_once_than_fit_into_memory(holds, most):
    lock, state = threading.Lock(), {"now": 0, "most": 0}

    def job(i):
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        time.sleep(0.005)
        with lock:
            state["now"] -= 1

    list(Local(4, memory=100)(job, range(16), label="large", holds=holds))
    assert state["most"] <= most
    assert most < 4 or state["most"] > 1


def test_threads_end_with_the_work():
    before = threading.active_count()
    for _ in range(20):
        list(Local(4)(lambda i: i, range(8), label="work"))
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


@pytest.mark.parametrize("workers", [-1, -100])
def test_fewer_than_no_workers(workers):
    with pytest.raises(CuveeError, match="workers must be 0"):
        Local(workers)


INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in background
from cuvee.engine.local import Local
def job(i):
    print("at work", flush=True)
    time.sleep(60)
try:
    list(Local(2)(job, range(4), label="sleep"))
except KeyboardInterrupt:
    sys.exit(7)
"""


def test_ctrl_c_ends_at_once():
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE)
    assert process.stdout.readline().startswith(b"at work")
    start = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 7
    assert time.monotonic() - start < 10
    process.stdout.close()
