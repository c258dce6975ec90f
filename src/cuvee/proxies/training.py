"""The training loop: from a state and a mixture to a later state, the same to the bit each time."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from math import isfinite, log, nan
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cuvee.core import CuveeError
from cuvee.core.files import whole_file
from cuvee.core.order import Order, shuffled
from cuvee.proxies.adamw import AdamW
from cuvee.proxies.network import Network, mean_loss
from cuvee.proxies.recipe import Recipe
from cuvee.proxies.shapes import Shape

AHEAD = 1 << 18
"""Tokens that are looked up at once."""
LATELY = 0.1
"""Weight of a step in the mean of the loss: single batches are no sign of anything."""
LOOK = 20
"""Steps after which the loss is looked at, on a GPU: each look waits for it."""
GPU = threading.Lock()
"""Held by the run that is on the GPU."""


@dataclass(slots=True, eq=False)
class State:
    """A network in training. `train` changes it.

    Args:
        network: Its parameters.
        optimizer: Its moments.
        order: Which source each window comes from, so far.
        done: Windows seen.
        seed: Of the first parameters, and of the shuffles.
        tokenizer: Hash of what says which text each token is.
    """

    network: Network
    optimizer: AdamW
    order: Order | None
    done: int
    seed: int
    tokenizer: str = ""

    @staticmethod
    def new(
        shape: Shape, seed: int, device: torch.device, precision: torch.dtype, tokenizer: str = ""
    ) -> "State":
        """Before the first step."""
        network = Network(shape, torch.Generator().manual_seed(seed), precision).to(device)
        if device.type == "cuda":
            network.compile()
        return State(network, AdamW.of(network.parameters()), None, 0, seed, tokenizer)

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        shape = self.network.shape
        plain = {
            "shape": (shape.vocabulary, shape.context, shape.layers, shape.width),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.to_dict(),
            "order": None if self.order is None else self.order.since(self.done).to_dict(),
            "done": self.done,
            "seed": self.seed,
            "tokenizer": self.tokenizer,
        }
        # Given a path, the library would put its name, which is random, into the file.
        with whole_file(path, shared=True) as temporary, temporary.open("wb") as file:
            try:
                torch.save(plain, file)
            except RuntimeError as error:  # on its way out, after the file system refused
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise

    @staticmethod
    def load(
        path: Path, shape: Shape, device: torch.device, precision: torch.dtype, tokenizer: str
    ) -> "State":
        """What `save` wrote.

        Raises:
            CuveeError: The file is damaged, or of a network of another shape or vocabulary.
        """
        with _readable(path):
            plain = torch.load(path, map_location=device, weights_only=True)
            found = Shape(*plain["shape"])
        for name in ("vocabulary", "context", "layers", "width"):
            if getattr(found, name) != getattr(shape, name):
                raise CuveeError(
                    f"{path} is a checkpoint of another network: its {name} is "
                    f"{getattr(found, name)}, expected {getattr(shape, name)}; use the settings "
                    f"that it was trained with, or another checkpoint."
                )
        if plain.get("tokenizer") != tokenizer:
            raise CuveeError(
                f"{path} is a checkpoint of another vocabulary: its token numbers stand for other "
                f"text; use the tokenizer that it was trained with, or another checkpoint."
            )
        with _readable(path):
            state = State.new(shape, int(plain["seed"]), device, precision, tokenizer)
            state.network.load_state_dict(plain["network"])
            state.optimizer.load(plain["optimizer"])
            state.order = None if plain["order"] is None else Order.from_dict(plain["order"])
            state.done = int(plain["done"])
        return state


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the library raises of every kind
        raise CuveeError(
            f"{path} is no checkpoint of the transformer proxy: expected a file that it wrote."
        ) from error


def train(
    state: State,
    until: int,
    recipe: Recipe,
    windows: Callable[[np.ndarray, np.ndarray], np.ndarray],
    after_look: Callable[[State], object] = lambda state: None,
    key: tuple[int, ...] = (),
) -> None:
    """Train a state on, in place.

    Batch by batch, windows come from the state's order, so that where a run stops and goes on
    makes no difference.

    Args:
        state: Whose order says what comes next.
        until: Windows seen at the end.
        recipe: Of the whole run.
        windows: Source and number of each row -> (rows, context + 1) of token numbers.
        after_look: Called after every step whose loss was looked at, to save the state, say.
        key: Chooses another order of the same windows; empty: as they come.

    Raises:
        CuveeError: The loss or a parameter is no number, or the loss stays above that of guessing.
    """
    network, optimizer = state.network, state.optimizer
    device = network.embedding.device
    level = log(network.shape.vocabulary)  # of one that guesses; then a mean over steps
    chance = level + 1
    for batch in _batches(state, until, recipe.rows, windows, key):
        loss = mean_loss(network, batch.to(device, non_blocking=True))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        step, stop = state.done // recipe.rows, state.done + len(batch)
        look = device.type == "cpu" or step % LOOK == 0 or stop == until
        if look:
            now = loss.item()
            level += LATELY * (now - level)
            _check(level if isfinite(now) else now, chance, step, recipe)
        optimizer.step(recipe.rate(state.done), recipe.weight_decay)
        state.done = stop
        if look:
            after_look(state)
    if not all(bool(torch.isfinite(p).all()) for p in network.parameters()):
        # The loss was looked at before the last step.
        _check(nan, chance, until // recipe.rows, recipe)


def _check(loss: float, most: float, step: int, recipe: Recipe) -> None:
    """Stop a run that has diverged: it knows less than one that guesses."""
    if not loss < most:
        raise CuveeError(
            f"a run diverged: its loss is {loss:.3g} at step {step} (highest learning rate "
            f"{recipe.lr:.3g}); set a lower one, as in transformer:lr={recipe.lr / 4:.2g}; "
            f"finished runs are kept."
        )


def _batches(
    state: State, until: int, rows: int, windows: Callable[[np.ndarray, np.ndarray], np.ndarray],
    key: tuple[int, ...],
) -> Iterator[Tensor]:  # fmt: skip
    """Batches from where a state is; many are looked up at once, as each look takes its time.

    What is looked up at once is counted from where the shares last changed, so that another order
    within it does not depend on where a run was stopped.
    """
    if state.order is None:
        raise CuveeError("a run needs the shares of its first windows.")
    many = rows * max(AHEAD // (rows * state.network.shape.context), 1)
    done, start = state.done, state.order.stretches[-1].start
    for at in range(start + (done - start) // many * many, until, many):
        source, number = state.order.between(at, min(at + many, until))
        if key:
            number = _reordered(source, number, *key, at)
        left = slice(max(done - at, 0), None)
        yield from torch.from_numpy(windows(source[left], number[left])).split(rows)


def _reordered(source: np.ndarray, number: np.ndarray, *key: int) -> np.ndarray:
    """The same windows of each source in another order; whose turn it is stays."""
    found = number.copy()
    for i in np.unique(source):
        mine = np.flatnonzero(source == i)
        found[mine] = number[mine][shuffled(np.arange(len(mine)), len(mine), *key, int(i))]
    return found


def merged(states: Sequence[tuple[float, State]]) -> Network:
    """The network whose parameters are the weighted mean of others'."""
    first = states[0][1].network
    total: dict[str, Tensor] = {}
    for weight, state in states:
        if state.network.shape != first.shape:
            raise CuveeError("only networks of one shape can be merged: give all runs one size.")
        for name, value in state.network.state_dict().items():
            total[name] = weight * value + total.get(name, 0)
    network = Network(first.shape, torch.Generator(), first.precision).to(first.embedding.device)
    network.load_state_dict(total)
    return network


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads inside, whatever the number of runs side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def alone(device: torch.device) -> AbstractContextManager[object]:
    """One run at a time on a GPU, which one fills: two would only share its memory and time."""
    return GPU if device.type == "cuda" else nullcontext()


def best_device(name: str) -> torch.device:
    """The device of a name; `auto` is the GPU where there is one.

    Raises:
        CuveeError: There is no such device.
    """
    found = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        device = torch.device(found)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise CuveeError(
            f"device {name!r} cannot be used ({reason}): auto, cpu or cuda."
        ) from error
    return device


def precision_of(name: str, device: torch.device) -> torch.dtype:
    """Of matrix products: bf16 where the hardware has it, single precision elsewhere."""
    kinds: dict[str, Any] = {"bf16": torch.bfloat16, "fp32": torch.float32}
    if name != "auto":
        if name not in kinds:
            raise CuveeError(f"precision must be auto, bf16 or fp32, got {name!r}.")
        return kinds[name]
    if device.type == "cpu":
        fast = _has_bf16() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16


def _has_bf16() -> bool:
    """Whether the CPU itself multiplies bf16; the library alone would emulate it, slowly."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
