"""The order of the batches: any workers, any ranks, shares that change, sources that run dry."""

from collections import deque
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.live.world import BATCH, BATCHES, LAG, SIZES, live, loss_of, sources, train
from torch.utils.data import ConcatDataset, DataLoader

from cuvee.core import CuveeError
from cuvee.live import Live

ALL = torch.stack([x for samples in sources().values() for x in samples])
SHARES = {"a": 0.5, "b": 0.3, "c": 0.2}


@pytest.fixture(scope="module")
def whole():
    mixed = live()
    return train(mixed, mixed.loader())


def test_the_shares_are_those_asked_for():
    mixed = live(shares=SHARES)
    seen = np.array(train(mixed, mixed.loader()))
    parts = np.bincount(seen[..., 1].ravel().astype(int)) / seen[..., 1].size
    assert parts == pytest.approx(list(SHARES.values()), abs=2 / seen[..., 1].size)


def test_every_sample_has_its_turn_before_any_comes_again():
    mixed = live(shares=SHARES, budget=BATCH * 400)
    seen = np.array(train(mixed, mixed.loader())).reshape(-1, 2)
    for j, (name, size) in enumerate(SIZES.items()):
        mine = seen[seen[:, 1] == j, 0]
        passages = [mine[i : i + size] for i in range(0, len(mine) - size, size)]
        assert all(len(set(p)) == size for p in passages)
        assert len({tuple(p) for p in passages}) == len(passages), "another order every time"
        assert mixed.epochs[name] == pytest.approx(len(mine) / size)


@settings(max_examples=25, deadline=None)
@given(workers=st.integers(0, 3), world=st.integers(1, 3), stop=st.integers(1, BATCHES - 1),
       workers_then=st.integers(0, 3), world_then=st.integers(1, 3))  # fmt: skip
def test_any_workers_any_ranks_any_stop(whole, workers, world, stop, workers_then, world_then):
    """Batches are asked for as far ahead as torch does for so many workers."""
    first, state = ranks(world, workers, stop)
    rest, _ = ranks(world_then, workers_then, BATCHES, state)
    assert first + rest == whole


def ranks(world, workers, stop, state=None):
    """Batches of all ranks put together, and the state of the last rank.

    Every rank is told the losses of all, as `torch.distributed` would tell it.
    """
    parts = []
    for rank in range(world):
        mixed, part, ahead = live(), [], deque()
        if state is not None:
            mixed.load_state_dict(state)
        batches = iter(mixed.sampler(rank=rank, world=world))
        while mixed.taken < stop:
            ahead.extend(islice(batches, 2 * workers + 1 - len(ahead)))
            everyone = ALL[mixed.rows(mixed.taken)[0]]
            mixed.advance()
            mixed.feedback(everyone[:, 1].long(), loss_of(everyone))
            part.append(ALL[ahead.popleft()])
        parts.append(part)
    return [torch.cat(rows).tolist() for rows in zip(*parts)], mixed.state_dict()


@pytest.mark.parametrize("settings", [
    {"num_workers": 1, "multiprocessing_context": "spawn", "persistent_workers": True},
    {"num_workers": 2, "multiprocessing_context": "fork"},
])  # fmt: skip
def test_workers_of_every_kind(whole, settings):
    mixed = live()
    loader = mixed.loader(**settings)
    assert len(loader) == BATCHES
    seen = train(mixed, loader, stop=30)
    assert seen + train(mixed, loader) == whole, "a second loop goes on where the first stopped"


@pytest.mark.parametrize("workers", [0, 2])
def test_other_shares_arrive_after_the_lag(workers):
    mixed = live(shares=SHARES)
    seen = []
    for x, _ in mixed.loader(num_workers=workers):
        if mixed.taken == 20:
            mixed.shares = {"c": 1.0}
            assert mixed.shares == {"a": 0, "b": 0, "c": 1}
        seen.append(x[:, 1])
    assert all((x < 2).any() for x in seen[: 20 + LAG])
    assert all((x == 2).all() for x in seen[20 + LAG :])


def test_a_share_of_zero_gives_no_sample():
    mixed = live(shares={"a": 0.5, "b": 0.0, "c": 0.5})
    assert not (np.array(train(mixed, mixed.loader()))[..., 1] == 1).any()
    assert mixed.epochs["b"] == 0
    with pytest.raises(CuveeError, match="sum to 0"):
        live(shares=[0, 0, 0])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_source_that_runs_dry_is_named_and_loses_nothing(workers):
    mixed = live(shares=SHARES, repeat=False)
    seen = []
    with pytest.raises(CuveeError, match="source 'b' has run dry: its 37 samples"):
        for x, _ in mixed.loader(num_workers=workers):
            seen.append(x)
    samples = torch.cat(seen)
    assert len(samples) == len(torch.unique(samples, dim=0)) == mixed.taken * BATCH
    assert mixed.taken == 10, "37 samples at 3.6 a batch"
    again = live(shares=SHARES, repeat=False)
    again.load_state_dict(mixed.state_dict())
    assert again.taken == 10


def test_shares_of_tokens_become_shares_of_samples():
    mixed = live(shares=SHARES, lengths={"a": 100, "b": 300, "c": 100})
    assert mixed.shares == pytest.approx({"a": 0.625, "b": 0.125, "c": 0.25})
    with pytest.raises(CuveeError, match="above 0 for every source"):
        live(shares=SHARES, lengths={"a": 100, "b": 300})


