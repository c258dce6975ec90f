"""Every listed feature meets every check; a gap is written down here, never skipped."""

import pytest

from cuvee import features
from cuvee.core import CuveeError, stream
from cuvee.testing.features import CHECKS, TEXTS, points

GAPS: dict[tuple[str, str, str], str] = {}
CASES = [(m, c, p) for m in features.METHODS for c in CHECKS for p in TEXTS]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small model with random weights and a vocabulary of its own."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    words = sorted({word for texts in TEXTS.values() for text in texts for word in text.split()})
    vocabulary = {word: i for i, word in enumerate(["<unk>", *words])}
    cut = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    cut.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=cut, unk_token="<unk>").save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(vocabulary), n_positions=64, n_embd=48, n_layer=2, n_head=2,
        initializer_range=0.3,
    )  # fmt: skip
    made = GPT2Model(config)
    made.wpe.weight.data.zero_()  # so that words decide, in a model that has learnt nothing
    made.save_pretrained(folder)
    return f"states:path={folder}:tokens=64"


def test_no_check_was_lost():
    assert (len(CHECKS), len(TEXTS)) == (6, 3), "change this count on purpose"
    assert set(GAPS) <= set(CASES), "a gap names a case that no longer exists"


@pytest.mark.parametrize(
    ("name", "check", "texts"),
    [
        pytest.param(*c, marks=pytest.mark.xfail(reason=GAPS[c], strict=True) if c in GAPS else ())
        for c in CASES
    ],
)
def test_contract(name, check, texts, model):
    CHECKS[check](features.load(model if name == "states" else name), TEXTS[texts])


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_other_poolings(model, pooling):
    one = points(features.load(f"{model}:pooling={pooling}"), TEXTS["languages"])
    assert not (one == points(features.load(model), TEXTS["languages"])).all()


def test_no_model_there(tmp_path):
    for path in ("", tmp_path / "none", tmp_path):
        with pytest.raises(CuveeError, match="states: "):
            features.load(f"states:path={path}").fit(["a"], rng=stream(0))
    with pytest.raises(CuveeError, match="pooling is one of"):
        features.load("states:pooling=all")
