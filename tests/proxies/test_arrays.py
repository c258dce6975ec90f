"""Proxies for rows of tables: what is special to them, and the way from arrays to a blend."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier

import cuvee
from cuvee import CuveeError, proxies
from cuvee.cli import main
from cuvee.core import Trial
from cuvee.engine.local import Local
from cuvee.question import Question, open_question
from cuvee.sources import open_source
from cuvee.sources.table import read_rows
from cuvee.testing.proxies import TABLES, prepare, run
from cuvee.trials import prepare as prepare_question

NAMES = ("linear", "boosting", "neighbours")


def made(rows, seed, weights=(2.0, -1.0, 0.0), shift=0.0, classes=True):
    """A table whose labels follow some weights."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3)) + shift
    score = x @ np.array(weights) + rng.logistic(0, 0.5, rows)
    return x, (score > 0).astype(int) if classes else score


def trained(sources, target, proxy="linear", **settings):
    """The trainer of a question."""
    question = Question(sources, target=target, budget=100, proxy=proxy, **settings)
    return prepare_question(open_question(question, Local()))[0]


def scaled(x, like):
    return (x - like.mean(axis=0)) / like.std(axis=0)


def laplace(probabilities, rows):
    return (rows * probabilities + 1) / (rows + probabilities.shape[1])


def test_linear_is_what_scikit_learn_does():
    (x, y), (xv, yv) = made(300, 0), made(100, 1)
    loss = run(trained({"a": (x, y)}, (xv, yv)), [1.0], 300).losses.mean[0]
    model = LogisticRegression(C=1.0).fit(
        np.vstack([scaled(x, x), np.zeros((2, 3))]), np.r_[y, 0, 1]
    )
    assert_allclose(loss, log_loss(yv, laplace(model.predict_proba(scaled(xv, x)), 300)), rtol=1e-4)


def test_ridge_is_what_scikit_learn_does():
    (x, y), (xv, yv) = made(300, 0, classes=False), made(100, 1, classes=False)
    trainer = trained({"a": (x, y)}, (xv, yv), "linear:l2=5")
    model = Ridge(5.0).fit(scaled(x, x), (y - y.mean()) / y.std())
    wanted = np.mean((model.predict(scaled(xv, x)) - (yv - y.mean()) / y.std()) ** 2)
    outcome = run(trainer, [1.0], 300, per_token=True)
    assert_allclose(outcome.losses.mean[0], wanted)
    assert outcome.losses.unit == "squared error per variance of y"
    gauss = -0.5 * (np.log(2 * np.pi) + wanted)
    assert_allclose(np.mean(outcome.log_probs[0]), gauss)


def test_boosting_is_what_scikit_learn_does():
    (x, y), (xv, yv) = made(300, 0, classes=False), made(100, 1, classes=False)
    loss = run(trained({"a": (x, y)}, (xv, yv), "boosting"), [1.0], 300).losses.mean[0]
    model = HistGradientBoostingRegressor(
        max_iter=40, max_leaf_nodes=8, min_samples_leaf=10, max_bins=64, l2_regularization=1,
        early_stopping=False,
    ).fit(x, y)  # fmt: skip
    assert_allclose(loss, np.mean((model.predict(xv) - yv) ** 2) / y.var(), rtol=1e-6)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_neighbours_are_what_scikit_learn_finds(weights):
    (x, y), (xv, yv) = made(300, 0), made(100, 1)
    proxy = f"neighbours:k=9:weights={weights}"
    loss = run(trained({"a": (x, y)}, (xv, yv), proxy), [1.0], 300).losses.mean[0]
    model = KNeighborsClassifier(9, weights=weights).fit(scaled(x, x), y)
    assert_allclose(loss, log_loss(yv, laplace(model.predict_proba(scaled(xv, x)), 9)))


def test_more_tokens_are_the_same_rows_and_more():
    trainer = prepare(proxies.load("linear"), TABLES["two_classes"].data())
    few, many = (trainer._taken(Trial(np.full(3, 1 / 3), n)).x for n in (90, 240))
    other = trainer._taken(Trial(np.full(3, 1 / 3), 90, seed=1)).x
    assert (len(few), len(many)) == (90, 240)
    assert set(map(bytes, few)) < set(map(bytes, many))
    assert set(map(bytes, few)) != set(map(bytes, other))


