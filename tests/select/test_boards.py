"""Tasks with planted faults: what is planted, what is scored, and the same boards every time."""

import sys
from argparse import Namespace
from dataclasses import replace

import numpy as np
import orjson
import pytest

import cuvee
from cuvee import boards, select
from cuvee.boards import TASKS, board, made, publish, tasks_of
from cuvee.boards.data import RIDGE, Judge, Split, mislabelled, table, uneven
from cuvee.boards.sellers import PLANS, SELLERS, SHOWN
from cuvee.boards.standings import Boards, Entry, Standing, interval
from cuvee.boards.tasks import GOOD, MORE_WRONG, WRONG, Measure
from cuvee.cli.board import board as command
from cuvee.core import CuveeError, Estimate
from cuvee.core.run_files import rows_of

KINDS = ["selection/digits", "selection/text", "debugging/cancer", "acquisition/digits"]


def small(**changed):
    asked = {"task": "debugging/text", "methods": "ccs,facility_location", "seeds": 2} | changed
    return board(asked.pop("task"), **asked)


def test_same_seed_same_board_to_the_bit():
    first, second = small(workers=1), small(workers=2)
    assert first.digest == second.digest
    assert orjson.dumps(first.to_dict()) == orjson.dumps(second.to_dict())
    assert first.digest != small(seed=1).digest
    again = made.__wrapped__("debugging/text", 0)
    assert np.array_equal(again.table.points, made("debugging/text", 0).table.points)


def test_all_tries_of_a_question_count():
    found = small(task="debugging", methods="ccs", seeds=1)
    assert [standing.tries for standing in found.standings] == [3, 3, 3]


def test_score_based_method_finds_wrong_labels_and_a_cover_does_not():
    standing = small(seeds=3)["debugging/text"]
    assert standing.entries[0].name == "ccs"
    assert standing.better() == ["ccs"]
    found = {entry.name: float(standing.score(entry).mean) for entry in standing.entries}
    assert found["ccs"] > 0.6
    assert abs(found["random"] - MORE_WRONG) < 0.05
    assert "ccs is best; 1 of 2 beat" in standing.sentence()


@pytest.mark.parametrize("name", ["selection/digits", "selection/text", "debugging/cancer"])
def test_faults_are_planted_as_stated(name):
    this = made(name, 0)
    part = WRONG if name.startswith("selection") else MORE_WRONG
    assert np.sum(this.table.labels != this.right) == round(part * len(this.pool))
    assert np.array_equal(this.pool.need("labels"), this.table.labels)
    if name.startswith("selection"):
        sizes = np.bincount(this.right, minlength=this.table.classes)
        assert sizes.max() > 4 * sizes.min()
    rating, right = this.pool.need("quality"), this.table.labels == this.right
    assert 0.2 < rating[right].mean() - rating[~right].mean() < 1
    held = {row.tobytes() for row in this.judge.points.astype(np.float32)}
    for rows in (this.table, this.target):
        assert not held & {row.tobytes() for row in rows.points}
    assert not set(this.target.keys.tolist()) & set(this.pool.keys.tolist())
    assert np.unique(np.bincount(this.target.labels)).tolist() == [10]


def test_another_seed_plants_other_faults():
    one, other = (made("selection/digits", seed) for seed in (0, 1))
    assert len(set(one.pool.keys.tolist()) & set(other.pool.keys.tolist())) < len(one.pool) / 2


def test_sellers_differ_as_stated():
    for seed in range(3):
        this = made("acquisition/digits", seed)
        assert len(this.stocks) == len(this.samples) == len(SELLERS)
        assert {len(rows) for rows in this.samples} == {SHOWN}
        keys = np.concatenate([rows.keys for rows in (*this.samples, *this.stocks)])
        assert len(np.unique(keys)) == len(keys), "no row is sold twice"
        classes = [len(np.unique(rows.labels)) for rows in this.stocks]
        assert min(classes) >= this.target.classes // 2
        assert this.budget < this.prices @ this.stock / 3
        assert (this.pool.sizes >= 1).all()


def test_narrow_sellers_have_half_of_the_classes_but_for_wrong_labels():
    this = made("acquisition/text", 0)
    top = [np.sort(np.bincount(r.labels, minlength=6) / len(r))[::-1] for r in this.stocks]
    assert sum(shares[:3].sum() > 0.9 for shares in top) == 2


