"""The real Trainer of Hugging Face on a live mixture: shares that change, checkpoints, errors."""

import json
from functools import cache

import pytest
import torch

from cuvee.core import CuveeError
from cuvee.live import Live

BATCH, STEPS, ACCUMULATED = 4, 20, 2
STATE = "live.json"


@cache
def trainers():
    """`LiveTrainer`, and one that is watched; imported late, as that takes each process seconds."""
    from transformers import Trainer

    from cuvee.live.hf import LiveMixing, LiveTrainer

    class Watched(LiveMixing, Trainer):
        """Notes what it was trained on, and can be stopped like by a power cut."""

        stop_after = None

        def training_step(self, model, inputs, *args, **kwargs):
            if self.live.taken == self.stop_after:
                raise KeyboardInterrupt
            self.seen = [*getattr(self, "seen", []), inputs["input_ids"].tolist()]
            return super().training_step(model, inputs, *args, **kwargs)

    return LiveTrainer, Watched


def samples(high, size=40):
    """Random tokens up to a highest one: the higher, the harder."""
    draws = torch.randint(high, (size, 8), generator=torch.Generator().manual_seed(high))
    return [{"input_ids": row, "labels": row.clone()} for row in draws]


def live(**settings):
    given = {"mixer": "odm:steps=5", "lag": 5, "budget": BATCH * STEPS * ACCUMULATED}
    if "shares" in settings:
        given.pop("mixer")
    sources = {"easy": samples(2), "middling": samples(6), "hard": samples(30)}
    return Live(sources, batch=BATCH, **(given | settings))


def trainer(folder, mixed=None, kind=None, more=(), **settings):
    from transformers import LlamaConfig, LlamaForCausalLM, TrainingArguments, set_seed

    set_seed(0)
    config = LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=8, attention_dropout=0.1,
    )  # fmt: skip
    given = {
        "per_device_train_batch_size": BATCH, "gradient_accumulation_steps": ACCUMULATED,
        "num_train_epochs": 1, "save_steps": 4, "learning_rate": 0.03, "seed": 0,
    }  # fmt: skip
    args = TrainingArguments(
        str(folder), use_cpu=True, report_to=[], disable_tqdm=True, logging_strategy="no",
        dataloader_pin_memory=False, **(given | settings),
    )  # fmt: skip
    kind = kind or trainers()[1]
    return kind(model=LlamaForCausalLM(config), args=args, live=mixed or live(), **dict(more))


def weights(run):
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = trainer(tmp_path_factory.mktemp("whole"))
    run.train()
    return run


def test_a_mixer_drives_the_trainer(whole):
    assert whole.state.global_step == STEPS
    assert whole.live.finished
    assert len(whole.seen) == STEPS * ACCUMULATED
    losses = whole.live.study.losses
    assert len(losses) == 5
    assert losses[-1, 0] < losses[-1, 2], "text of two tokens is easier"
    assert losses[-1, 0] < losses[0, 0], "something was learned"
    assert len({tuple(row) for row in whole.live.study.shares}) > 1


@pytest.mark.parametrize("skip", [False, True])
def test_a_trainer_that_was_stopped_goes_on_with_the_same_batches(whole, tmp_path, skip):
    """Also where the Trainer does not skip by itself; with its skip, the weights agree, too."""
    from transformers.trainer_utils import get_last_checkpoint

    first = trainer(tmp_path)
    first.stop_after = 21
    with pytest.raises(KeyboardInterrupt):
        first.train()
    folder = get_last_checkpoint(tmp_path)
    assert json.loads((tmp_path / folder / STATE).read_text())["taken"] == 16
    second = trainer(tmp_path, ignore_data_skip=skip, dataloader_num_workers=int(skip))
    second.train(resume_from_checkpoint=True)
    assert first.seen + second.seen[5:] == whole.seen
    assert second.seen[:5] == first.seen[16:], "trained on again, as the weights are older, too"
    if not skip:
        assert torch.equal(weights(second), weights(whole))


def test_the_loss_is_the_models_own(tmp_path):
    """Shares that are fixed need no losses: the model computes its own."""
    from transformers import set_seed

    plain, watched = trainers()

    class Told(watched):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.compute_loss_func = self._loss

    few = {"max_steps": 6, "optim": "sgd", "learning_rate": 0.5}
    own, told = (
        trainer(tmp_path, live(shares=[0.2, 0.3, 0.5]), kind=kind, **few) for kind in (plain, Told)
    )
    assert own.compute_loss_func is None
    for run in (own, told):
        set_seed(0)
        run.train()
    assert torch.allclose(weights(own), weights(told), atol=1e-5)
    assert not torch.allclose(weights(own), weights(trainer(tmp_path)), atol=1e-2)


def test_an_evaluation_is_no_feedback(tmp_path):
    run = trainer(
        tmp_path, more={"eval_dataset": samples(6, size=8)}, eval_strategy="steps", eval_steps=3,
        max_steps=6,
    )  # fmt: skip
    run.train()
    assert run.live._tally.counts[1].sum() <= 12 * BATCH
    assert run.live.taken == 12


BAD = {
    "batch": ({"per_device_train_batch_size": 3}, {}, "takes 3 samples at once.*batch of 4"),
    "epochs": ({"num_train_epochs": 3}, {}, "set num_train_epochs=1 instead of 3"),
    "steps": ({"max_steps": 99}, {}, "max_steps=99 takes more than the 40 batches"),
    "dry": ({}, {"shares": [0.8, 0.1, 0.1], "repeat": False}, "source 'easy' has run dry"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings(tmp_path, case):
    arguments, settings, message = BAD[case]
    run = trainer(tmp_path, live(**settings), **arguments)
    with pytest.raises(CuveeError, match=message):
        run.train()


def test_checkpoints_that_do_not_fit(tmp_path):
    run = trainer(tmp_path, max_steps=4)
    run.train()
    with pytest.raises(CuveeError, match="Trainer is at batch 0, Live at 8"):
        run.train()
    (tmp_path / "checkpoint-4" / STATE).unlink()
    with pytest.raises(CuveeError, match=r"checkpoint-4 has no live\.json"):
        trainer(tmp_path).train(resume_from_checkpoint=True)


def test_a_finished_live_trains_no_further(whole, tmp_path):
    with pytest.raises(CuveeError, match="the whole budget of 160 samples is taken"):
        trainer(tmp_path, whole.live).train()
    again = trainer(whole.args.output_dir)
    again.train(resume_from_checkpoint=True)
    assert not hasattr(again, "seen"), "nothing is left of a run that was finished"


def test_smoothed_labels_need_a_loss_of_ones_own(tmp_path):
    with pytest.raises(CuveeError, match="without an aux_loss or smoothing"):
        trainer(tmp_path, label_smoothing_factor=0.1).train()


def test_a_loss_that_is_not_finite_stops_it(tmp_path):
    run = trainer(tmp_path)
    with torch.no_grad():
        run.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(CuveeError, match="is not finite, in batch 0"):
        run.train()
