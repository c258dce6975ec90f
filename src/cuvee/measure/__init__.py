"""How much, how different, how diverse?

`measure` is how every method is called: it checks what comes in, refuses what the method cannot
look at, and adds to the number why it may lie.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cuvee.contracts import Measure
from cuvee.core import CuveeError, Estimate, stream
from cuvee.core.methods import make
from cuvee.core.order import apart, mixed
from cuvee.core.sample import Sample, block_counts

METHODS = {
    "frechet": "cuvee.measure.frechet:Frechet",
    "wasserstein": "cuvee.measure.wasserstein:Wasserstein",
    "sliced_wasserstein": "cuvee.measure.sliced_wasserstein:SlicedWasserstein",
    "sinkhorn": "cuvee.measure.sinkhorn:Sinkhorn",
    "mmd": "cuvee.measure.mmd:Mmd",
    "kid": "cuvee.measure.kid:Kid",
    "distribution_embedding": "cuvee.measure.distribution_embedding:DistributionEmbedding",
    "energy": "cuvee.measure.energy:Energy",
    "classifier_two_sample": "cuvee.measure.classifier_two_sample:ClassifierTwoSample",
    "kl": "cuvee.measure.f_divergences:Kl",
    "jensen_shannon": "cuvee.measure.f_divergences:JensenShannon",
    "chi_squared": "cuvee.measure.f_divergences:ChiSquared",
    "alpha": "cuvee.measure.f_divergences:Alpha",
    "cauchy_schwarz": "cuvee.measure.cauchy_schwarz:CauchySchwarz",
    "monge_gap": "cuvee.measure.monge_gap:MongeGap",
    "token_js": "cuvee.measure.token_divergences:TokenJs",
    "token_kl": "cuvee.measure.token_divergences:TokenKl",
    "coupling": "cuvee.measure.coupling:Coupling",
    "entropy": "cuvee.measure.entropy:Entropy",
    "divergence_entropy": "cuvee.measure.divergence_entropy:DivergenceEntropy",
    "label_information": "cuvee.measure.label_information:LabelInformation",
    "functional_information": "cuvee.measure.functional_information:FunctionalInformation",
    "o_information": "cuvee.measure.o_information:OInformation",
    "mutual_information": "cuvee.measure.mutual_information:MutualInformation",
    "gaussian_information": "cuvee.measure.gaussian_information:GaussianInformation",
    "ksg": "cuvee.measure.ksg:Ksg",
    "er_bound": "cuvee.measure.er_bound:ErBound",
    "compressed_information": "cuvee.measure.compressed_information:CompressedInformation",
    "hash_codes": "cuvee.measure.hash_codes:HashCodes",
    "mine": "cuvee.measure.variational:Mine",
    "nwj": "cuvee.measure.variational:Nwj",
    "infonce": "cuvee.measure.variational:Infonce",
    "smile": "cuvee.measure.variational:Smile",
    "minde": "cuvee.measure.minde:Minde",
    "o_information_score": "cuvee.measure.o_information_score:OInformationScore",
    "knn_entropy": "cuvee.measure.knn_entropy:KnnEntropy",
    "knn_kl": "cuvee.measure.knn_kl:KnnKl",
    "vendi": "cuvee.measure.vendi:Vendi",
    "spread": "cuvee.measure.spread:Spread",
    "radius": "cuvee.measure.radius:Radius",
    "novelsum": "cuvee.measure.novelsum:NovelSum",
    "prdc": "cuvee.measure.prdc:Prdc",
    "magnitude": "cuvee.measure.magnitude:Magnitude",
    "von_neumann_entropy": "cuvee.measure.von_neumann_entropy:VonNeumannEntropy",
    "e2mc": "cuvee.measure.e2mc:E2mc",
    "kde_entropy": "cuvee.measure.kde_entropy:KdeEntropy",
    "deep_sets": "cuvee.measure.deep_sets:DeepSets",
    "intrinsic_dimension": "cuvee.measure.intrinsic_dimension:IntrinsicDimension",
    "compression": "cuvee.measure.compression:Compression",
    "label_compression": "cuvee.measure.label_compression:LabelCompression",
    "inductive_bias": "cuvee.measure.inductive_bias:InductiveBias",
    "hurst": "cuvee.measure.hurst:Hurst",
    "text_hurst": "cuvee.measure.text_hurst:TextHurst",
    "data_copying": "cuvee.measure.data_copying:DataCopying",
    "copying_test": "cuvee.measure.copying_test:CopyingTest",
}

OF = {
    "one": "one data set",
    "two": "two data sets of different rows",
    "rows": "two columns, or groups of columns, of the same rows",
}
"""What a method may be of."""

__all__ = ["METHODS", "OF", "check", "load", "measure", "reasons"]


def load(name: str, /, **settings: object) -> Measure:
    """A method by its name, `name:setting=value` or `module:Class`.

    Args:
        name: Key of METHODS, or a class of your own.
        settings: Fields of the class.
    """
    return make(METHODS, name, "measure", **settings)


def measure(method: Measure, a: Sample, b: Sample | None = None, *, seed: int = 0) -> Estimate:
    """A number of one or two data sets.

    Args:
        method: How.
        a: A data set.
        b: Another, or other columns of the same rows, if the method is of two.
        seed: Of everything random.

    Returns:
        The number, with its interval, the value under no difference, and why it may lie.

    Raises:
        CuveeError: The method is of something else, or the data cannot be looked at so.
    """
    check(method, a, b)
    # Rows are laid out by their content, so that their order decides about nothing.
    found = method.measure(*_ordered(method, a, b), rng=stream(seed, "measure"))
    return replace(found, notes=(*reasons(method, a, b), *found.notes))


def reasons(method: Measure, a: Sample, b: Sample | None = None) -> tuple[str, ...]:
    """Why data lie outside of a method's regime; none if they lie within."""
    return tuple(method.outside(a, b))


