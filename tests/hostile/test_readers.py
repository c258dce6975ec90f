"""Any bytes: documents or a CuveeError of one line, from every reader of any file."""

import io
import string
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import orjson
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soak.fuzz_targets import TARGETS, Target

from cuvee.core.errors import CuveeError
from cuvee.sources import open_source
from cuvee.testing.sources import documents

TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=9
)
UNQUOTED = "\r"
"""Which pandas leaves without quotes in CSV, where it then ends a line."""
SPLICES = st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=9)), max_size=5)


def reads_or_refuses(target: Target, data: bytes) -> None:
    with TemporaryDirectory() as folder:
        try:
            target.read(data, Path(folder))
        except CuveeError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=25, deadline=None)
@given(data=st.binary(max_size=300), splices=SPLICES)
def test_any_bytes(name, data, splices):
    """Bytes alone, and put over those of a valid file."""
    target = TARGETS[name]
    reads_or_refuses(target, data)
    whole = bytearray(target.seeds[len(data) % len(target.seeds)])
    for place, part in splices:
        place %= len(whole)
        whole[place : place + len(part)] = part
    reads_or_refuses(target, bytes(whole))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("name", ["recipe", "tokenizer", "saved", "jsonl"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_json_in_any_place(name, data):
    """One value of a valid file replaced by any other."""
    seed = TARGETS[name].seeds[0].partition(b"\n")[0]
    content = orjson.loads(seed)
    key = data.draw(st.sampled_from(sorted(content)))
    inner = content[key]
    if isinstance(inner, dict) and inner and data.draw(st.booleans()):
        inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(JSON)
    else:
        content[key] = data.draw(JSON)
    changed = orjson.dumps(content) + TARGETS[name].seeds[0][len(seed) :]
    reads_or_refuses(TARGETS[name], changed)


def _frame(write: Callable[[pandas.DataFrame, Path], object]) -> Callable[[list, Path], object]:
    """Written by a library that shares no code with the reader's own tests."""
    return lambda texts, path: write(pandas.DataFrame({"n": 1, "text": texts}), path)


INDEPENDENT = {
    "a.jsonl": _frame(lambda f, p: f.to_json(p, orient="records", lines=True)),
    "a.jsonl.gz": _frame(lambda f, p: f.to_json(p, orient="records", lines=True)),
    "a.jsonl.zst": _frame(lambda f, p: f.to_json(p, orient="records", lines=True)),
    "a.csv": _frame(lambda f, p: f.to_csv(p, index=False)),
    "a.csv.gz": _frame(lambda f, p: f.to_csv(p, index=False)),
    "a.tsv": _frame(lambda f, p: f.to_csv(p, index=False, sep="\t")),
    "a.parquet": _frame(lambda f, p: f.to_parquet(p)),
    "a.feather": _frame(lambda f, p: f.to_feather(p)),
}


@pytest.mark.parametrize("name", INDEPENDENT)
@settings(max_examples=15, deadline=None)
@given(texts=TEXTS)
def test_what_pandas_wrote_comes_back(name, texts):
    with TemporaryDirectory() as folder:
        if name.startswith(("a.csv", "a.tsv")):
            texts = [text.replace(UNQUOTED, "") or "a" for text in texts]
        INDEPENDENT[name](texts, Path(folder) / name)
        assert documents(open_source("s", Path(folder) / name, "text")) == texts


@settings(max_examples=15, deadline=None)
@given(texts=TEXTS)
def test_what_datasets_saved_comes_back(texts):
    import datasets

    datasets.disable_progress_bars()
    with TemporaryDirectory() as folder:
        datasets.Dataset.from_dict({"text": texts}).save_to_disk(folder)
        assert documents(open_source("s", folder)) == texts


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=2), min_size=1, max_size=9),
       st.text(string.ascii_letters, min_size=1, max_size=5))  # fmt: skip
def test_what_numpy_saved_comes_back(x, label):
    out = io.BytesIO()
    np.savez(out, x=np.array(x), y=np.array([label] * len(x)))
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.npz").write_bytes(out.getvalue())
        found = [orjson.loads(t) for t in documents(open_source("s", Path(folder) / "a.npz"))]
    assert [row["x"] for row in found] == x
    assert {row["y"] for row in found} == {label}
