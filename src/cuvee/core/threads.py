"""One thread for linear algebra."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS to one thread inside: for many small problems more threads wait for each other.

    On a busy machine that waiting made a fit of a second take a minute.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
