"""One process of the fuzzer: libFuzzer, told by Python's coverage of cuvee what is new.

python -m soak.fuzz_worker TARGET FOLDER COUNTS [flags of libFuzzer] CORPUS
"""

import mmap
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cuvee"]):
    from cuvee.core.errors import CuveeError
    from soak.fuzz_targets import COUNTS, TARGETS


def main(words: list[str]) -> None:
    """Fuzz until libFuzzer ends the process."""
    name, folder, counts, *flags = words
    target = TARGETS[name]
    with Path(counts).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), COUNTS.size)
    tally = list(COUNTS.unpack_from(shared))

    def one(data: bytes) -> None:
        tally[0] += 1
        COUNTS.pack_into(shared, 0, *tally)
        try:
            target.read(data, Path(folder))
            tally[1] += 1
        except CuveeError as error:
            if "\n" in str(error):
                raise AssertionError(f"a message of several lines: {error}") from error
            tally[2] += 1
        COUNTS.pack_into(shared, 0, *tally)

    atheris.Setup([sys.argv[0], *flags], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