def test_repeats_weigh_but_are_no_new_evidence():
    trainer = prepare(proxies.load("linear"), TABLES["two_classes"].data())
    once, thrice = (trainer._taken(Trial(np.eye(3)[0], n)) for n in (400, 1200))
    assert once.effective == pytest.approx(thrice.effective) == 400
    mixed = trainer._taken(Trial(np.array([0.75, 0.25, 0]), 1600))
    assert_allclose(np.unique(mixed.weight)[1] / np.unique(mixed.weight)[0], 3)
    assert mixed.effective == pytest.approx(1600**2 / (400 * 9 + 400))


@pytest.mark.parametrize("name", NAMES)
def test_missing_classes_are_unlikely_not_impossible(name):
    planted = TABLES["missing_classes"]
    trainer = prepare(proxies.load(name), planted.data())
    outcome = run(trainer, [0, 0, 0, 1], 300, per_token=True)
    worst = -min(logs.min() for logs in outcome.log_probs)
    assert np.log(3) < worst <= np.log(300 + 3) + 1e-9
    assert (run(trainer, [1, 0, 0, 0], 300).losses.mean < outcome.losses.mean).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [7, 3]])
def test_names_of_classes_change_nothing(name, labels):
    (x, y), target = made(200, 0), made(60, 1)
    plain = run(trained({"a": (x, y)}, target, name), [1.0], 150).losses.mean
    named = trained({"a": (x, np.array(labels)[y])}, (target[0], np.array(labels)[target[1]]), name)
    assert_allclose(run(named, [1.0], 150).losses.mean, plain, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("constant", "later"), [(1.0, 1.0), (0.1, 0.1), (0.1, 0.2)])
def test_scales_and_constant_features_change_nothing(name, constant, later):
    """Also a constant whose deviation is not 0 in floating point, and another in the target."""
    (x, y), (xv, yv) = made(200, 0), made(60, 1)
    wide = [
        np.c_[1e6 * part[:, :1], part[:, 1:] - 50, np.full(len(part), value)]
        for part, value in ((x, constant), (xv, later))
    ]  # fmt: skip
    plain = run(trained({"a": (x, y)}, (xv, yv), name), [1.0], 150).losses.mean
    found = run(trained({"a": (wide[0], y)}, (wide[1], yv), name), [1.0], 150).losses.mean
    assert_allclose(found, plain, rtol=1e-6)


def test_a_constant_quantity_in_the_sources_is_no_scale():
    x, xv = made(200, 0)[0], made(60, 1)[0]
    losses = [
        run(trained({"a": (x, np.full(200, level))}, (xv, np.linspace(0, 1, 60))), [1.0], 150)
        for level in (0.1, 0.125)
    ]  # fmt: skip
    assert_allclose(*(found.losses.mean for found in losses), rtol=0.1)
    assert 0.1 < losses[0].losses.mean[0] < 10
    with pytest.raises(CuveeError, match="nothing to predict"):
        trained({"a": (x, np.full(200, 0.3))}, (xv, np.full(60, 0.1 + 0.2)))


def test_merged_linear_runs_are_the_mean_of_parameters():
    trainer = prepare(proxies.load("linear"), TABLES["missing_classes"].data())
    ends = [Trial(row, 300.0) for row in np.eye(4)[:2]]
    merged = Trial(np.array([0.25, 0.75, 0, 0]), 600, merge=((0.25, ends[0]), (0.75, ends[1])))
    model, parts = trainer._model(merged), [trainer._model(end) for end in ends]
    assert_allclose(model.slopes, 0.25 * parts[0].slopes + 0.75 * parts[1].slopes)
    assert_allclose(model.level, 0.25 * parts[0].level + 0.75 * parts[1].level)
    alone = Trial(ends[0].shares, 300, merge=((1.0, ends[0]),))
    assert_allclose(
        trainer.run(alone, rng=None).losses.mean, trainer.run(ends[0], rng=None).losses.mean
    )
    assert trainer.run(merged, rng=None).cost == 0


@pytest.mark.parametrize("name", ["boosting", "neighbours"])
def test_what_has_no_parameters_is_not_merged(name):
    trainer = prepare(proxies.load(name), TABLES["two_classes"].data())
    end = Trial(np.eye(3)[0], 100.0)
    with pytest.raises(CuveeError, match=f"proxy '{name}' have no parameters to average"):
        trainer.run(Trial(end.shares, 100, merge=((1.0, end),)), rng=None)