def test_judge_tells_clean_classes_and_is_the_least_squares_solution():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=90)
    points = (4 * np.eye(3)[labels] + 0.3 * rng.standard_normal((90, 3))).astype(np.float32)
    judge = Judge(points[45:].astype(float), labels[45:], 3, 3.0)
    assert judge.score(points[:45], labels[:45]) == 1
    assert judge.score(points[:0], labels[:0]) == pytest.approx(1 / 3)
    only = judge.score(points[:45][labels[:45] == 1], labels[:45][labels[:45] == 1])
    assert only == pytest.approx(1 / 3), "accuracy is a mean over classes"
    x = points[:45].astype(float)
    near = np.exp(-((x[:, None] - x) ** 2).sum(axis=2) / 9)
    solution = np.linalg.inv(near + RIDGE * np.eye(45)) @ np.eye(3)[labels[:45]]
    there = np.exp(-((judge.points[:, None] - x) ** 2).sum(axis=2) / 9)
    assert np.allclose(judge.weights(points[:45]) @ np.eye(3)[labels[:45]], there @ solution)


def test_looking_at_rows_equals_training_again_each_time():
    this = made("debugging/cancer", 1)
    order = np.random.default_rng(0).permutation(len(this.pool))
    found, part = this.score((order,))
    enough = GOOD * this.judge.score(this.table.points, this.right)
    labels, looked = this.table.labels.copy(), 0
    while this.judge.score(this.table.points, labels) < enough:
        labels[order[looked]] = this.right[order[looked]]
        looked += 1
    assert looked > 10
    assert part == looked / len(order)
    wrong = this.table.labels != this.right
    assert found == wrong[order[: wrong.sum()]].mean()


def test_best_and_worst_answers_to_debugging():
    this = made("debugging/text", 0)
    wrong = this.table.labels != this.right
    best = np.argsort(~wrong, kind="stable")
    assert this.score((best,))[0] == 1
    assert this.score((best[::-1],))[0] == 0
    assert this.score((best[:1],)).tolist() == [1 / wrong.sum(), 1.0], "the rest is never seen"
    assert this.score((best[:0],))[0] == 0


def test_right_labels_are_worth_more_than_wrong_ones():
    this = made("selection/digits", 0)
    right = np.flatnonzero(this.table.labels == this.right)
    wrong = np.flatnonzero(this.table.labels != this.right)
    assert this.score((right,))[0] > this.score((np.arange(len(this.pool)),))[0] + 0.02
    assert this.score((wrong,))[0] < 0.3


@pytest.mark.parametrize("name", ["random", "csi", "ccs", "rds", "uniform", "cheapest"])
def test_no_buyer_spends_more_than_the_budget_and_none_wastes_it(name):
    for seed in range(3):
        this = made("acquisition/digits", seed)
        plan = PLANS[name](this) if name in PLANS else this.play(select.load(name), seed)
        assert (plan[0] >= 0).all()
        assert (plan[0] <= this.stock).all()
        spent = int(plan[0] @ this.prices)
        assert spent <= this.budget
        assert spent > 0.95 * this.budget
        assert np.array_equal(this.answer([np.arange(6), plan[0]])[0], plan[0])


def test_cheapest_buys_in_order_of_price():
    this = made("acquisition/digits", 0)
    bought = PLANS["cheapest"](this)[0][np.argsort(this.prices, kind="stable")]
    assert bought[0] == np.sort(this.stock)[0] == this.stock[np.argmin(this.prices)]
    assert (np.diff(bought) <= 0).all()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("task", "name"),
    [("debugging/text", "ccs"), ("acquisition/digits", "random"), ("selection/digits", "random")],
)
def test_an_answer_from_a_file_scores_as_the_method_that_gave_it(tmp_path, task, name, suffix):
    lines = []
    for seed in (0, 1):
        plan = made(task, seed).play(select.load(name), seed * boards.DRAWS)
        if task.startswith("acquisition"):
            lines += [{"seed": seed, "seller": i, "rows": int(n)} for i, n in enumerate(plan[0])]
        else:
            lines += [{"seed": seed, "row": int(row)} for row in plan[-1]]
    path = tmp_path / f"answer{suffix}"
    save(path, lines)
    standing = board(task, methods=name, submit=path)[task]
    assert standing.seeds == (0, 1)
    own = standing.entry(boards.OWN).values
    for seed in (0, 1):
        plan = made(task, seed).play(select.load(name), seed * boards.DRAWS)
        assert own[seed, -1] == made(task, seed).score(plan)[-1]
    if name == "ccs":
        assert np.array_equal(own, standing.entry("ccs").values)


