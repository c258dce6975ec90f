"""The mixer `surrogate`: fitting 512 runs of 17 sources, beside scikit-learn's Gaussian process."""

import resource
import statistics
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from benchmarks.shared import Figure, Options, over, probe
from cuvee.core import Estimate, Limits, Objective, Outcome, Points, Problem, Study, Trial
from cuvee.mix.surrogate import Surrogate

RUNS, SOURCES, TARGETS, TESTS = 512, 17, 3, 200
TOKENS = 10**9


def run(options: Options) -> list[Figure]:
    """Seconds a target of both, in turn; error on other mixtures; memory."""
    shares, losses, other, truth = data()
    study = studied(shares, losses)
    ours, peer, errors = [], [], []
    for _ in range(max(options.rounds // 3, 1)):
        begin = time.perf_counter()
        law = Surrogate().fit(study, rng=np.random.default_rng(0))
        ours.append((time.perf_counter() - begin) / TARGETS)
        errors = [rmse(law.mean(Points.at(other, TOKENS))[:, 0], truth[:, 0])]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # before the peer's is added
    for _ in ours:
        begin = time.perf_counter()
        mean = scikit_learn(shares, losses[:, 0], other)
        peer.append(time.perf_counter() - begin)
        errors.append(rmse(mean, truth[:, 0]))
    # A factorisation and an inverse of 400 runs, 25 times, and of all runs, once.
    floor = (25 * 400**3 + RUNS**3) / 1e9 / probe()["multiply_GFLOP_per_s"]
    return [
        Figure("fit of 512 runs x 17 sources, per target", ours, "s", "<= 5",
               f"limit {floor:.3f} s: the factorisations alone", "one thread, 3 targets together"),
        Figure("scikit-learn's, per target", peer, "s", note="Matern 5/2, a length each"),
        Figure("ratio of times", over(peer, ours), "x", ">= 10"),
        Figure("RMSE on 200 other mixtures, beside scikit-learn's",
               [errors[0] / statistics.median(errors[1:])], "x",
               note=f"ours {errors[0]:.4f}; noise {NOISE}"),
        Figure("peak memory of the process", [peak], "MB", "<= 1000"),
    ]  # fmt: skip


NOISE = 0.02


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Runs of the data mixing law with noise, and other mixtures without."""
    rng = np.random.default_rng(0)
    both = rng.dirichlet(np.full(SOURCES, 0.3), size=RUNS + TESTS)
    worth = rng.gamma(0.3, 1.0, size=(TARGETS, SOURCES)) + 3 * np.eye(TARGETS, SOURCES)
    truth = 2 + np.exp(1 - (both + 1e-3) ** 0.5 @ worth.T)
    noisy = truth + NOISE * rng.standard_normal(truth.shape)
    return both[:RUNS], noisy[:RUNS], both[RUNS:], truth[RUNS:]


def studied(shares: np.ndarray, losses: np.ndarray) -> Study:
    """The runs as a study; targets are named like the first sources."""
    names = [f"s{i}" for i in range(SOURCES)]
    objective = Objective(np.full(TARGETS, 1 / TARGETS))
    problem = Problem.of(names, names[:TARGETS], np.full(SOURCES, 1e12), TOKENS, objective,
                         Limits(max_epochs=np.inf))  # fmt: skip
    outcomes = [Outcome(Estimate(x[None], "nats per token", "none"), 0.0) for x in losses]
    return Study(problem, tuple(Trial(w, float(TOKENS)) for w in shares), tuple(outcomes))


def scikit_learn(shares: np.ndarray, loss: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The peer on the same fourth roots of shares."""
    roots, at = (shares + 2e-4) ** 0.25, (other + 2e-4) ** 0.25
    width = roots.std()
    lengths: np.ndarray = np.full(SOURCES, 7.0)
    smooth = Matern(lengths, (0.1, 1e3), nu=2.5)  # pyright: ignore[reportArgumentType]
    kernel = ConstantKernel(1.0) * smooth + WhiteKernel(0.01, (1e-6, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(process.fit(roots / width, loss).predict(at / width))


def rmse(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean squared difference."""
    return float(np.sqrt(np.mean((a - b) ** 2)))
