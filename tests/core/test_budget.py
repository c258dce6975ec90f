"""Amounts of tokens as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.core import CuveeError, format_tokens, parse_tokens

GOOD = {
    "10M": 10**7, "10M tokens": 10**7, "1.5B": 1_500_000_000, "2e9": 2 * 10**9, "200k": 200_000,
    "1g": 10**9, "3T": 3 * 10**12, "1_000": 1000, "1,000": 1000, " 7 ": 7, "1 token": 1,
    "10 m": 10**7, "0.5k": 500, "1e3k": 10**6, 12: 12, 1e6: 10**6,
}  # fmt: skip
BAD = ["", "ten", "10X", "M", "1.2.3", "10M M", "--5", "nan", "inf", "1e999", "10 %", "½", None]


@pytest.mark.parametrize(("text", "tokens"), GOOD.items())
def test_amounts(text, tokens):
    assert parse_tokens(text) == tokens
    assert isinstance(parse_tokens(text), int)


@pytest.mark.parametrize("text", BAD)
def test_nonsense_is_refused(text):
    with pytest.raises(CuveeError, match="a budget looks like 10M"):
        parse_tokens(text)


@pytest.mark.parametrize("text", ["0", "-5", "0.2", "-1M", 0, -3.0])
def test_less_than_one_token_is_refused(text):
    with pytest.raises(CuveeError, match="at least one token"):
        parse_tokens(text)


@given(st.integers(1, 10**15))
def test_printed_amounts_are_read_back(tokens):
    assert parse_tokens(format_tokens(tokens)) == pytest.approx(tokens, rel=5.1e-3)


@pytest.mark.parametrize(
    ("tokens", "text"), [(999, "999"), (999_600, "1M"), (1234, "1.23k"), (10**7, "10M")]
)
def test_printed_with_three_digits(tokens, text):
    assert format_tokens(tokens) == text