def save(path, lines):
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    rows = pa.Table.from_pylist(lines)
    if path.suffix == ".csv":
        pc.write_csv(rows, str(path))
    else:
        pq.write_table(rows, str(path))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("task", KINDS)
def test_public_part_holds_what_methods_see_and_nothing_else(tmp_path, task, suffix):
    out = tmp_path / f"task{suffix}"
    files = publish(task, out, seed=3, seeds=1)
    rules = orjson.loads(files[1].read_bytes())
    rows, this = rows_of(str(out)), made(task, 3)
    assert rules["task"] == task
    assert list(rules["seeds"]) == ["3"]
    assert {row["part"] for row in rows} <= {"pool", "target", "sample"}
    first = "sample" if task.startswith("acquisition") else "pool"
    shown = [row for row in rows if row["part"] == first]
    assert len(shown) == len(this.pool)
    assert [int(row["label"]) for row in shown] == this.pool.need("labels").tolist()
    points = np.array([[float(row[f"x{i}"]) for row in shown] for i in range(2)]).T
    assert np.allclose(points, this.pool.need("points")[:, :2], atol=1e-6)
    assert len(rows) == len(shown) + len(this.target)
    known = {"seed", "part", "row", "label", "rating", "text", "seller"}
    assert {name for name in rows[0] if not name.startswith("x")} <= known
    if task.startswith("acquisition"):
        offers = rules["seeds"]["3"]["sellers"]
        assert [offer["price"] for offer in offers] == this.prices.tolist()
        assert rules["seeds"]["3"]["budget"] == this.budget
    assert publish(task, out, seed=3, seeds=1) == files, "the same once more changes nothing"
    out.write_bytes(b"mine")
    with pytest.raises(CuveeError, match="exists"):
        publish(task, out, seed=3, seeds=1)
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("task", "lines", "said"),
    [
        ("selection/text", [{"row": 100_000}], "seed 0: there is no row 100000: expected 0 to"),
        ("selection/text", [{"row": -1}], "there is no row -1"),
        ("selection/text", [{"row": 3}, {"row": 5}, {"row": 3}], "row 3 stands there twice"),
        ("selection/text", [{"row": i} for i in range(300)], "300 rows are too many: expected at"),
        ("selection/text", [{"line": 3}], "has no column 'row': it has line"),
        ("selection/text", [{"row": 1.5}], "row 1: row: expected a whole number, got '1.5'"),
        ("selection/text", [{"row": "one"}], "expected a whole number, got 'one'"),
        ("selection/text", [{"row": 1, "seed": -4}], "seed -4: expected 0 or more"),
        ("debugging/text", [{"row": 2}, {"row": 2}], "row 2 stands there twice"),
        ("acquisition/digits", [{"seller": 9, "rows": 1}], "there is no seller 9: expected 0 to 5"),
        ("acquisition/digits", [{"seller": 1, "rows": 1}] * 2, "seller 1 stands there twice"),
        ("acquisition/digits", [{"seller": 1, "rows": 9999}], "9999 rows of seller 1: expected 0"),
        ("acquisition/digits", [{"seller": i, "rows": 150} for i in range(6)], "and the budget is"),
        ("acquisition/digits", [{"row": 1}], "has no column 'seller'"),
    ],
)
def test_answers_that_break_the_rules(tmp_path, task, lines, said):
    path = tmp_path / "answer.csv"
    save(path, lines)
    with pytest.raises(CuveeError) as error:
        board(task, methods="random", submit=path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"task": "debuging"}, "Did you mean 'debugging'"),
        ({"task": "debugging/digit"}, "Did you mean 'debugging/digits'"),
        ({"methods": "cccs"}, "Did you mean 'ccs'"),
        ({"seeds": 0}, "expected 1 seed or more"),
        ({"seed": -1}, "expected 1 seed or more"),
        ({"methods": "csi"}, "csi was not run on debugging/text: it needs groups"),
        ({"methods": "random"}, "random is on every board: name a method to put beside it"),
        ({"task": "debugging", "submit": "x.csv"}, "--submit is for one task on one data set"),
        ({"submit": "nowhere.csv"}, "cannot read nowhere.csv"),
    ],
)
def test_bad_questions(asked, said):
    with pytest.raises(CuveeError) as error:
        small(**asked)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_places_to_write(tmp_path):
    with pytest.raises(CuveeError, match=r"\.csv or \.parquet"):
        publish("debugging/text", tmp_path / "task.txt")
    with pytest.raises(CuveeError, match="--write is for one task"):
        publish("debugging", tmp_path / "task.csv")


