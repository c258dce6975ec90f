from dataclasses import dataclass

import numpy as np
import pytest

import cuvee
from cuvee.comparison import chosen
from cuvee.core import CuveeError
from cuvee.sources.memory import Memory
from cuvee.sources.part import halves


def texts(word, n=120, seed=0):
    rng = np.random.default_rng(seed)
    own = [f"{word}{i}" for i in range(30)]
    return [" ".join(rng.choice([*own, "the", "of"], 20)) for _ in range(n)]


@pytest.fixture(scope="module")
def found():
    sources = {"red": texts("red"), "blue": texts("blue", seed=1), "grey": texts("grey", seed=2)}
    target = {"red_val": texts("red", 40, 3), "blue_val": texts("blue", 40, 4)}
    return cuvee.compare(
        sources, target=target, budget=2000, methods="own_share,descent,natural", seeds=2,
        max_epochs=20,
    )  # fmt: skip


def test_uniform_is_first_and_gains_nothing_over_itself(found):
    first = found.results[0]
    assert first.method == "uniform"
    assert not first.gains.draws.any()
    assert [r.method for r in found.results] == ["uniform", "own_share", "descent", "natural"]


def test_only_asked_targets_are_shown(found):
    assert found.problem.targets == ("red_val", "blue_val")
    said = found.to_dict()
    assert said["targets"] == ["red_val", "blue_val"]
    assert set(said["methods"][0]["losses"]) == {"red_val", "blue_val"}


def test_a_source_without_use_loses_its_share(found):
    shares = dict(zip((r.method for r in found.results), (r.shares for r in found.results)))
    assert shares["descent"].shape == (2, 3)
    assert shares["descent"][:, 2].max() < 0.1
    assert found.winners()[0] in ("descent", "own_share")
    assert "natural" not in found.winners()
    assert found.verdict().startswith(found.winners()[0] + " is best")


def test_spread_holds_documents_and_seeds(found):
    for result in found.results:
        assert len(result.losses.draws) == 80, "40 resamples for each of 2 seeds"
    assert found.results[0].spent == 0
    assert 0 < found.results[2].spent <= found.problem.spend


def test_the_worst_target_is_judged_seed_by_seed():
    found = cuvee.compare(
        {"red": texts("red"), "blue": texts("blue", seed=1)}, budget=2000, objective="worst",
        target={"r": texts("red", 40, 3), "b": texts("blue", 40, 4)}, methods="regmix", seeds=2,
    )  # fmt: skip
    row = found.results[1]
    assert row.losses.mean.max() <= row.score + 1e-12, "the mean of maxima is above the maximum"
    said = found.to_dict()["methods"]
    gain = said[0]["objective"]["mean"] - said[1]["objective"]["mean"]
    assert said[1]["objective_gain"]["mean"] == pytest.approx(gain)


def test_nothing_to_win_is_said():
    same = texts("red", 200)
    found = cuvee.compare(
        {"a": same[:100], "b": same[100:]}, target=texts("red", 40, 3), budget=2000,
        methods="own_share,natural,temperature", seeds=1,
    )  # fmt: skip
    assert found.winners() == []
    assert found.verdict() == "No method beats uniform by more than noise."


def test_a_method_that_cannot_run_is_said_and_the_others_go_on():
    found = cuvee.compare(
        {"a": texts("a"), "b": texts("b")}, target=texts("a", 40, 3), budget=2000, seeds=1,
        methods=["natural", "tests.runs.test_compare:Stubborn"],
    )  # fmt: skip
    assert found.results[2].trouble == "no."
    assert "could not be run: no." in str(found)


@dataclass(frozen=True)
class Stubborn:
    """Fails."""

    def propose(self, study, *, rng):
        raise CuveeError("no.")


def test_methods_are_checked_first():
    assert chosen("natural,natural") == ["uniform", "natural"]
    with pytest.raises(CuveeError, match="natrual"):
        chosen("natrual")
    with pytest.raises(CuveeError, match="seeds must be at least 1"):
        cuvee.compare({"a": ["x"]}, budget=10, seeds=0)


def test_saved(found, tmp_path):
    found.save(tmp_path)
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert found.verdict() in page
    assert page.count("<svg") == 2 * (1 + 2), "the objective and two targets, wide and narrow"
    assert page.count("<details>") == 2
    assert (tmp_path / "comparison.json").exists()


def test_halves_share_no_text():
    one, two = halves(Memory("t", ("a b", "c d", "a b", "e f", "g h")), seed=0)
    assert not set(one.items) & set(two.items)
    assert len(one.items) + len(two.items) == 5
    one, two = halves(Memory("t", ("a b c d e f",)), seed=0)
    assert "".join([*one.items, *two.items]) == "a b c d e f"
    with pytest.raises(CuveeError, match="too short to choose and to judge"):
        halves(Memory("t", ("word",)), seed=0)
