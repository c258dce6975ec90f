"""Shares from the order of merges, on tokenizers trained here."""

from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import orjson
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from cuvee.core import CuveeError, stream
from cuvee.inference import infer
from cuvee.mix.merge_list import MergeList, Sample, cut_to
from cuvee.mix.merges import MergeInference, _lowest, infer_shares
from cuvee.mix.pair_counts import Alphabet, follow, weigh

FAST = MergeInference(merges=80, draws=3)


@cache
def texts(language, seed, size=50_000):
    """Documents of Zipf-distributed words, each language with words of its own letters."""
    letters = {"a": "abcdefgh", "b": "efghijklmn", "c": "klmnopqrst"}[language]
    words = np.random.default_rng(ord(language))
    lexicon = ["".join(words.choice(list(letters), words.integers(2, 9))) for _ in range(500)]
    rng, documents, left = np.random.default_rng([seed, ord(language)]), [], size
    while left > 0:
        picks = np.minimum(rng.zipf(1.4, 150), 500) - 1
        documents.append(" ".join(lexicon[p] for p in picks))
        left -= len(documents[-1])
    return documents


def mixed(shares, seed=0, total=100_000):
    return [d for n, s in shares.items() if s for d in texts(n, seed, total * s)]


def train(documents, kind="bytes"):
    tokenizer = Tokenizer(
        models.BPE(end_of_word_suffix="</w>") if kind == "suffix" else models.BPE()
    )
    if kind == "bytes":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    elif kind == "suffix":
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    suffix = {"end_of_word_suffix": "</w>"} if kind == "suffix" else {}
    trainer = trainers.BpeTrainer(vocab_size=150, show_progress=False, **suffix)
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def naive_counts(words, weight, merges):
    """Weighted counts of all pairs before each merge, in the plainest way."""
    spelt, found = [list(word) for word in words], []
    for left, right in merges:
        counts = Counter()
        for symbols, n in zip(spelt, weight):
            for pair in pairwise(symbols):
                counts[pair] += n
        found.append(counts)
        for symbols in spelt:
            i = 0
            while i < len(symbols) - 1:
                if symbols[i : i + 2] == [left, right]:
                    symbols[i : i + 2] = [left + right]
                i += 1
    return found


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_plain_merging(seed):
    rng = np.random.default_rng(seed)
    words = sorted({"".join(rng.choice(list("aab"), rng.integers(1, 14))) for _ in range(50)})
    weight, merges = rng.integers(1, 9, len(words)).astype(float), []
    for _ in range(20):
        counts = naive_counts(words, weight, [*merges, ("", "")])[-1]
        merges.append(max(counts, key=lambda pair: (counts[pair], pair)))
    wanted = naive_counts(words, weight, merges)
    history = follow(words, merges, Alphabet())
    counts = history.counts(weight)
    for step, plain in enumerate(wanted):
        now = (history.first <= step) & (step < history.stop) & (counts > 0)
        assert sorted(counts[now]) == sorted(n for n in plain.values() if n)
        assert counts[history.merged[step]] == plain[merges[step]]


def test_some_pairs_keep_their_counts():
    words, merges = ["abab", "abba", "baa"], [("a", "b"), ("ab", "ab"), ("b", "a")]
    history = follow(words, merges, Alphabet())
    pairs = np.unique(history.pair[history.merged])
    part, weight = history.only(pairs), np.array([3.0, 2, 5])
    assert np.array_equal(part.counts(weight), history.counts(weight)[np.isin(history.pair, pairs)])
    assert np.array_equal(part.counts(weight)[part.merged], history.counts(weight)[history.merged])


def test_lowest_in_ranges():
    rng = np.random.default_rng(0)
    values, first = rng.random(37), rng.integers(36, size=200)
    stop = first + 1 + rng.integers(37 - first)
    wanted = [a + np.argmin(values[a:b]) for a, b in zip(first, stop)]
    assert np.array_equal(_lowest(values, first, stop), wanted)


def test_characters_out_of_the_alphabet_are_left_out():
    assert Alphabet(frozenset("ab")).symbols("axb") == ["a", "b"]
    assert Alphabet(prefix="##").symbols("ab") == ["a", "##b"]
    assert Alphabet(prefix="##").merged("a", "##b") == "ab"


@pytest.mark.parametrize("kind", ["bytes", "metaspace", "suffix"])
def test_shares_are_found_on_other_documents(tmp_path, kind):
    shares = {"a": 0.55, "b": 0.1, "c": 0.35}
    train(mixed(shares), kind).save(str(tmp_path / "t.json"))
    found = infer(tmp_path / "t.json", {n: texts(n, 1) for n in shares}, settings=FAST)
    assert np.abs(found.shares.mean - list(shares.values())).max() < 0.03
    assert found.shares.unit == "share of bytes"
    assert found.shares.spread == "bootstrap"
    assert (found.shares.sd < 0.05).all()
    assert found.slack < 0.1


def test_a_source_that_was_not_used_gets_nothing(tmp_path):
    train(mixed({"a": 0.7, "b": 0.3})).save(str(tmp_path / "t.json"))
    found = infer(tmp_path / "t.json", {n: texts(n, 1) for n in "abc"}, settings=FAST)
    assert found.shares.mean[2] < 0.01
    assert found.shares.mean.sum() == pytest.approx(1)


def test_a_missing_source_shows_as_slack(tmp_path):
    train(mixed({"a": 0.4, "b": 0.2, "c": 0.4})).save(str(tmp_path / "t.json"))
    whole = infer(tmp_path / "t.json", {n: texts(n, 1) for n in "abc"}, settings=FAST)
    part = infer(tmp_path / "t.json", {n: texts(n, 1) for n in "ab"}, settings=FAST)
    assert part.slack > 3 * whole.slack
    assert part.unseen > 0