def test_a_sampler_of_ones_own():
    mixed, other = live(shares=SHARES), live(shares=SHARES)
    own = DataLoader(ConcatDataset(list(mixed.sources.values())), batch_sampler=other.sampler())
    for x, (y, _) in zip(own, mixed.loader(), strict=True):
        other.advance()
        assert torch.equal(x, y)


def test_who_counts_on_beyond_the_budget_is_told():
    mixed = live(shares=SHARES, budget=BATCH * 2)
    mixed.advance()
    mixed.advance()
    assert mixed.finished
    with pytest.raises(CuveeError, match="the whole budget of 24 samples is taken"):
        mixed.advance()
    assert mixed.taken == 2
    assert "the whole budget of 24 samples" in str(mixed.dry())


@pytest.mark.parametrize("repeat", [True, False])
def test_no_source_is_blamed_that_has_not_run_dry(repeat):
    mixed = live(shares=SHARES, repeat=repeat)
    assert "batch 0 did not arrive although no source has run dry" in str(mixed.dry())


def test_who_forgets_to_count_is_told():
    mixed = live(shares=SHARES)
    with pytest.raises(CuveeError, match=f"batch {LAG} is asked for after 0 were taken"):
        list(mixed.dataloader())


def test_dictionaries_and_other_collates():
    rows = {n: [{"x": i, "name": n} for i in range(9)] for n in "ab"}
    mixed = Live(rows, shares=[0.5, 0.5], batch=4, budget=8)
    for batch in mixed.loader():
        assert [mixed.names[s] for s in batch["source"]] == batch["name"]
    mixed = Live(rows, shares=[0.5, 0.5], batch=4, budget=8)
    batch, source = next(iter(mixed.loader(collate_fn=list)))
    assert [row["name"] for row in batch] == [mixed.names[s] for s in source]
    with pytest.raises(CuveeError, match="collate_fn makes a field 'source'"):
        next(iter(mixed.loader(collate_fn=lambda rows: {"source": rows})))


def test_a_hugging_face_dataset_is_asked_for_many_at_once():
    import datasets

    rows = {n: datasets.Dataset.from_dict({"x": [f"{n}{i}" for i in range(20)]}) for n in "ab"}
    mixed = Live(rows, shares=[0.5, 0.5], batch=4, budget=40)
    seen = [x for batch in mixed.loader() for x in batch["x"]]
    assert sorted(seen) == sorted(x for d in rows.values() for x in d["x"])


BAD = {
    "both": ({"shares": SHARES, "mixer": "odm"}, "either shares, or a mixer"),
    "batch": ({"batch": 0, "shares": SHARES}, "batch must be a whole number from 1"),
    "budget": ({"budget": 100, "shares": SHARES}, "whole number of batches of 12: got 100"),
    "no budget": ({"budget": None}, "give a budget of samples"),
    "names": ({"shares": {"d": 1}}, "unknown source in shares 'd'"),
    "sum": ({"shares": [0.5, 0.3, 0.3]}, "shares sum to 1.1"),
    "nan": ({"shares": [0.5, float("nan"), 0.5]}, "share of 'b' is nan"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings(case):
    with pytest.raises(CuveeError, match=BAD[case][1]):
        live(**BAD[case][0])


@pytest.mark.parametrize(("source", "message"), [
    (iter([1]), "'z' is a list_iterator: expected samples"), ("text", "'z' is a str"),
    ({"x": [1]}, "'z' is a dict"), ([], "'z' holds no samples"),
    ([{"source": 1}], "have a field 'source' already"),
])  # fmt: skip
def test_what_is_no_source(source, message):
    with pytest.raises(CuveeError, match=message):
        Live(sources() | {"z": source}, shares=[0.25] * 4, batch=4)


def test_what_a_loader_is_not_asked():
    mixed = live(shares=SHARES)
    with pytest.raises(CuveeError, match="shuffle is not for the loader to say"):
        mixed.loader(shuffle=True)
    with pytest.raises(CuveeError, match=r"fetch 8 batches ahead.*lag of 9 or more"):
        mixed.loader(num_workers=4)
    with pytest.raises(CuveeError, match="multiple of the number of ranks"):
        mixed.loader(rank=0, world=5)
    with pytest.raises(TypeError, match="no end"):
        len(live(shares=SHARES, budget=None).loader())


def test_two_loops_at_once_are_refused():
    mixed = live(shares=SHARES)
    loader = mixed.loader()
    first, second = iter(loader), iter(loader)
    next(first)
    next(second)
    with pytest.raises(CuveeError, match="another loop over the same Live has begun"):
        next(first)
    train(mixed, loader)
    with pytest.raises(CuveeError, match="the whole budget of 1080 samples is taken"):
        next(iter(loader))


def test_a_blend_is_taken_as_it_is():
    import cuvee

    texts = {n: [f"{n}{i % 9} is {n}" for i in range(60)] for n in SIZES}
    answer = cuvee.blend(texts, target="a", budget=100, method="natural")
    mixed = live(shares=answer)
    assert list(mixed.shares.values()) == pytest.approx(answer.shares.mean)