def check(method: Measure, a: Sample, b: Sample | None = None) -> None:
    """Refuse what a method cannot measure.

    Raises:
        CuveeError: It says what was expected, what came, and what to do.
    """
    if method.of == "one" and b is not None:
        raise CuveeError("this method is of one data set, and there are two: leave one out.")
    if method.of != "one" and b is None:
        raise CuveeError(f"this method is of {OF[method.of]}, and there is one: give another.")
    both = [s for s in (a, b) if s is not None]
    takes: Sequence[str] = (method.takes,) * 2 if isinstance(method.takes, str) else method.takes
    for sample, kind in zip(both, takes):
        _fits(sample, kind)
    if method.of == "rows" and len(a) != len(both[1]):
        raise CuveeError(
            f"{a.name} has {len(a)} rows, {both[1].name} {len(both[1])}: this method is of "
            f"{OF['rows']}; expected the same number."
        )
    if method.of == "two" and takes[0] == takes[1] == "points":
        ours, theirs = a.rows.shape[1], both[1].rows.shape[1]
        if ours != theirs:
            raise CuveeError(
                f"{a.name} has {ours} columns, {both[1].name} {theirs}: expected the same features "
                "of both."
            )


def _fits(sample: Sample, kind: str) -> None:
    """There is such a view of the sample, and it holds something."""
    if not sample.has(kind):
        has = [k for k in ("points", "labels", "symbols", "texts") if sample.has(k)]
        raise CuveeError(
            f"{sample.name} has {' and '.join(has) or 'nothing'}, and this method looks at {kind}: "
            "choose another method, or give such data."
        )
    if len(sample) < 2:
        raise CuveeError(
            f"{sample.name} has {len(sample)} rows: a number of a law needs 2 or more, and better "
            "some hundreds."
        )
    if kind != "points":
        return
    for start in range(0, len(sample.rows), 1 << 16):
        block = sample.rows[start : start + (1 << 16)]
        if not np.isfinite(block).all():
            row = start + int(np.argwhere(~np.isfinite(block))[0][0])
            raise CuveeError(
                f"row {row} of {sample.name} is not finite: fill in what is missing, or leave it "
                "out."
            )


def _ordered(method: Measure, a: Sample, b: Sample | None) -> tuple[Sample, Sample | None]:
    """The samples, their rows in an order of content; of a series, as they come."""
    if method.asks == "memory":
        return a, b
    if method.of == "rows" and b is not None:
        order = _order(a, b)
        return a.take(order), b.take(order)
    return _laid(a), None if b is None else _laid(b)


def _laid(sample: Sample) -> Sample:
    if sample.points is None and sample.labels is None:
        return sample
    laid = sample.take(_order(sample))
    symbols = sample.symbols
    if laid.labels is not None and symbols is not None and symbols.sum() == len(laid):
        symbols = block_counts(laid.labels, symbols.toarray().shape[1])  # of the classes themselves
    return replace(laid, symbols=symbols, texts=sample.texts)


def _order(*samples: Sample) -> np.ndarray:
    """Rows by content, mixed well: neighbours have nothing in common, copies neither."""
    key = np.zeros(len(samples[0]), np.uint64)
    for sample in samples:
        for start in range(0, len(key), 1 << 16):
            part = slice(start, start + (1 << 16))
            for values in (sample.points, sample.labels):
                if values is not None:
                    key[part] = mixed(key[part] ^ _hash(np.asarray(values[part])))
    first = np.zeros(len(key), bool)
    first[np.unique(key, return_index=True)[1]] = True
    return np.argsort(np.where(first, key, apart(key)), kind="stable")


def _hash(values: np.ndarray) -> np.ndarray:
    """A number for each row."""
    bits = np.ascontiguousarray(values.reshape(len(values), -1), np.float64).view(np.uint64)
    found = np.zeros(len(values), np.uint64)
    for column in bits.T:
        found = mixed(found ^ column)
    return found
