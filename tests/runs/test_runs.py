import numpy as np
import pytest
from tests.runs.tables import made

from cuvee.core import CuveeError, Limits
from cuvee.core.runs import joined


def test_problem_from_runs_alone():
    runs = made()
    problem = runs.problem()
    assert problem.tokens == 1e6
    assert problem.params == 1e6
    assert (problem.high == 1).all(), "nothing is known of epochs"
    natural = problem.available / problem.available.sum()
    assert np.allclose(natural, runs.points.shares.mean(axis=0))


def test_problem_with_known_amounts_has_caps():
    problem = made().problem(available={"web": 1e6, "code": 1e5, "books": 1e6})
    assert problem.high.tolist() == [1, pytest.approx(0.4), 1]
    with pytest.raises(CuveeError, match="tokens of books are not given"):
        made().problem(available={"web": 1e6, "code": 1e5})
    with pytest.raises(CuveeError, match="source in available"):
        made().problem(available={"web": 1e6, "code": 1e5, "bokos": 1})


def test_a_source_that_no_run_had_gets_nothing():
    runs = made().over(("web", "code", "books", "new"))
    assert runs.problem().high.tolist() == [1, 1, 1, 0]
    assert runs.problem(limits=Limits(min_share=0)).low.tolist() == [0, 0, 0, 0]


def test_over_refuses_to_forget_a_source():
    with pytest.raises(CuveeError, match="source with a share in the runs"):
        made().over(("web", "code"))


def test_split():
    runs = made().split({"web": {"clean": 3, "dirty": 1}})
    assert runs.sources == ("code", "books", "clean", "dirty")
    assert np.allclose(runs.points.shares.sum(axis=1), 1)
    assert np.allclose(runs.points.shares[:, 2], 0.75 * made().points.shares[:, 0])
    with pytest.raises(CuveeError, match="source to split"):
        made().split({"wbe": {"a": 1, "b": 1}})
    with pytest.raises(CuveeError, match="it is taken"):
        made().split({"web": {"code": 1, "b": 1}})
    with pytest.raises(CuveeError, match="two parts or more"):
        made().split({"web": {"a": 1}})


def test_study_holds_every_run():
    runs = made()
    study = runs.study(runs.problem())
    assert np.allclose(study.points.shares, runs.points.shares)
    assert np.array_equal(study.losses, runs.losses)
    assert np.array_equal(study.points.params, runs.points.params)


def test_only_and_joined():
    assert made().only(["books"]).losses.shape == (24, 1)
    with pytest.raises(CuveeError, match=r"'bokos'.*books"):
        made().only(["bokos"])
    assert len(joined([made(), made(6)])) == 30
    with pytest.raises(CuveeError, match="no target in common"):
        joined([made().only(["web"]), made().only(["books"])])
