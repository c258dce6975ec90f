import numpy as np
import pytest
from tests.runs.tables import SOURCES, TARGETS, made, write

from cuvee.core import CuveeError, Estimate, Outcome, Problem, Study, Trial
from cuvee.core.run_files import read_runs, write_runs

HEADER = "run,params,tokens,share/a,share/b,loss/t"


def same(one, two):
    assert (one.sources, one.targets) == (two.sources, two.targets)
    assert np.allclose(one.points.shares, two.points.shares)
    assert np.allclose(one.losses, two.losses, equal_nan=True)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_own_form_there_and_back(tmp_path, suffix):
    runs = made()
    (path,) = write_runs(runs, tmp_path / f"runs{suffix}")
    back = read_runs(path)
    same(runs, back)
    assert back.names == runs.names
    assert np.array_equal(back.points.tokens, runs.points.tokens)
    assert np.array_equal(back.points.params, runs.points.params)
    assert np.array_equal(back.seeds, runs.seeds)


@pytest.mark.parametrize("form", ["olmix", "regmix"])
def test_other_forms_there_and_back(tmp_path, form):
    runs = made()
    first, second = write_runs(runs, tmp_path / form, form)
    same(runs, read_runs(f"{first},{second}"))
    same(runs, read_runs(f"{second},{first}") if form == "regmix" else runs)
    if form == "olmix":
        same(runs, read_runs(tmp_path / form))


def test_files_as_regmix_writes_them(tmp_path):
    mix = write(tmp_path / "m.csv", "index,train_the_pile_arxiv,train_the_pile_cc",
                "1,0.2500,0.7501", "2,1.0,0.0")  # fmt: skip
    loss = write(tmp_path / "l.csv", "index,metric/the_pile_cc_val_loss", "2,5.5", "1,4.5")
    runs = read_runs(f"{mix},{loss}")
    assert runs.sources == ("the_pile_arxiv", "the_pile_cc")
    assert runs.targets == ("the_pile_cc",)
    assert runs.losses.ravel().tolist() == [4.5, 5.5]
    assert np.allclose(runs.points.shares.sum(axis=1), 1)


def test_files_as_olmix_writes_them(tmp_path):
    ratios = write(tmp_path / "ratios.csv", "run_id,name,index,web,code", "x1,first,0,0.5,0.5")
    metrics = write(tmp_path / "metrics.csv", "run,name,index,bpb/mmlu", "x1,first,0,1.25")
    runs = read_runs(f"{ratios},{metrics}")
    assert (runs.sources, runs.targets, runs.names) == (("web", "code"), ("bpb/mmlu",), ("x1",))


def test_two_tables_with_other_sources_are_one(tmp_path):
    one = write(tmp_path / "1.csv", "share/a,share/b,loss/t,loss/u", "0.5,0.5,3.0,2.0")
    two = write(tmp_path / "2.csv", "share/b,share/c,loss/t", "0.25,0.75,4.0")
    runs = read_runs(one, two)
    assert (runs.sources, runs.targets) == (("a", "b", "c"), ("t",))
    assert runs.points.shares.tolist() == [[0.5, 0.5, 0], [0, 0.25, 0.75]]
    assert runs.losses.ravel().tolist() == [3, 4]


def test_a_saved_study_is_a_table(tmp_path):
    problem = Problem.of(("a", "b"), ("t",), [10, 10], 10)
    first = Trial(np.array([1.0, 0.0]), 10)
    second = Trial(np.array([0.0, 1.0]), 30, after=first)
    loss = Outcome(Estimate(np.array([[2.0]]), "nats per token", "none"), 1)
    Study(problem).record((first, second), (loss, loss)).save(tmp_path / "t.parquet")
    runs = read_runs(tmp_path / "t.parquet")
    assert runs.points.tokens.tolist() == [10, 40]
    assert runs.points.shares.tolist() == [[1, 0], [0.25, 0.75]], "of all that the chain saw"
    assert np.isnan(runs.points.params).all()


