"""Training of the transformer proxy beside a plain GPT loop of the same shape, one core each.

Both see the same batches, in turns, on one thread. Memory is the peak of a process of its own, less
what parameters, gradients and moments take.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.plain_gpt import PlainGPT, plain_step
from benchmarks.shared import Figure, Options
from cuvee.core.order import Order
from cuvee.proxies.recipe import Recipe
from cuvee.proxies.shapes import Shape
from cuvee.proxies.training import State, precision_of, train

SHAPE = Shape(vocabulary=4096, context=64, layers=2, width=64)
ROWS = 32
LARGE = 65_536
"""Another vocabulary, for the memory."""


def run(options: Options) -> list[Figure]:
    """Tokens a second and a core, and peaks."""
    torch.set_num_threads(1)
    figures = [f for shape, steps in ((SHAPE, 30), (Shape(4096, 128, 5, 192), 5))
               for f in _speed(shape, steps, options.rounds)]  # fmt: skip
    peaks = {(kind, v): _peak(kind, v) for kind in ("ours", "plain") for v in (4096, LARGE)}
    growth = {k: (peaks[k, LARGE] - peaks[k, 4096]) / 1e6 for k in ("ours", "plain")}
    return [
        *figures,
        Figure("memory that a 16 times larger vocabulary adds", [growth["ours"]], "MB", "<= 100",
               note="beside parameters and what the optimizer keeps of them"),
        Figure("the same, plain loop", [growth["plain"]], "MB"),
    ]  # fmt: skip


def _speed(shape: Shape, steps: int, rounds: int) -> list[Figure]:
    ours, plain = _ours(shape), _plain(shape)
    for step in (ours, plain):
        step(2)
    tokens, times = steps * ROWS * shape.context, {"ours": [], "plain": []}
    for _ in range(rounds):
        for name, step in (("ours", ours), ("plain", plain)):
            begin = time.perf_counter()
            step(steps)
            times[name].append(time.perf_counter() - begin)
    size = f"{shape.params / 1e6:.2f}M parameters"
    ratio = [p / o for p, o in zip(times["plain"], times["ours"])]
    speeds = {k: [tokens / t for t in v] for k, v in times.items()}
    peak = f"{shape.flops / 1e6:.1f} Mflop a token; {_flops() / 1e9:.0f} Gflop/s in large products"
    return [
        Figure(f"tokens/s of one core, {size}", speeds["ours"], "1/s", limit=peak),
        Figure(f"tokens/s of the plain loop, {size}", speeds["plain"], "1/s"),
        Figure(f"ratio to the plain loop, {size}", ratio, "", ">= 2.5"),
    ]


def _ours(shape: Shape) -> Callable[[int], None]:
    device = torch.device("cpu")
    state = State.new(shape, 0, device, precision_of("auto", device))
    state.order = Order.of([1.0])
    recipe = Recipe(3e-3, ROWS, 10**9, "constant", 0.0, 0.0, 0.1)
    rng = np.random.default_rng(0)

    def windows(source: np.ndarray, number: np.ndarray) -> np.ndarray:
        return rng.integers(0, shape.vocabulary, (len(source), shape.context + 1))

    return lambda steps: train(state, state.done + steps * ROWS, recipe, windows)


def _plain(shape: Shape) -> Callable[[int], None]:
    torch.manual_seed(0)
    model = PlainGPT(shape.vocabulary, shape.context, shape.layers, shape.width, shape.heads)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.1)
    rng = np.random.default_rng(0)

    def steps(count: int) -> None:
        for _ in range(count):
            batch = rng.integers(0, shape.vocabulary, (ROWS, shape.context + 1))
            plain_step(model, optimizer, torch.from_numpy(batch))

    return steps


def _flops() -> float:
    """Of a large product at the precision that the proxy uses."""
    a = torch.randn(1024, 1024, dtype=precision_of("auto", torch.device("cpu")))
    best = np.inf
    for _ in range(5):
        begin = time.perf_counter()
        torch.mm(a, a)
        best = min(best, time.perf_counter() - begin)
    return 2 * 1024**3 / best


def _peak(kind: str, vocabulary: int) -> float:
    """Bytes, of a process that trains a few steps, less parameters, gradients and two moments."""
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.training", kind, str(vocabulary)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    params = Shape(vocabulary, SHAPE.context, SHAPE.layers, SHAPE.width).params
    return float(found.stdout) - 16 * params


if __name__ == "__main__":
    torch.set_num_threads(1)
    chosen = Shape(int(sys.argv[2]), SHAPE.context, SHAPE.layers, SHAPE.width)
    {"ours": _ours, "plain": _plain}[sys.argv[1]](chosen)(4)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
