"""Damages the small valid files of every reader, and reads them, in a process of its own.

python damage.py TARGET...: prints inputs, read, refused, by target; an exception or a crash of
native code ends the process.
"""

import faulthandler
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from soak.fuzz_targets import TARGETS

from cuvee.core.errors import CuveeError

CUTS = 12
FLIPS = 25


def damaged(seed: bytes, rng: random.Random) -> Iterator[bytes]:
    """Cut at places spread over the file, and at its ends; bits flipped, one to eight at once."""
    for place in {*range(9), *(len(seed) * i // CUTS for i in range(CUTS)), len(seed) - 1}:
        yield seed[:place]
    for _ in range(FLIPS):
        changed = bytearray(seed)
        for _ in range(rng.randint(1, 8)):
            changed[rng.randrange(len(seed))] ^= 1 << rng.randrange(8)
        yield bytes(changed)


def main(names: list[str]) -> None:
    """Read what is damaged."""
    faulthandler.enable()
    rng, counts = random.Random(0), {}
    for name in names:
        counts[name] = count = [0, 0, 0]
        for seed in TARGETS[name].seeds:
            for data in [seed, *damaged(seed, rng)]:
                with tempfile.TemporaryDirectory() as folder:
                    count[0] += 1
                    try:
                        TARGETS[name].read(data, Path(folder))
                        count[1] += 1
                    except CuveeError as error:
                        assert "\n" not in str(error)
                        count[2] += 1
    print(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1:])
