"""A source with another text reads as its records do, and is not read where nothing changes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from cuvee.core import CuveeError
from cuvee.core.copies import Cuts
from cuvee.core.data import Batch, Piece
from cuvee.documents.rewriting import Rewritten
from cuvee.documents.trimming import Trim
from cuvee.sources.records import records

ONE, STRING = np.array([4]), pa.string()
TRIM = Trim(Cuts(ONE, np.array([0]), np.array([2]), np.array([0])))
"""Takes the first two letters of document 4."""


@dataclass
class Parts:
    """Two pieces of three documents, with the text as `kind` between two other columns."""

    kind: pa.DataType = STRING
    lost: int = 0
    reads: int = 0
    name = "parts"
    paths = ("a.parquet", "b.parquet")

    def pieces(self):
        return tuple(Piece(path, 0, 3) for path in self.paths)

    def texts(self, piece):
        return [f"{piece.path[0]}{i} words" for i in range(3)]

    def read(self, piece):
        self.reads += 1
        yield Batch(pa.array(self.texts(piece)[: 3 - self.lost], pa.large_string()))

    def records(self, piece, columns=None):
        texts = self.texts(piece)
        plain = not isinstance(self.kind, pa.DictionaryType)
        text = pa.array(texts, self.kind) if plain else pa.array(texts).dictionary_encode()
        table = pa.table({"a": [t.upper() for t in texts], "text": text, "n": range(3)})
        yield table if columns is None else table.select(columns)

    def fingerprint(self):
        return dict.fromkeys(self.paths, "hash")


def rewritten(source):
    return Rewritten.of(source, source.pieces(), (3, 3), TRIM)


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.large_binary(), pa.string_view(),
     pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)  # fmt: skip
def test_records_have_the_text_that_is_read(kind):
    source = rewritten(Parts(kind))
    tables = pa.concat_tables(
        [pa.Table.from_pylist(table.to_pylist()) for p in source.pieces() for table in
         records(source, p)]
    )  # fmt: skip
    found = [t.decode() if isinstance(t, bytes) else t for t in tables["text"].to_pylist()]
    read = [t for p in source.pieces() for b in source.read(p) for t in b.text.to_pylist()]
    assert found == read == ["a0 words", "a1 words", "a2 words", "b0 words", " words", "b2 words"]
    assert tables["a"].to_pylist() == [f"{x}{i} WORDS" for x in "AB" for i in range(3)]


def test_what_does_not_change_is_not_read():
    whole = Parts()
    source = rewritten(whole)
    first, second = source.pieces()
    assert source.touched() == [second]
    assert next(records(source, first)).equals(next(records(whole, first)))
    assert whole.reads == 0
    assert source.paths == whole.paths
    assert source.fingerprint() == {**whole.fingerprint(), "without": "1 passages"}


def test_what_cannot_be_rewritten_is_said():
    second = Parts().pieces()[1]
    with pytest.raises(CuveeError, match="no column holds the text alone") as error:
        list(rewritten(Parts()).records(second, ["a", "n"]))
    assert "\n" not in str(error.value)
    with pytest.raises(CuveeError, match=r"b\.parquet: it has fewer documents than records: it"):
        list(records(rewritten(Parts(lost=1)), second))
