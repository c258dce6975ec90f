"""Each check fails on a source that breaks its claim."""

from dataclasses import dataclass

import pyarrow as pa
import pytest

from cuvee.core.data import Batch, Reject
from cuvee.testing.sources import CHECKS, PLANTS, Plant


@dataclass
class Broken:
    """Passes calls on to a source; tests override one of them. Not frozen, which is one fault."""

    source: object
    name: str = "planted"
    used: bool = False

    def pieces(self):
        return self.source.pieces()

    def read(self, piece):
        return self.source.read(piece)

    def fingerprint(self):
        return self.source.fingerprint()


class Backwards(Broken):
    def read(self, piece):
        for batch in self.source.read(piece):
            yield Batch(batch.text[::-1], batch.rejected)


class Complains(Broken):
    def read(self, piece):
        for batch in self.source.read(piece):
            yield Batch(batch.text, (*batch.rejected, Reject("x:1", "no reason")))


class Silent(Broken):
    def read(self, piece):
        for batch in self.source.read(piece):
            yield Batch(batch.text)


class Once(Broken):
    def read(self, piece):
        if not self.used:
            self.used = True
            yield from self.source.read(piece)


class Oversized(Broken):
    def read(self, piece):
        texts = [text for b in self.source.read(piece) for text in b.text]
        yield Batch(pa.array([t.as_py() for t in texts], pa.large_string()))


class Unpicklable(Broken):
    def __reduce__(self):
        raise AssertionError("cannot be pickled")


class SamePrint(Broken):
    def fingerprint(self):
        return {"memory": "always the same"}


FAULTS = {
    "check_documents_come_back_in_order": Backwards,
    "check_good_records_are_not_rejected": Complains,
    "check_rejects_are_counted_exactly": Silent,
    "check_reading_twice_gives_the_same": Once,
    "check_pieces_can_be_read_in_any_order_at_once": Once,
    "check_batches_are_clean": Oversized,
    "check_picklable": Unpicklable,
    "check_frozen": Broken,
    "check_fingerprint_follows_the_content": SamePrint,
}


def test_every_check_has_a_fault():
    assert set(FAULTS) | {"check_lost_files_are_told_in_one_line"} == set(CHECKS)


@pytest.mark.parametrize("check", FAULTS)
def test_check_finds_the_fault(check, tmp_path):
    def bad(folder, texts):
        source, count = PLANTS["memory"].bad(folder, texts)
        return FAULTS[check](source), count

    plant = Plant(lambda f, d: FAULTS[check](PLANTS["memory"].good(f, d)), bad)
    with pytest.raises(AssertionError):
        CHECKS[check](plant, tmp_path)


def test_check_finds_a_raw_error(tmp_path):
    @dataclass(frozen=True)
    class Raw:
        folder: object

        def pieces(self):
            list(self.folder.iterdir())
            return ()

        def fingerprint(self):
            return {}

    check = CHECKS["check_lost_files_are_told_in_one_line"]
    with pytest.raises(FileNotFoundError):
        check(Plant(lambda folder, _: Raw(folder), None), tmp_path)