def test_without_scikit_learn_the_planted_text_is_left(monkeypatch):
    from cuvee.boards import data

    monkeypatch.setitem(sys.modules, "sklearn", None)
    data.bundled.cache_clear()
    made.cache_clear()
    with pytest.raises(CuveeError, match=r"cuvee\[sklearn\]"):
        small(task="debugging/digits")
    found = small(task="debugging", methods="ccs", seeds=1)
    assert [standing.task for standing in found.standings] == ["debugging/text"]
    assert any("debugging/digits is left out" in note for note in found.notes)


def test_intervals_are_student_t_over_seeds_and_none_for_one():
    from scipy import stats

    draws = np.array([0.7, 0.75, 0.72, 0.81])
    low, high = interval(Estimate(draws, "accuracy", "seeds"), 0.9)
    want = stats.t.interval(0.9, 3, draws.mean(), stats.sem(draws))
    assert (low, high) == pytest.approx(want)
    assert np.isnan(interval(Estimate(draws[:1], "accuracy", "none"))).all()
    said = small(seeds=1).to_dict()["tasks"][0]
    assert said["entries"][0]["score"]["low"] is None
    assert said["better_than_random"] == []
    assert "with one seed nobody knows" in said["sentence"]


def test_luck_among_many_is_no_victory():
    measure = (Measure("score", "accuracy"),)
    base = np.array([0.5, 0.5, 0.5, 0.5, 0.5])[:, None]
    lucky = base + np.array([[0.1], [0.01], [0.06], [0.02], [0.05]])
    few = Standing("debugging/x", measure, (Entry("a", lucky), Entry("random", base)), (0,) * 5)
    assert few.better() == ["a"]
    assert replace(few, tries=40).better() == [], "tries on other tasks count, too"
    more = tuple(Entry(f"b{i}", base) for i in range(30))
    many = Standing("debugging/x", measure, (*few.entries, *more), (0,) * 5)
    assert many.better() == []
    assert many.sentence() == "Nobody beats random choice here."


def test_helpers_plant_what_they_say():
    rng = np.random.default_rng(0)
    labels = rng.integers(5, size=1000)
    wrong = mislabelled(labels, 5, 0.3, rng)
    assert np.sum(wrong != labels) == 300
    assert np.sum((wrong - labels) % 5 == 1) > 150
    sizes = np.bincount(labels[uneven(labels, 5, rng)])
    assert sizes.max() / sizes.min() > 5
    split = Split.of(table("cancer", 0), rng, 7)
    assert sum(map(len, (split.rest, split.target, split.held))) == len(table("cancer", 0))
    assert np.bincount(split.target.labels).tolist() == [7, 7]


def test_tables_fit_a_terminal():
    text = str(small())
    assert "debugging/text: which labels are wrong (2 seeds" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "Hash of the boards: " in text
    assert "to look at" in text
    assert tasks_of("acquisition") == ["acquisition/digits", "acquisition/text"]
    assert tasks_of("all") == list(TASKS)
    assert isinstance(cuvee.boards.board("debugging/text", methods="ccs", seeds=1), Boards)


def options(**changed):
    usual = {
        "task": "debugging/text", "methods": "ccs", "seeds": 2, "seed": 0, "submit": None,
        "write": None, "json": False, "quiet": False, "workers": 1, "engine": "local",
        "address": "",
    }  # fmt: skip
    return Namespace(**(usual | changed))


def test_command(capsys):
    command(options())
    out = capsys.readouterr().out
    assert "ccs is best" in out
    command(options(quiet=True))
    assert capsys.readouterr().out == ""


def test_command_writes_json_and_tasks(tmp_path, capsysbinary):
    command(options(json=True))
    found = orjson.loads(capsysbinary.readouterr().out)
    assert found["hash"] == small(methods="ccs").digest
    assert [e["name"] for e in found["tasks"][0]["entries"]] == ["ccs", "random"]
    command(options(write=str(tmp_path / "t.csv"), methods=None, json=True))
    assert orjson.loads(capsysbinary.readouterr().out)["files"][0].endswith("t.csv")
    with pytest.raises(CuveeError, match="leave out --submit and --methods"):
        command(options(write=str(tmp_path / "u.csv")))
