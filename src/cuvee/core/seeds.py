"""One integer from the user; a stream of its own for each job."""

import zlib

from numpy.random import Generator, SeedSequence, default_rng


def stream(seed: int, *key: int | str) -> Generator:
    """Random generator of one job: a function of the seed and the job's name alone.

    Results therefore ignore how many workers there are and in which order they run.
    """
    words = [zlib.crc32(k.encode()) if isinstance(k, str) else int(k) for k in key]
    return default_rng(SeedSequence(seed, spawn_key=words))
