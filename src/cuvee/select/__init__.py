"""Which samples?

`choose` is how every method is called: it checks what comes in, lays the rows out in an order of
content, so that no method depends on the order of files, and maps the answer back.
"""

from dataclasses import replace

import numpy as np

from cuvee.contracts import Selector
from cuvee.core import CuveeError, stream
from cuvee.core.methods import make
from cuvee.core.order import apart
from cuvee.core.pool import TARGET_ROW, Choice, Pool, Quota
from cuvee.select.memory import check_room

METHODS = {
    "random": "cuvee.select.random:Random",
    "dsir": "cuvee.select.dsir:Dsir",
    "rds": "cuvee.select.rds:Rds",
    "tarot": "cuvee.select.tarot:Tarot",
    "csi": "cuvee.select.csi:Csi",
    "gio": "cuvee.select.gio:Gio",
    "dsdm": "cuvee.select.dsdm:Dsdm",
    "rs2": "cuvee.select.rs2:Rs2",
    "ccs": "cuvee.select.ccs:Ccs",
    "pruning": "cuvee.select.pruning:Pruning",
    "weak": "cuvee.select.weak:Weak",
    "samplemix": "cuvee.select.samplemix:SampleMix",
    "active": "cuvee.select.active:Active",
    "actively": "cuvee.select.actively:Actively",
    "markov": "cuvee.select.markov:Markov",
    "neural": "cuvee.select.neural:Neural",
    "facility_location": "cuvee.select.facility_location:FacilityLocation",
    "submodular": "cuvee.select.submodular:Submodular",
    "k_center": "cuvee.select.k_center:KCenter",
    "herding": "cuvee.select.herding:Herding",
    "prototypes": "cuvee.select.prototypes:Prototypes",
    "mig": "cuvee.select.mig:Mig",
    "novelsum": "cuvee.select.novelsum:NovelSum",
    "sae": "cuvee.select.sae:Sae",
    "dpp": "cuvee.select.dpp:Dpp",
    "volume": "cuvee.select.volume:Volume",
}

__all__ = ["METHODS", "choose", "load"]


def load(name: str, /, **settings: object) -> Selector:
    """A method by its name, `name:setting=value` or `module:Class`.

    Args:
        name: Key of METHODS, or a class of your own.
        settings: Fields of the class.
    """
    return make(METHODS, name, "select", **settings)


def choose(
    method: Selector, pool: Pool, k: Quota, *, target: Pool | None = None, seed: int = 0
) -> Choice:
    """Choose rows of a pool.

    Args:
        method: How.
        pool: To choose from, in any order.
        k: How much.
        target: What the choice is for.
        seed: Of everything random.

    Returns:
        Rows of the pool as it was given.

    Raises:
        CuveeError: Less in the pool than is asked for, no target where one is needed, features that
            do not fit or are not finite.
    """
    check(pool, k, target, getattr(method, "targeted", False))
    order = np.argsort(apart(pool.keys), kind="stable")
    order = order[pool.sizes[order] > 0]  # what holds nothing costs nothing, and is worth nothing
    if pool.points is not None:
        shape = " x ".join(f"{n:,}" for n in pool.points.shape)
        check_room(
            f"a copy of the points, {shape},", float(pool.points.nbytes),
            "choose from fewer rows or with fewer features, or by dsir, which needs no points",
        )  # fmt: skip
    inner = pool.take(order)
    at = np.zeros(0, np.int64)
    if target is not None:
        at = np.argsort(apart(target.keys), kind="stable")
        target = target.take(at)
    found = method.choose(inner, k, target=target, rng=stream(seed, "select"))
    scores = None
    if found.scores is not None:
        scores = np.full(len(pool), np.nan)
        scores[order] = found.scores
    group = found.group
    if group is not None and found.of == TARGET_ROW:
        group = np.where(group < 0, -1, at[group])
    return replace(found, rows=order[found.rows], scores=scores, group=group)


def check(pool: Pool, k: Quota, target: Pool | None, targeted: bool = False) -> None:
    """Refuse what no method can choose from.

    Raises:
        CuveeError: It says what was expected, what came, and what to do.
    """
    if not len(pool):
        raise CuveeError("the pool is empty: nothing can be chosen.")
    rows, tokens = int((pool.sizes > 0).sum()), int(pool.sizes.sum())
    if k.rows is not None and k.rows > rows:
        empty = f", {len(pool) - rows} others hold nothing" if rows < len(pool) else ""
        raise CuveeError(
            f"expected to choose at most the {rows} rows of the pool, got {k.rows}{empty}: choose "
            "fewer."
        )
    if k.tokens is not None and k.tokens > tokens:
        raise CuveeError(
            f"expected to choose at most the {tokens} tokens of the pool, got {k.tokens}: choose "
            "fewer."
        )
    if k.tokens is not None and k.most(pool.sizes) < 1:
        raise CuveeError(
            f"no row fits into {k.tokens} tokens, the shortest has {pool.sizes.min()}: choose more."
        )
    if targeted and target is None:
        raise CuveeError("this method chooses for a target, and there is none: give --target.")
    if target is not None and not len(target):
        raise CuveeError("the target is empty: give one with text, or leave it out.")
    for what, of in (("pool", pool), ("target", target)):
        if of is None:
            continue
        for name in ("points", "quality"):
            value = getattr(of, name)
            if value is None:
                continue
            if len(value) != len(of):
                raise CuveeError(
                    f"the {what} has {len(of)} rows, and {len(value)} of {name}: expected one each."
                )
            if not np.isfinite(value).all():
                row = int(np.argwhere(~np.isfinite(value))[0][0])
                raise CuveeError(
                    f"{name} of row {row} of the {what} are not finite: fill in what is missing, "
                    "or leave out the row."
                )
    if target is not None and pool.points is not None and target.points is not None:
        ours, theirs = pool.points.shape[1], target.points.shape[1]
        if ours != theirs:
            raise CuveeError(
                f"points of the pool have {ours} features, those of the target {theirs}: expected "
                "the same features of both."
            )