def test_same_seed_same_answer_whatever_the_workers(tmp_path):
    train(mixed({"a": 0.5, "b": 0.5})).save(str(tmp_path / "t.json"))
    sources = {n: texts(n, 1) for n in "ab"}
    one, two = (
        infer(tmp_path / "t.json", sources, workers=w, seed=3, settings=FAST) for w in (1, 2)
    )
    assert np.array_equal(one.shares.draws, two.shares.draws)
    assert one.to_dict() == two.to_dict()


def test_without_draws_no_spread_is_claimed(tmp_path):
    train(mixed({"a": 0.5, "b": 0.5})).save(str(tmp_path / "t.json"))
    settings = MergeInference(merges=80, draws=0)
    found = infer(tmp_path / "t.json", {n: texts(n, 1) for n in "ab"}, settings=settings)
    assert np.isnan(found.shares.sd).all()
    assert "spread not measured" in str(found)
    assert found.to_dict()["shares"]["a"]["sd"] is None


def test_both_spellings_of_merges(tmp_path):
    tokenizer = train(mixed({"a": 0.5, "b": 0.5}))
    content = orjson.loads(tokenizer.to_str())
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
    (tmp_path / "old.json").write_bytes(orjson.dumps(content))
    tokenizer.save(str(tmp_path / "new.json"))
    old, new = (MergeList.read(tmp_path / f"{n}.json") for n in ("old", "new"))
    assert old.merges == new.merges
    assert len(new.merges) > 50


def test_words_without_a_pre_tokenizer_end_at_spaces():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    assert MergeList((), Alphabet(), tokenizer).words("to be  or") == ["to", "▁be", "▁", "▁or"]


def test_tokens_are_those_of_the_tokenizer(tmp_path):
    tokenizer, documents = train(mixed({"a": 1.0})), texts("b", 1, 20_000)
    tokenizer.save(str(tmp_path / "t.json"))
    learned = MergeList.read(tmp_path / "t.json")
    sample = learned.sample(documents, 4)
    wanted = sum(len(tokenizer.encode(d).ids) for d in documents)
    assert learned.tokens_per_byte(sample) * sum(sample.sizes) == pytest.approx(wanted)
    assert sum(sample.sizes) == sum(len(d.encode()) for d in documents)


def test_text_is_read_up_to_the_limit(tmp_path):
    assert list(cut_to(["abc", "déf", "x"], 5)) == ["abc", "d"]
    train(mixed({"a": 0.5, "b": 0.5})).save(str(tmp_path / "t.json"))
    sources = {n: texts(n, 1) for n in "ab"}
    found = infer(tmp_path / "t.json", sources, sample_bytes=20_000, settings=FAST)
    assert found.sample_bytes == (20_000, 20_000)


def refused(message, *arguments, **settings):
    with pytest.raises(CuveeError, match=message) as error:
        infer(*arguments, **settings)
    assert "\n" not in str(error.value)


def test_bad_tokenizers(tmp_path):
    sources = {"a": texts("a", 1, 2000), "b": texts("b", 1, 2000)}
    path = tmp_path / "t.json"
    refused("no such tokenizer", path, sources)
    for content in (b"", b"[]", b"{}", b'{"model": 3}', b"\xff\xfe"):
        path.write_bytes(content)
        refused("is not a tokenizer.json", path, sources)
    Tokenizer(models.WordPiece({"[UNK]": 0})).save(str(path))
    refused("is a WordPiece tokenizer: expected BPE", path, sources)
    Tokenizer(models.Unigram([("a", 0.0)])).save(str(path))
    refused("is a Unigram tokenizer: expected BPE", path, sources)
    Tokenizer(models.BPE()).save(str(path))
    refused("has no merges", path, sources)
    path.write_bytes(b'{"model": {"type": "BPE", "vocab": {}, "merges": ["a b"]}}')
    refused("is not a tokenizer.json", path, sources)


def test_bad_sources(tmp_path):
    path = tmp_path / "t.json"
    train(mixed({"a": 0.5, "b": 0.5})).save(str(path))
    text = texts("a", 1, 2000)
    refused("at least 2 sources", path, {"a": text})
    refused("'b' holds no text", path, {"a": text, "b": ["", ""]})
    refused("must be given by name", path, [text])
    refused("sample_bytes", path, {"a": text, "b": text}, sample_bytes=0)
    refused("Did you mean 'a'", path, {"a": text, "b": text}, text={"aa": "raw"})
    refused("has any of the tokenizer's merges", path, {"x": ["XY ZW"], "y": ["QQ"]})
    (tmp_path / "empty.txt").write_bytes(b"")
    refused("nothing to read", path, {"a": text, "b": str(tmp_path / "empty.txt")})


def test_bad_settings_and_samples():
    for bad in ({"merges": 0}, {"rounds": 0}, {"competitors": 0}, {"draws": -1}, {"tolerance": 0}):
        with pytest.raises(CuveeError):
            MergeInference(**bad)
    learned, full = MergeList((("a", "b"),), Alphabet(), None), Sample(({"ab": 2},), (4,))
    for samples in ([full], [full, Sample((), ())]):
        with pytest.raises(CuveeError):
            infer_shares(learned, samples, rng=stream(0))


def test_missing_library(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(CuveeError, match=r"cuvee\[tokenizers\]"):
        MergeList.read(tmp_path / "t.json")


def test_words_are_weighed_by_source():
    table = weigh({"x": 0, "y": 1}, [{"y": 3}, {"x": 1, "y": 2}])
    assert table.tolist() == [[0, 3], [1, 2]]
