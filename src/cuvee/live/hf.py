"""Live mixing in the `Trainer` of Hugging Face."""

from pathlib import Path
from typing import Any

import orjson
from torch import Tensor

from cuvee.core import CuveeError
from cuvee.core.files import write_whole
from cuvee.live.feeding import Sampler
from cuvee.live.losses import sample_losses, token_losses
from cuvee.live.mixing import Live

try:
    import accelerate  # noqa: F401  the Trainer asks for it only when it is made
    from transformers import Trainer, TrainerCallback
    from transformers.trainer_utils import get_last_checkpoint
except ImportError as error:
    raise CuveeError(
        "this needs the libraries transformers and accelerate: pip install transformers accelerate"
    ) from error

STATE = "live.json"
"""File of a checkpoint that holds the state of its Live."""


class LiveCallback(TrainerCallback):
    """Saves the state of a `Live` in every checkpoint, and goes on from it.

    Args:
        live: That mixes the batches.
    """

    def __init__(self, live: Live) -> None:
        self.live = live

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Let the Trainer skip what was taken before without a look at it."""
        steps = state.global_step * args.gradient_accumulation_steps
        if self.live.finished and state.global_step < state.max_steps:
            raise self.live.over()
        if self.live.taken != steps and not self.live.finished:
            raise CuveeError(
                f"the Trainer is at batch {steps}, Live at {self.live.taken}: make a new Live, and "
                "resume both from one checkpoint."
            )
        sampler = kwargs["train_dataloader"].batch_sampler
        if isinstance(sampler, Sampler) and not args.ignore_data_skip:
            sampler.skip = self.live.taken

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Beside the weights."""
        plain = orjson.dumps(self.live.state_dict())
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero and folder.is_dir():
            write_whole(folder / STATE, lambda path: path.write_bytes(plain))

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The Trainer takes missing batches for the end; a source that ran dry is an error."""
        short = state.max_steps * args.gradient_accumulation_steps - self.live.taken
        if short >= args.gradient_accumulation_steps and not len(self.live.rows(self.live.taken)):
            raise self.live.dry()


class LiveMixing:
    """What a Trainer, or a subclass of it, needs for live mixing: name it before that class.

    The Trainer gets its batches from `live`, and reports the loss of every sample if a mixer
    wants to know. The loss is then that of tokens of a causal language model, or of classes; with
    a `compute_loss_func` of your own, call `feedback` in it.

    Args:
        live: That mixes the batches. Its batch is that of all devices in one forward pass.
    """

    def __init__(self, *args: Any, live: Live, **kwargs: Any) -> None:
        self.live, self._sources = live, None
        if live.driven and kwargs.get("compute_loss_func") is None:
            kwargs["compute_loss_func"] = self._loss
        super().__init__(*args, **kwargs)
        self.add_callback(LiveCallback(live))  # type: ignore[attr-defined]

    def get_train_dataloader(self) -> Any:
        """Batches of the live mixture."""
        me: Any = self
        args = me.args
        whole = me._train_batch_size * args.world_size
        if whole != self.live.batch:
            raise CuveeError(
                f"the Trainer takes {whole} samples at once over all devices, Live has a batch of "
                f"{self.live.batch}: make them equal."
            )
        if args.max_steps <= 0 and args.num_train_epochs != 1:
            raise CuveeError(
                f"a Live is gone through once: set num_train_epochs=1 instead of "
                f"{args.num_train_epochs:g}, or max_steps, and the length by its budget."
            )
        batches = self.live.batches
        if batches is not None and args.max_steps * args.gradient_accumulation_steps > batches:
            raise CuveeError(
                f"max_steps={args.max_steps} takes more than the {batches} batches of the budget."
            )
        settings = {
            "num_workers": args.dataloader_num_workers, "pin_memory": args.dataloader_pin_memory,
            "persistent_workers": args.dataloader_persistent_workers,
            "prefetch_factor": args.dataloader_prefetch_factor, "collate_fn": me.data_collator,
        }  # fmt: skip
        return self.live.dataloader(rank=args.process_index, world=args.world_size, **settings)

    def train(self, resume_from_checkpoint: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As the Trainer does it; when it resumes, so does the mixture."""
        me: Any = super()
        folder = resume_from_checkpoint or None
        if folder is True:
            folder = get_last_checkpoint(self.args.output_dir)  # type: ignore[attr-defined]
        if folder is not None:
            file = Path(folder) / STATE
            if not file.is_file():
                raise CuveeError(
                    f"checkpoint {Path(folder).name} has no {STATE}: it was not written to its "
                    "end, or without live mixing; resume from an earlier one."
                )
            try:
                state = orjson.loads(file.read_bytes())
            except ValueError as error:
                raise CuveeError(
                    f"{file} is damaged ({error}): resume from an earlier checkpoint."
                ) from error
            self.live.load_state_dict(state)
        return me.train(resume_from_checkpoint, *args, **kwargs)

    def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """One batch is taken, then trained on."""
        self._sources = inputs.pop(self.live.field)
        self.live.advance()
        try:
            return super().training_step(model, inputs, *args, **kwargs)  # type: ignore[misc]
        finally:
            self._sources = None

    def feedback(self, losses: Tensor) -> None:
        """Losses of the samples that are trained on now; without effect in an evaluation."""
        if self._sources is not None:
            self.live.feedback(self._sources, losses)

    def _loss(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Tensor:
        """What the model would have computed itself, and on the way the loss of each sample."""
        if labels is None:
            raise CuveeError("the batches have no labels: choose a data_collator that makes them.")
        me: Any = self
        named = outputs if isinstance(outputs, dict) else {"logits": outputs[0]}
        if named.get("aux_loss") is not None or me.args.label_smoothing_factor:
            raise CuveeError(
                "the loss here is that of the labels alone, without an aux_loss or smoothing: pass "
                "a compute_loss_func that adds them, and call trainer.feedback(losses) in it."
            )
        if (logits := named["logits"]).ndim == 2:
            losses, many = sample_losses(logits, labels), len(labels)
            self.feedback(losses)
        else:
            whole = getattr(me.model.config, "is_encoder_decoder", False)
            shift = getattr(me, "_loss_shifts_labels", not whole)
            losses, counted = token_losses(logits, labels, shift=shift)
            many = counted.sum()
            self.feedback(losses.sum(dim=1) / counted.sum(dim=1).clamp(min=1))
        # The Trainer counts over all batches of a step, however many there are.
        return losses.sum() / (many if num_items_in_batch is None else num_items_in_batch)


class LiveTrainer(LiveMixing, Trainer):
    """The `Trainer` of Hugging Face on a live mixture: `LiveTrainer(..., live=live)`."""
