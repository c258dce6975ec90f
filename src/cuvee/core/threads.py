"""What threads that work side by side need: few of them in BLAS, and memory that stays."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

LARGEST = 31 << 20
"""Bytes; the C library takes no hint from a block of 32 MiB or more."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS to one thread inside: for many small problems more threads wait for each other.

    On a busy machine that waiting made a fit of a second take a minute.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


def keep_memory() -> None:
    """Let memory that is freed stay with the process, to be used again.

    The C library hands large blocks back to the system as soon as they are free: where arrays of
    megabytes come and go, a quarter of the time goes into fetching pages again. What it takes for
    large follows the largest block that was freed so far, so one is taken, untouched, and freed.
    Elsewhere than in glibc nothing happens.
    """
    np.empty(LARGEST, np.uint8)
