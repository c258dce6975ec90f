"""Is the mean of models trained on parts like a model trained on all? Small byte models, trained.

`Merging` proposes its trials: a byte model with a window of 6 and one hidden layer on all four
domains for a while; from there, one model for each domain; then means of their parameters, which
are evaluated. For all 11 subsets of two and more domains a model of the union is trained from the
same start (as many steps for each domain as its part's model had), and its loss on every test set
is held against that of the equal mean of the parts, 2 seeds. The means are the mixer's own trials;
only those of three domains, which it does not ask for, are made here the same way. Its answer is
looked at by continuing the start on the weights that it recommends, and on equal ones.
"""

from itertools import combinations

import numpy as np
from evidence.online_models import problem_of
from evidence.small_models import MlpLM, corpus
from scipy.stats import pearsonr, spearmanr

from cuvee import driver
from cuvee.core import Estimate, Outcome, Trial, stream
from cuvee.engine.local import Local
from cuvee.mix.merging import Merging
from cuvee.testing.evidence import Finding

DOMAINS = ("python", "essay", "de", "man_en")
SEED_STEPS, STEPS, BATCH, TEST, SEEDS = 600, 150, 256, 3000, 2
SUBSETS = [s for r in (2, 3, 4) for s in combinations(range(len(DOMAINS)), r)]
MIXER = Merging(warmup=SEED_STEPS / (SEED_STEPS + STEPS), answer="weights")


def run() -> Finding:
    texts = [corpus(name) for name in DOMAINS]
    found = [compare(Bytes(texts, seed)) for seed in range(SEEDS)]
    a, t = (np.concatenate([f[i] for f in found]) for i in (0, 1))
    own, gains = sum(f[2] for f in found), [f[3] for f in found]
    r = float(pearsonr(a.ravel(), t.ravel()).statistic)
    # Test sets differ in difficulty, which alone correlates: also within each test set.
    within = [float(pearsonr(x, y).statistic) for x, y in zip(a.T, t.T)]
    picks = float(np.mean([spearmanr(x, y).statistic for x, y in zip(a.T, t.T)]))
    cost = {"averaging": STEPS * len(DOMAINS), "unions": sum(STEPS * len(s) for s in SUBSETS)}
    return Finding(
        claim="The loss of the parameter average of models of the parts, as Merging trains and "
        "averages them, goes with the loss of a model trained on the union: r > 0.9 over all "
        "subsets and test sets.",
        measured=f"r = {r:.3f} over all subsets and test sets; within each test set "
        f"{min(within):.2f} to {max(within):.2f} (mean {np.mean(within):.2f}, Spearman "
        f"{picks:.2f}); {cost['averaging']} steps instead of {cost['unions']}. {own} of the "
        f"{len(a)} means are trials of the mixer. Trained on from the start, the weights that it "
        f"recommends gain {', '.join(f'{g:+.3f}' for g in gains)} nats over equal ones.",
        holds=r > 0.9,
        numbers={
            "pearson": r, "pearson_within_test_sets": dict(zip(DOMAINS, within)),
            "mean_spearman_within": picks, "steps": cost,
            "mean_gap_in_nats": float(np.mean(a - t)), "means_asked_for_by_the_mixer": own,
            "gain_of_the_answer_over_equal_weights": gains,
        },
    )  # fmt: skip


class Bytes:
    """A trainer of byte models that keeps the weights of every run, and averages them.

    Args:
        texts: Bytes to train on and held-out ones, by source.
        seed: Of the first weights and the batches.
    """

    def __init__(self, texts: list[tuple[np.ndarray, np.ndarray]], seed: int):
        self.texts, self.seed = texts, seed
        self.sources = self.targets = DOMAINS
        self.available = np.full(len(DOMAINS), 1e9)
        self.weights: dict[tuple[object, ...], list] = {}

    def run(self, trial: Trial, *, rng: np.random.Generator) -> Outcome:
        if trial.merge:
            parts = [(w, self.weights[run.key()]) for w, run in trial.merge]
            weights = [sum(w * part[i] for w, part in parts) for i in range(len(parts[0][1]))]
        else:
            weights = self._train(trial)
        self.weights[trial.key()] = weights
        model, rng = self._model(weights), np.random.default_rng(0)
        found = []
        for _, held in self.texts:
            ends = rng.integers(model.window, len(held) - 1, size=TEST)
            found.append(model.held_out(held, ends))
        return Outcome(Estimate(np.array([found]), "nats per byte", "none"), trial.cost())

    def _train(self, trial: Trial) -> list:
        """Weights after as many steps as the tokens allow, each on one domain."""
        model = self._model(self.weights[trial.after.key()] if trial.after else [])
        steps = round(trial.tokens / BATCH)
        rng = np.random.default_rng([self.seed, steps, *np.round(1000 * trial.shares).astype(int)])
        for i in rng.choice(len(DOMAINS), size=steps, p=trial.shares):
            text = self.texts[i][0]
            ends = rng.integers(model.window, len(text) - 1, size=BATCH)
            model.step(model.losses(text, ends).mean())
        return [w.detach().clone() for w in model.weights]

    def _model(self, weights: list) -> MlpLM:
        model = MlpLM(self.seed, window=6, width=96)
        for mine, other in zip(model.weights, weights):
            mine.data.copy_(other)
        return model


def compare(trainer: Bytes) -> tuple[np.ndarray, np.ndarray, int, float]:
    """Losses of means and of unions by subset, means asked for by the mixer, its answer's gain."""
    problem = problem_of(trainer, tokens=(SEED_STEPS + STEPS) * BATCH)
    study = driver.explore(problem, trainer, MIXER, 0, Local())
    start, *models = study.trials[: len(DOMAINS) + 1]

    def losses(trial: Trial) -> np.ndarray:
        return trainer.run(trial, rng=stream(0)).losses.mean

    known = [(weights_of(t, models), o) for t, o in zip(study.trials, study.outcomes) if t.merge]
    averaged, trained, own = [], [], 0
    for subset in SUBSETS:
        wish = np.isin(np.arange(len(DOMAINS)), subset) / len(subset)
        asked = [o.losses.mean for weights, o in known if np.allclose(weights, wish)]
        own += bool(asked)
        merge = tuple((wish[i], models[i]) for i in subset)
        averaged.append(asked[0] if asked else losses(Trial(wish, 0.0, merge=merge)))
        trained.append(losses(Trial(wish, STEPS * BATCH * len(subset), after=start)))
    answer = MIXER.recommend(study, rng=stream(0)).mean
    tokens = STEPS * BATCH * len(DOMAINS)
    gain = trained[-1].mean() - losses(Trial(answer, tokens, after=start)).mean()
    return np.array(averaged), np.array(trained), own, float(gain)


def weights_of(mean: Trial, models: list[Trial]) -> np.ndarray:
    """Of each model in a mean."""
    weights, keys = np.zeros(len(models)), [model.key() for model in models]
    for w, run in mean.merge:
        weights[keys.index(run.key())] = w
    return weights