BAD = {
    "one file only": (["run,web", "1,1"], "needs columns share/<source> and loss/<target>.*olmix"),
    "no losses": (["share/a", "1"], "needs columns share/<source> and loss/<target>"),
    "nan share": ([HEADER, "7,,,nan,1,3"], r"row 1 \(run 7\): share/a is 'nan': expected a finite"),
    "empty share": ([HEADER, "7,,,,1,3"], r"row 1 \(run 7\): share/a is empty"),
    "word": ([HEADER, "7,,,x,1,3"], "share/a is 'x': expected a number"),
    "negative": ([HEADER, "7,,,-0.5,1.5,3"], "share of 'a' is -0.5"),
    "sum": ([HEADER, "1,,,.5,.5,3", "2,,,.5,.3,3"], r"row 2 \(run 2\): shares sum to 0.8"),
    "no tokens": ([HEADER, "1,,0,.5,.5,3"], r"row 1 \(run 1\): tokens must be above 0"),
    "short row": ([HEADER, "1,2"], "line 2: expected 6 values"),
    "no rows": ([HEADER], "has no rows"),
    "nan loss": (
        [HEADER, "1,,,.5,.5,nan"],
        "loss/t is 'nan': expected a finite number, or an empty",
    ),
    "infinite loss": ([HEADER, "1,,,.5,.5,inf"], "loss/t is 'inf': expected a finite"),
    "twice": (["share/a,share/a,loss/t", "1,0,3"], "two columns are called 'share/a'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_table(case, tmp_path):
    lines, message = BAD[case]
    with pytest.raises(CuveeError, match=message) as caught:
        read_runs(write(tmp_path / "runs.csv", *lines))
    assert "\n" not in str(caught.value)


def test_two_files_of_different_lengths(tmp_path):
    ratios = write(tmp_path / "r.csv", "run,name,index,a,b", "1,x,0,1,0", "2,y,1,0,1")
    metrics = write(tmp_path / "m.csv", "run,name,index,t", "1,x,0,3")
    with pytest.raises(CuveeError, match=r"has 2 runs, .* has 1: 1 are in one file only.*'2'"):
        read_runs(f"{ratios},{metrics}")


def test_a_run_that_stands_twice(tmp_path):
    ratios = write(tmp_path / "r.csv", "run,name,index,a,b", "1,x,0,1,0", "1,y,1,0,1")
    metrics = write(tmp_path / "m.csv", "run,name,index,t", "1,x,0,3")
    with pytest.raises(CuveeError, match="1 runs stand there twice"):
        read_runs(f"{ratios},{metrics}")


def test_rounding_is_renormalised(tmp_path):
    path = write(tmp_path / "r.csv", HEADER, "1,,,.3333,.6666,3")
    assert read_runs(path).points.shares.sum() == pytest.approx(1, abs=1e-12)


def test_missing_losses_are_left_out_or_refused(tmp_path):
    path = write(tmp_path / "r.csv", HEADER, "1,,,.5,.5,", "2,,,.5,.5,3")
    runs = read_runs(path)
    with pytest.raises(CuveeError, match="1 of 2 runs lack a loss, first run '1' on 't'"):
        runs.complete(refuse=True)
    assert runs.complete().names == ("2",)
    with pytest.raises(CuveeError, match="no run is left: choose fewer targets"):
        runs.rows(slice(0, 1)).complete()


def test_missing_file_and_unknown_form(tmp_path):
    with pytest.raises(CuveeError, match="cannot read"):
        read_runs(tmp_path / "nothing.csv")
    with pytest.raises(CuveeError, match="cannot read"):
        read_runs(tmp_path / "nothing.parquet")
    with pytest.raises(CuveeError, match="form of a run table"):
        write_runs(made(), tmp_path / "x", "excel")


def test_names():
    assert made().sources == SOURCES
    assert made().targets == TARGETS
