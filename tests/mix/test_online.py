"""Mixers that decide while training: formulas by hand, chains, budgets, limits, bad settings."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee.core import CuveeError, Estimate, Outcome, Problem, Study, Trial, stream
from cuvee.mix import online
from cuvee.mix.aioli import Aioli, share_of_fall, smoothed_one_hot
from cuvee.mix.doge import Doge, scores
from cuvee.mix.doremi import Doremi, excess
from cuvee.mix.dump import Dump, learnability
from cuvee.mix.dump import upper as dump_upper
from cuvee.mix.exp3_flad import Exp3Flad, alignment, estimate
from cuvee.mix.odm import Odm
from cuvee.mix.skill_it import SkillIt, skills
from cuvee.mix.ucb1_flad import Ucb1Flad, optimistic, upper

EVERY = [
    Odm(), Odm(variant="released"), Exp3Flad(), Ucb1Flad(), Dump(), Doremi(), Doremi(rounds=3),
    Doge(), SkillIt(), Aioli(), Aioli(ema=0.1),
]  # fmt: skip
GRADIENTS = (Exp3Flad(), Ucb1Flad(), Doge())


class Counting:
    """A trainer whose losses fall with the tokens seen, of the source itself most of all."""

    def __init__(self, help_: np.ndarray, gradient: bool = True):
        self.help, self.gradient = help_, gradient

    def run(self, trial: Trial) -> Outcome:
        seen = self.help @ trial.seen() / 1e4
        slope = -0.3 * ((1 + seen) ** -1.3)[:, None] * self.help * trial.tokens / 1e4
        return Outcome(
            Estimate((1 + (1 + seen) ** -0.3)[None], "nats per token", "none"),
            cost=trial.cost(),
            gradient=slope if self.gradient and trial.gradient == "mean" else None,
        )


def problem_of(k=3, objective="mean", available=None, spend=np.inf, **settings) -> Problem:
    names = [f"s{i}" for i in range(k)]
    amounts = np.full(k, 1e6) if available is None else available
    return Problem.of(names, names, amounts, 100_000, objective, spend=spend, **settings)


def helping(k=3, across=0.1):
    return np.full((k, k), across) + (1 - across) * np.eye(k)


def explore(mixer, problem, trainer=None):
    trainer, study = trainer or Counting(helping(len(problem.sources))), Study(problem)
    while trials := mixer.propose(study, rng=stream(0)):
        study = study.record(trials, tuple(trainer.run(t) for t in trials))
    return study, mixer.recommend(study, rng=stream(0)).mean


@pytest.mark.parametrize("mixer", EVERY, ids=str)
def test_the_last_chain_is_as_long_as_the_budget(mixer):
    study, _ = explore(mixer, problem_of())
    chain = study.trials[-1].chain()
    assert sum(t.tokens for t in chain) == pytest.approx(100_000)
    assert all(leg in study.trials for leg in chain)


@pytest.mark.parametrize("spend", [30_000, 50_000, 100_000])
@pytest.mark.parametrize("gradient", [True, False])
@pytest.mark.parametrize("mixer", EVERY, ids=str)
def test_no_more_is_spent_than_allowed(mixer, gradient, spend):
    study, _ = explore(mixer, problem_of(spend=spend), Counting(helping(), gradient))
    assert study.spent <= spend * (1 + 1e-9)
    assert study.spent >= spend / 3


@pytest.mark.parametrize("mixer", EVERY, ids=str)
def test_a_single_source_gets_everything(mixer):
    assert explore(mixer, problem_of(1))[1] == pytest.approx([1.0])


@pytest.mark.parametrize("mixer", EVERY, ids=str)
def test_unfinished_is_said(mixer):
    with pytest.raises(CuveeError, match="run the trials that it proposes first"):
        mixer.recommend(Study(problem_of()), rng=stream(0))


@pytest.mark.parametrize("mixer", EVERY, ids=str)
def test_a_study_whose_trials_were_copied_is_resumed(mixer):
    """As after reading it from a file: equal trials, other objects."""
    study, answer = explore(mixer, problem_of())
    copies: dict[int, Trial] = {}
    for trial in study.trials:
        after = copies.get(id(trial.after))
        copies[id(trial)] = replace(trial, shares=trial.shares.copy(), after=after)
    copied = replace(study, trials=tuple(copies.values()))
    assert mixer.propose(copied, rng=stream(7)) == ()
    assert np.array_equal(mixer.recommend(copied, rng=stream(7)).mean, answer)


@pytest.mark.parametrize("mixer", GRADIENTS, ids=str)
def test_short_runs_stand_in_for_a_gradient(mixer):
    """The same source is favoured either way."""
    problem = problem_of(objective="s1")
    known = explore(mixer, problem)[1]
    study, found = explore(mixer, problem, Counting(helping(), gradient=False))
    assert len(study.trials) > mixer.steps
    assert np.argmax(known) == np.argmax(found) == 1
    assert np.abs(known - found).max() < 0.12


@pytest.mark.parametrize("mixer", [*GRADIENTS, SkillIt(), Aioli()], ids=str)
def test_those_that_look_at_the_target_follow_it(mixer):
    shares = explore(mixer, problem_of(4, objective="s2"), Counting(helping(4)))[1]
    assert np.argmax(shares) == 2
    assert shares[2] > 0.3


def test_methods_of_worst_loss_help_the_worst():
    help_ = helping()
    help_[2, 2] = 0.3
    for mixer in (Doge(), SkillIt(), Aioli(), Exp3Flad()):
        shares = explore(mixer, problem_of(objective="worst"), Counting(help_))[1]
        assert np.argmax(shares) == 2, mixer


# Exp3 and its relatives


def test_exploration_by_hand():
    assert online.exploration(1, 4) == pytest.approx(0.25)
    assert online.exploration(100, 4) == pytest.approx(np.sqrt(np.log(4) / 400))
    assert online.exploration(5, 1) == 0


def test_exp3_by_hand():
    e4, e5 = (np.sqrt(np.log(2) / (2 * t)) for t in (4, 5))
    powers = np.exp(e4 * np.array([3.0, 1.0]))
    expected = (1 - 2 * e5) * powers / powers.sum() + e5
    assert online.exp3(np.array([3.0, 1.0]), 5) == pytest.approx(expected)


def test_odm_rewards_by_hand():
    count, policy = np.array([1, 3]), np.array([0.2, 0.8])
    past, losses = np.array([1.0, 2.0]), np.array([2.0, 4.0])
    paper = Odm().rewards(past, losses, count, policy)
    assert paper == pytest.approx([0.9 + 0.1 * 2 / 4 / 0.2, 1.8 + 0.1 * 3 * 4 / 4 / 0.8])
    released = Odm(variant="released").rewards(past, losses, np.array([0, 4]), policy)
    assert released == pytest.approx([1.0, 1.8 + 0.1 * np.exp(4)])


def test_odm_estimates_the_losses_without_bias():
    rng, policy, losses = np.random.default_rng(0), np.array([0.1, 0.3, 0.6]), np.array([1, 2, 3.0])
    odm = Odm(smoothing=0.0)
    found = [
        odm.rewards(np.zeros(3), losses, online.played(policy, 8, rng), policy) for _ in range(4000)
    ]
    assert np.mean(found, axis=0) == pytest.approx(losses, rel=0.05)


def test_odm_released_is_linear():
    e = online.exploration(9, 2)
    policy = Odm(variant="released").policy(np.array([3.0, 1.0]), 9)
    assert policy == pytest.approx([(1 - 2 * e) * 0.75 + e, (1 - 2 * e) * 0.25 + e])


def test_odm_warms_up_on_natural_shares_for_as_long_as_it_is_told():
    problem = problem_of(available=np.array([98e6, 1e6, 1e6]))
    natural = problem.available / problem.available.sum()
    for warmup, steps in ((0.0, 0), (0.2, 2), (0.25, 3)):
        odm = Odm(steps=10, warmup=warmup, plays=10_000)
        shares = explore(odm, problem)[0].shares
        far = np.abs(shares - natural).max(axis=1)
        assert (far[:steps] < 0.02).all()
        assert far[steps:].min() > 0.1, "the bandit starts here"


def test_odm_starts_with_equal_shares_without_a_warmup():
    for odm in (Odm(), Odm(variant="released")):
        assert odm.policy(np.zeros(4), 0) == pytest.approx(np.full(4, 0.25))
        assert np.isfinite(odm.policy(np.ones(4), 0)).all()


def test_odm_ties_uniform_on_like_sources_and_starts_natural():
    study, shares = explore(Odm(), problem_of(available=np.array([8e6, 1e6, 1e6])))
    assert study.trials[0].shares[0] > 0.5
    uniform = explore(Odm(), problem_of())[1]
    assert np.abs(uniform - 1 / 3).max() < 0.03
    assert shares[0] < 1 / 3


def test_odm_plays_what_is_learned_worst():
    help_ = helping()
    help_[0, 0] = 0.2
    for variant in ("paper", "released"):
        assert np.argmax(explore(Odm(variant=variant), problem_of(), Counting(help_))[1]) == 0


def test_similarity_is_the_cosine_when_the_target_is_text_of_a_source():
    g = np.random.default_rng(0).normal(size=(4, 30))
    outcome = Outcome(Estimate(np.ones((1, 4)), "nats per token", "none"), 1.0, gradient=-g @ g.T)
    leg = online.Leg(Trial(np.full(4, 0.25), 1.0), outcome)
    lengths = np.linalg.norm(g, axis=1)
    one, _ = alignment(problem_of(4, objective="s1"), lambda: [], leg, 1.0, np.array([0]), 9.0)
    assert one == pytest.approx(g @ g[1] / lengths / lengths[1])
    mean, _ = alignment(problem_of(4), lambda: [], leg, 1.0, np.array([0]), 9.0)
    whole = g.mean(axis=0)
    assert mean == pytest.approx(g @ whole / lengths / np.linalg.norm(whole))


def test_the_best_source_has_similarity_1_for_a_target_from_elsewhere():
    g = np.random.default_rng(0).normal(size=(4, 30))
    problem = Problem.of(["a", "b", "c"], ["t", "a", "b", "c"], np.full(3, 1e6), 1000, "t")
    losses = Estimate(np.ones((1, 4)), "nats per token", "none")
    cosines = g[1:] @ g[0] / np.linalg.norm(g[1:], axis=1) / np.linalg.norm(g[0])
    for size in (1.0, 1e-3):  # gradients shrink, rewards do not
        outcome = Outcome(losses, 1.0, gradient=-size * g @ g[1:].T)
        leg = online.Leg(Trial(np.full(3, 1 / 3), 1.0), outcome)
        found, _ = alignment(problem, lambda: [], leg, 1.0, np.array([0]), 9.0)
        assert found == pytest.approx(cosines / np.abs(cosines).max())


def test_short_runs_are_measured_by_the_largest_so_far():
    problem, losses = problem_of(2, objective="s0"), np.array([1.0, 1.0])
    ask, leg = probing(problem, losses, np.array([[0.5, 0.9], [0.9, 0.6]]))
    both, longest = alignment(problem, ask, leg, 1.0, np.array([0, 1]), 0.0)
    projected = np.array([0.5 / 0.5**0.5, 0.1 / 0.4**0.5])
    assert both == pytest.approx(projected / projected[0])
    assert longest == pytest.approx(projected[0])
    one, longest = alignment(problem, ask, leg, 1.0, np.array([1]), 2.0)
    assert one == pytest.approx([0, projected[1] / 2])
    assert longest == 2


def probing(problem, losses, after):
    """A leg without derivatives, and what short runs of each source after it give."""
    leg = online.Leg(Trial(np.full(2, 0.5), 1.0), outcome_of(losses))

    def ask(*trials):
        return [online.Leg(t, outcome_of(after[int(np.argmax(t.shares))])) for t in trials]

    return ask, leg


def outcome_of(losses):
    return Outcome(Estimate(losses[None], "nats per token", "none"), 1.0)


def test_flad_rewards_by_hand():
    similarity, policy = np.array([0.5, -1.0, 1.0]), np.array([0.5, 0.25, 0.25])
    assert estimate(similarity, np.array([2, 2, 0]), policy) == pytest.approx([0.5, -2.0, 0.0])
    bonus = np.sqrt(2 * np.log(5) / np.array([1, 4]))
    assert upper(np.array([0.1, 0.9]), np.array([1.0, 4.0])) == pytest.approx(
        np.array([0.1, 0.9]) + bonus
    )
    assert optimistic(np.array([0.5, 0.5]), np.ones(2), 4) == pytest.approx([2, 2])


def test_ucb1_tries_every_source():
    study, shares = explore(Ucb1Flad(plays=1), problem_of(5, objective="s2"))
    assert (study.shares.max(axis=0) == 1).all()
    assert np.argmax(shares) == 2


# The others


def test_dump_by_hand():
    sizes = np.array([[9.0, 9.0], [1.0, 0.0], [3.0, 1.0]])
    assert learnability(sizes, 2) == pytest.approx([2.0, 0.5])
    assert learnability(sizes, 99) == pytest.approx(sizes.mean(axis=0))
    found = dump_upper(np.array([0.2, 0.4]), np.array([3.0, 0.0]))
    assert found == pytest.approx([0.2 + np.sqrt(2 * np.log(4) / 4), 0.4 + np.sqrt(2 * np.log(4))])


def test_dump_leaves_a_source_that_is_learned():
    help_ = np.diag([1.0, 30.0, 1.0])
    study, _ = explore(Dump(), problem_of(), Counting(help_))
    assert study.shares[3:6, 1].min() > 0.9
    assert study.shares[-10:, 1].max() < 0.1


def test_doremi_by_hand():
    lag, weights = np.array([np.log(2), 0.0]), np.array([0.5, 0.5])
    found = Doremi(smoothing=0.1).reweighted(weights, lag)
    assert found == pytest.approx([0.9 * 2 / 3 + 0.05, 0.9 / 3 + 0.05])


def test_doremi_clips_token_by_token():
    def outcome(log_probs):
        return Outcome(Estimate(np.array([[1.0]]), "nats per token", "none"), 1.0,
                       log_probs=log_probs)  # fmt: skip

    reference = outcome((np.array([-1.0, -3.0]),))
    proxy = outcome((np.array([-2.0, -1.0]),))
    assert excess(proxy, reference) == pytest.approx([0.5])  # though it is better in the mean
    assert excess(outcome(None), outcome(None)) == pytest.approx([0.0])


def test_doremi_lifts_what_the_reference_has_learned_and_the_proxy_not():
    problem = problem_of(available=np.array([8e6, 1e6, 1e6]))
    shares = explore(Doremi(), problem, Counting(np.eye(3)))[1]
    assert shares[0] > 0.5  # the reference saw mostly that
    assert np.abs(explore(Doremi(reference="uniform"), problem)[1] - 1 / 3).max() < 0.02


def test_doremi_rounds_end_where_nothing_changes():
    same = explore(Doremi(reference="uniform", rounds=5), problem_of())[0]
    assert len(same.trials) == 41
    more = explore(Doremi(rounds=2), problem_of(available=np.array([8e6, 1e6, 1e6])))[0]
    assert len(more.trials) == 81  # both proxies start with the same step


def test_doge_scores_by_hand():
    g = np.random.default_rng(1).normal(size=(3, 20))
    found = scores(g @ g.T, np.array([0.2, 0.3, 0.5]), np.arange(3))
    expected = g @ (0.2 * g[0] + 0.3 * g[1] + 0.5 * g[2]) / (g**2).sum(axis=1).mean()
    assert found == pytest.approx(expected)


def test_doge_limits_scores():
    problem = problem_of(objective="s1")
    free, limited = (explore(Doge(clip=clip), problem)[1] for clip in (np.inf, 0.5))
    assert limited[1] < free[1]
    assert np.argmax(limited) == np.argmax(free) == 1


def test_skills_by_hand():
    before = np.array([2.0, 4.0])
    after = np.array([[1.0, 3.6], [2.2, 3.0]])  # by source
    assert skills(before, after) == pytest.approx(np.array([[0.5, 0.0], [0.1, 0.25]]) / 0.5)


def test_skill_it_favours_the_teacher_of_a_bad_target():
    help_ = np.array([[0.2, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert np.argmax(explore(SkillIt(), problem_of(), Counting(help_))[1]) == 2


def test_aioli_solves_for_the_matrix():
    mixtures = smoothed_one_hot(3, 0.75)
    assert mixtures.sum(axis=1) == pytest.approx(np.ones(3))
    matrix = np.random.default_rng(2).normal(size=(2, 3))
    start = np.array([5.0, 6.0])

    def ask(trial):
        legs = trial.chain()
        losses = start - sum(matrix @ leg.shares for leg in legs[1:])
        return [online.Leg(trial, Outcome(Estimate(losses[None], "", "none"), 0.0))]

    (first,) = ask(Trial(np.full(3, 1 / 3), 1.0))
    found, _ = Aioli(lp_rounds=2).learn(ask, first, mixtures, 1.0, stream(0))
    assert found == pytest.approx(matrix)


def test_aioli_refuses_mixtures_that_do_not_tell_the_sources_apart():
    for one_hot in (1 / 3, 0.2):
        with pytest.raises(CuveeError, match="one_hot must be above 1/3"):
            Aioli(one_hot=one_hot).propose(Study(problem_of()), rng=stream(0))
    with pytest.raises(CuveeError, match="do not tell 3 sources apart"):
        Aioli().learn(
            lambda trial: [online.Leg(trial, outcome_of(np.ones(3)))],
            online.Leg(Trial(np.full(3, 1 / 3), 1.0), outcome_of(np.ones(3))),
            np.full((3, 3), 1 / 3), 1.0, stream(0),
        )  # fmt: skip


def test_aioli_normalises_by_hand():
    matrix = np.array([[1.0, -1.0], [3.0, 0.0], [9.0, 9.0]])
    found = share_of_fall(matrix, np.array([0.5, 0.5, 0.0]))
    assert found == pytest.approx(np.array([[1.0, 0.0], [2.0, 0.5]]) / 3.5)
    assert share_of_fall(np.zeros((1, 2)), np.ones(1)) == pytest.approx(np.full((1, 2), 0.5))


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (Odm, {"steps": 0}), (Odm, {"plays": 0}), (Odm, {"warmup": 1.0}),
        (Odm, {"steps": 10, "warmup": 0.95}), (Doge, {"clip": 0.0}), (Doge, {"clip": float("nan")}),
        (Odm, {"smoothing": 1.0}),
        (Odm, {"variant": "other"}), (Exp3Flad, {"steps": 0}), (Ucb1Flad, {"steps": 1}),
        (Ucb1Flad, {"smoothing": 0.0}), (Ucb1Flad, {"plays": 0}),
        (Dump, {"tau": 0.0}), (Dump, {"window": 0}),
        (Doremi, {"eta": 0.0}), (Doremi, {"reference": "mine"}), (Doremi, {"smoothing": 2.0}),
        (Doge, {"mu": 0.0}), (Doge, {"mu": float("nan")}), (SkillIt, {"steps": 1}),
        (SkillIt, {"graph": 0.0}), (Aioli, {"eta": 0.0}), (Aioli, {"one_hot": 1.5}),
        (Aioli, {"one_hot": 0.3, "ema": 1.0}), (Aioli, {"lp_part": 1.0}),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(method, settings):
    with pytest.raises(CuveeError):
        method(**settings)
