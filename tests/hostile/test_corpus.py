"""Bad files: a refusal of one line, or just the documents and the rejects that were planted."""

import pytest
from tests.hostile.corpus import CASES

from cuvee.core.errors import CuveeError
from cuvee.sources import open_source


def read(spec):
    """Documents and rejects."""
    source = open_source("s", str(spec))
    batches = [batch for piece in source.pieces() for batch in source.read(piece)]
    texts = [text for batch in batches for text in batch.text.to_pylist()]
    return texts, [bad for batch in batches for bad in batch.rejected]


def test_no_case_was_lost():
    assert len(CASES) == 79, "change this count on purpose"
    assert sum(case.rejects for case in CASES.values()) == 54


@pytest.mark.parametrize("name", CASES)
def test_bad_file(name, tmp_path):
    case = CASES[name]
    case.write(tmp_path / name)
    if case.documents is None:
        with pytest.raises(CuveeError, match=rf"(?s)^(?!.*\n).*({case.refused})"):
            read(tmp_path / name)
        return
    texts, rejected = read(tmp_path / name)
    assert texts == list(case.documents)
    assert len(rejected) == case.rejects
    assert len({bad.place for bad in rejected}) == case.rejects
    assert all(bad.place.startswith(str(tmp_path)) and bad.reason for bad in rejected)
    assert all(len(bad.sample) <= 1000 and bad.sample.isprintable() for bad in rejected)