BAD = {
    "no y": ({"a": made(50, 0)[0]}, made(20, 1), "source 'a' has no y, and the proxy 'linear'"),
    "target without y": ({"a": made(50, 0)}, made(20, 1)[0], "target 'target' has no y"),
    "widths": (
        {"a": made(50, 0), "b": (made(50, 1)[0][:, :2], made(50, 1)[1])}, made(20, 1),
        "source 'b' has 2 features and source 'a' 3: expected the same columns"),
    "kinds": (
        {"a": made(50, 0), "b": made(50, 1, classes=False)}, made(20, 1),
        "y of source 'b' holds numbers with a point, of source 'a' whole numbers"),
    "kind of target": (
        {"a": made(50, 0)}, made(20, 1, classes=False), "y of target 'target' holds numbers with"),
    "one class": (
        {"a": (made(50, 0)[0], np.zeros(50, int))}, (made(20, 1)[0], np.zeros(20, int)),
        "y is 0 in every row: there is nothing to predict"),
    "text beside rows": (
        {"a": made(50, 0), "b": ["some text", "more text"]}, made(20, 1),
        "'a' holds rows of numbers and 'b' text"),
    "text as target": ({"a": made(50, 0)}, ["some text"], "'a' holds rows of numbers and 'target'"),
    "text": (
        {"a": ["some text", "more text"]}, ["some words"],
        "the proxy 'linear' trains on rows of numbers, and these sources hold text"),
    "all set apart": ({"a": made(50, 0), "b": made(20, 1)}, made(20, 1), "stand in a target, too"),
    "one row to hold out": ({"a": made(50, 0), "b": (made(1, 1))}, "b", "cannot be held out"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_told_in_one_line(case):
    sources, target, message = BAD[case]
    with pytest.raises(CuveeError, match=message) as caught:
        trained(sources, target)
    assert "\n" not in str(caught.value)


def test_rows_are_nothing_for_a_proxy_of_text():
    with pytest.raises(CuveeError, match=r"'counts' reads text, .* take --proxy linear, boosting"):
        trained({"a": made(50, 0)}, made(20, 1), "counts")


def test_a_method_that_looks_at_words_refuses_rows():
    with pytest.raises(CuveeError, match="bimix_entropy looks at the words of the sources"):
        cuvee.blend({"a": made(50, 0), "b": made(50, 1)}, budget=40, proxy="linear",
                    method="bimix_entropy")  # fmt: skip


def test_a_tokenizer_cuts_no_rows(tmp_path):
    with pytest.raises(CuveeError, match="a tokenizer cuts text, and these are rows"):
        trained({"a": made(50, 0)}, made(20, 1), tokenizer=str(tmp_path / "tokenizer.json"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("linear:l2=0", "l2 must be above 0"), ("linear:smoothing=0", "smoothing above 0"),
        ("boosting:trees=0", "trees >= 1"), ("boosting:learning_rate=2", "learning_rate above 0"),
        ("boosting:bins=999", "bins from 2 to 255"), ("neighbours:k=0", "k of at least 1"),
        ("neighbours:weights=far", "uniform or distance"), ("neighbours:draws=0", "draws of at le"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(name, message):
    with pytest.raises(CuveeError, match=message):
        proxies.load(name)


@pytest.mark.parametrize("name", NAMES)
def test_small_sources_and_zero_shares(name):
    trainer = trained({"a": made(1, 0), "b": made(60, 1), "c": made(30, 2)}, made(20, 3), name)
    assert trainer.available.tolist() == [1, 60, 30]
    for shares in ([1, 0, 0], [0, 1, 0], [0.5, 0, 0.5]):
        assert np.isfinite(run(trainer, shares, 40).losses.draws).all()
    empty = prepare(proxies.load(name), TABLES["two_classes"].data(fewer={"c": 0}))
    with pytest.raises(CuveeError, match="'c' holds no rows, and the mixture asks for some"):
        run(empty, [0.5, 0, 0.5], 40)


@pytest.mark.parametrize("name", NAMES)
def test_one_target_row_has_no_spread(name):
    losses = run(trained({"a": made(80, 0)}, made(1, 1), name), [1.0], 50).losses
    assert losses.spread == "none"
    assert np.isnan(losses.sd).all()


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "cuvee.proxies.linear", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(CuveeError, match=r'library \'sklearn\'.*pip install "cuvee\[sklearn\]"'):
        proxies.load("linear")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Files: `clinic` follows the target's rule, `lab` the opposite one."""
    folder = tmp_path_factory.mktemp("tables")
    parts = {
        "clinic": made(400, 0), "lab": made(400, 1, weights=(-2.0, 1.0, 0.0)), "val": made(150, 2)
    }  # fmt: skip
    for name, (x, y) in parts.items():
        np.savez(folder / f"{name}.npz", x=x.astype(np.float32), y=y)
    return folder


def test_blend_of_arrays_prefers_the_source_that_helps(tables):
    x, y = (np.load(tables / "clinic.npz")[name] for name in "xy")
    answer = cuvee.blend(
        {"clinic": (x, y), "lab": tables / "lab.npz"}, target=made(150, 2), budget=300,
        proxy="linear", method="surrogate",
    )  # fmt: skip
    assert answer.shares.mean[0] > 0.8
    assert answer.to_dict()["token"] == "rows"
    assert answer.survey.available.tolist() == [400, 400]


def test_command_line_writes_rows_that_can_be_read_again(tables, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tables)
    out = tmp_path / "mixed"
    words = ["blend", "clinic=clinic.npz", "lab=lab.npz", "--target", "val.npz", "--budget", "200",
             "--proxy", "linear", "--method", "uniform"]  # fmt: skip
    assert main([*words, "--out", str(out), "--format", "jsonl.zst"]) == 0, capsys.readouterr()
    rows = read_rows(open_source("mixed", str(out / "data")))
    assert rows.x.shape == (200, 3)
    known = {name: np.load(f"{name}.npz") for name in ("clinic", "lab")}
    for name, taken in (("clinic", 100), ("lab", 100)):
        x = {row.tobytes(): label for row, label in zip(known[name]["x"], known[name]["y"])}
        keys = [row.tobytes() for row in rows.x.astype(np.float32)]
        mine = [i for i, key in enumerate(keys) if key in x]
        assert len(mine) == taken
        assert_array_equal(rows.labels[mine], [x[keys[i]] for i in mine])
    again = tmp_path / "again"
    assert main(["rerun", str(out / "recipe.json"), "--out", str(again)]) == 0
    for file in sorted((out / "data").iterdir()):
        assert file.read_bytes() == (again / "data" / file.name).read_bytes()


def test_a_part_of_a_source_is_held_out(tables):
    question = Question({n: f"{tables}/{n}.npz" for n in ("clinic", "lab")}, target="clinic",
                        budget=100, proxy="neighbours", target_tokens=25)  # fmt: skip
    trainer, survey = prepare_question(open_question(question, Local()))
    held = len(trainer.asked[0])
    assert 20 <= held <= 30
    assert trainer.available.tolist() == [400 - held, 400]
    assert survey.left_out == (held, 0)


def test_rows_of_the_target_are_set_apart():
    (x, y), (xv, yv) = made(100, 0), made(40, 1)
    both = np.vstack([x, xv, xv[:5]]), np.r_[y, yv, yv[:5]]
    question = Question({"a": both, "b": made(50, 2)}, target=(xv, yv), budget=50, proxy="linear")
    _, survey = prepare_question(open_question(question, Local()))
    assert survey.left_out == (45, 0)
    assert survey.available.tolist() == [100, 50]


def test_a_recipe_says_that_arrays_were_in_memory():
    question = Question(
        {"a": {"x": made(9, 0)[0], "y": made(9, 0)[1]}, "b": made(9, 1)}, budget=5, proxy="linear",
        target={"x": made(9, 2)[0], "y": made(9, 2)[1]},
    )  # fmt: skip
    opened = open_question(question, Local())
    assert opened.recipe.settings["sources"] == {"a": "(in memory)", "b": "(in memory)"}
    assert opened.recipe.settings["target"] == "(in memory)"
    assert [t.name for t in opened.data.targets] == ["target"]


@pytest.mark.parametrize("method", ["odm", "doremi"])
def test_other_mixers_train_on_rows(tables, method):
    answer = cuvee.blend(
        {name: f"{tables}/{name}.npz" for name in ("clinic", "lab")}, budget=200,
        proxy="linear", method=method,
    )  # fmt: skip
    assert answer.shares.mean.sum() == pytest.approx(1)
    assert answer.losses.unit == "nats per row"
