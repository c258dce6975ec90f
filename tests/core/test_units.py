"""What a token is: counting, and cutting a text short."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Trained
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from cuvee.core import CuveeError
from cuvee.core.units import Tokenizer, Words

TEXT = st.text(st.sampled_from("ab c 01.,\n\téß漢🙂\0-"), max_size=60)
PROSE = [f"The {i}th guest came late, and left the naïve host {i % 7} times." for i in range(300)]


def units_in(units, text):
    return sum(len(cut.ids) for cut in units.cut(pa.array([text], pa.large_string())))


def byte_level():
    made = Trained(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        PROSE, trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    )
    return made


def unigram():
    made = Trained(models.Unigram())
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.train_from_iterator(
        PROSE, trainers.UnigramTrainer(vocab_size=300, unk_token="<unk>",
                                       special_tokens=["<unk>"], show_progress=False)
    )  # fmt: skip
    return made


@pytest.fixture(scope="module", params=["words", "short words", "byte level", "unigram"])
def units(request, tmp_path_factory):
    if "words" in request.param:
        return Words(max_bytes=3) if "short" in request.param else Words()
    path = tmp_path_factory.mktemp("t") / "tokenizer.json"
    (byte_level() if request.param == "byte level" else unigram()).save(str(path))
    return Tokenizer(str(path))


@settings(deadline=None, max_examples=300)
@given(text=TEXT, wanted=st.integers(0, 20))
def test_head_is_a_start_of_at_most_so_many_units(units, text, wanted):
    head = units.head(text, wanted)
    assert text.startswith(head)
    assert units_in(units, head) <= wanted
    if units_in(units, text) <= wanted:
        assert head == text


@settings(deadline=None)
@given(wanted=st.integers(1, 12))
def test_head_takes_all_that_is_allowed_of_plain_words(units, wanted):
    text = PROSE[1].replace("ï", "i")
    missing = wanted - units_in(units, units.head(text, wanted))
    # A unigram tokenizer may see a token of no width at the start.
    assert missing == 0 or (isinstance(units, Tokenizer) and missing == 1)


def test_documents_keep_their_own_units(units):
    texts = ["", PROSE[0], "", PROSE[1], "a"] * 200
    cuts = list(units.cut(pa.array(texts, pa.large_string())))
    lengths = np.concatenate([np.diff(cut.offsets) for cut in cuts])
    assert lengths.tolist() == [units_in(units, text) for text in texts]
    ids = [i for cut in cuts for i in cut.ids.tolist()]
    assert ids == [
        i for t in texts for cut in units.cut(pa.array([t], pa.large_string()))
        for i in cut.ids.tolist()
    ]  # fmt: skip


def test_slices_are_cut_like_copies(units):
    whole = pa.array(["x y", "drop this", *PROSE[:5], "", "tail"], pa.large_string())
    part = whole.slice(2, 6)
    copy = pa.array(part.to_pylist(), pa.large_string())
    for one, two in zip(units.cut(part), units.cut(copy), strict=True):
        assert one.ids.tolist() == two.ids.tolist()
        assert one.offsets.tolist() == two.offsets.tolist()


def test_tokenizer_adds_no_special_tokens_and_ignores_truncation(tmp_path):
    made = byte_level()
    made.enable_truncation(max_length=2)
    made.enable_padding(length=64)
    made.save(str(tmp_path / "t.json"))
    assert units_in(Tokenizer(str(tmp_path / "t.json")), PROSE[0]) > 5


def test_tokenizer_that_is_none(tmp_path):
    with pytest.raises(CuveeError, match="no such tokenizer"):
        Tokenizer(str(tmp_path / "none.json"))
    (tmp_path / "t.json").write_text('{"not": "one"}')
    with pytest.raises(CuveeError, match=r"not a tokenizer\.json"):
        Tokenizer(str(tmp_path / "t.json"))


def test_missing_library_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(CuveeError, match=r'pip install "cuvee\[tokenizers\]"'):
        Tokenizer(str(tmp_path / "t.json"))
