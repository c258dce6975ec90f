"""What the driver, the question and the answer promise beside the rooms' own contracts."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import cuvee
from cuvee.core import CuveeError, Estimate, Problem
from cuvee.driver import rounded
from cuvee.question import Question

CODE = [f"def f{i}(x):\n    return x + {i}\n" for i in range(300)]
PROSE = [f"The {i}th guest came late, said little and left early." for i in range(300)]
BOTH = {"code": CODE, "prose": PROSE}


def lines(texts, field="text"):
    return "".join(json.dumps({field: text}) + "\n" for text in texts)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("code.jsonl").write_text(lines(CODE))
    Path("prose.jsonl").write_text(lines(PROSE, "body"))
    return {"code": "code.jsonl", "prose": "prose.jsonl"}


@dataclass(frozen=True)
class Answers:
    """A mixer whose answer is given."""

    answer: object = None

    def propose(self, study, *, rng):
        return ()

    def recommend(self, study, *, rng):
        return self.answer


def shares(*numbers):
    return Estimate(np.array([numbers], float), "share", "exact")


@pytest.mark.parametrize(
    "answer", [shares(1, 1), shares(0.2, 0.2), shares(float("nan"), 1), shares(-1, 2),
               shares(0.2, 0.3, 0.5), [0.5, 0.5]],
)  # fmt: skip
def test_a_mixer_that_recommends_no_shares_is_refused(answer, monkeypatch):
    monkeypatch.setattr("cuvee.mix.load", lambda name: Answers(answer))
    with pytest.raises(CuveeError, match="check_mixer"):
        cuvee.blend(BOTH, target="code", budget="2k")


def test_equal_mixtures_are_equal():
    """Only on the answer's losses is the optimism laid; an equal rival shares them."""
    answer = cuvee.blend(BOTH, target="code", budget="1k")
    assert answer.shares.mean[0] == pytest.approx(1, abs=1e-5)
    assert answer.probability_better("own_share") == 0.5


def test_rounding_keeps_the_limits():
    problem = Problem.of(["a", "b", "c"], ["t"], [150.0, 1e9, 1e9], 10**9)
    found = rounded(shares(6e-7, 0.5, 0.4999994), problem).mean
    assert found[0] <= problem.high[0]
    assert found.sum() == pytest.approx(1, abs=1e-12)
    third = Problem.of(["a", "b", "c"], ["t"], [1e6] * 3, 1000, limits=cuvee_limits(1 / 3))
    assert (rounded(shares(1 / 3, 1 / 3, 1 / 3), third).mean >= third.low).all()


def cuvee_limits(floor):
    from cuvee.core import Limits

    return Limits(min_share=floor)


def test_sources_that_are_not_named_keep_their_cap():
    _, high = Question(BOTH, max_epochs={"code": 2}).limits.box(
        ["code", "prose"], np.array([100.0, 100.0]), 500
    )
    assert high.tolist() == [0.4, 0.8]


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"max_epochs": {"cod": 2}}, "Did you mean 'code'"),
        ({"fixed": {"code": 0.1}, "min_share": 0.2}, "below its min_share"),
        ({"min_share": 2}, "between 0 and 1, got 2"),
        ({"objective": None}, "objective: expected str"),
        ({"method": 3}, "method: expected str"),
        ({"target_tokens": "5"}, "target_tokens: expected int"),
        ({"fixed": "a=.3"}, "fixed: expected Mapping"),
        ({"seed": 10**20}, "the seed must be"),
        ({"max_epochs": [4]}, "max_epochs: expected"),
    ],
)
def test_settings_are_refused_before_anything_is_read(settings, part):
    def never():
        raise AssertionError("the source was read")

    with pytest.raises(CuveeError, match=part):
        cuvee.blend({"code": never, "prose": never}, **settings)


def test_text_columns_by_source(files):
    answer = cuvee.blend(files, target="code", budget="1k", text={"prose": "body"})
    assert answer.problem.sources == ("code", "prose")
    with pytest.raises(CuveeError, match="Did you mean 'prose'"):
        cuvee.blend(files, target="code", budget="1k", text={"prse": "body"})


def test_input_that_changed_before_writing_is_refused(files):
    answer = cuvee.blend(files, target="prose", budget="1k")
    Path("code.jsonl").write_text(lines([text.replace("x", "y") for text in CODE]))
    with pytest.raises(CuveeError, match=r"code\.jsonl of source 'code' changed"):
        answer.write("out")
    assert not Path("out/manifest.json").exists()


def test_a_function_must_give_the_same_texts_each_time(tmp_path):
    calls = []

    def other():
        calls.append(1)
        return (f"{text} {len(calls)}" for text in PROSE)

    answer = cuvee.blend({"code": CODE, "prose": other}, target="code", budget="1k")
    with pytest.raises(CuveeError, match="changed while cuvee was at work"):
        answer.write(tmp_path / "never")


def test_two_writers_of_one_folder(files):
    pytest.importorskip("fcntl")
    answer = cuvee.blend(files, target="code", budget="1k")
    hold = (
        "import fcntl, pathlib, sys\n"
        "pathlib.Path('out/.cuvee').mkdir(parents=True)\n"
        "file = open('out/.cuvee/lock', 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", hold], **pipes) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(CuveeError, match="another process is writing to out"):
            answer.write("out")
        other.communicate()
    answer.write("out")


def test_an_answer_from_memory_says_how_to_repeat_it(tmp_path):
    answer = cuvee.blend(BOTH, target="code", budget="1k")
    assert answer.to_dict()["can_rerun"] is False
    answer.report(tmp_path / "report.html")
    assert "cuvee rerun" not in (tmp_path / "report.html").read_text()
    assert len(repr(answer)) < 200
