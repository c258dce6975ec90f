"""A small modern decoder, and its loss without a table of logits.

Pre-norm blocks of causal attention with rotary positions and a gated feed-forward layer, no
biases, one matrix for the first and the last layer.

References: Vaswani et al., "Attention is all you need", arXiv 1706.03762, 2017; Zhang and Sennrich,
"Root mean square layer normalization", arXiv 1910.07467, 2019; Su et al., "RoFormer", arXiv
2104.09864, 2021; Shazeer, "GLU variants improve Transformer", arXiv 2002.05202, 2020; Henry et
al., "Query-key normalization for transformers", arXiv 2010.04245, 2020; Press and Wolf, "Using the
output embedding to improve language models", arXiv 1608.05859, 2017.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cuvee.proxies.shapes import Shape

EPSILON = 1e-6
LOGITS = 2**19
"""About how many logits exist at one time on a CPU: what its caches hold; on a GPU 256 times."""
LEAST = 64
"""Tokens in a chunk, however large the vocabulary."""


class Block(nn.Module):
    """Attention, then the gated feed-forward layer; each adds to its input."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, hidden = shape.width, shape.hidden
        self.heads = shape.heads
        self.norm_1 = nn.Parameter(torch.ones(width))
        self.norm_2 = nn.Parameter(torch.ones(width))
        self.attend = nn.Parameter(torch.empty(3 * width, width))
        self.attended = nn.Parameter(torch.empty(width, width))
        self.gate = nn.Parameter(torch.empty(2 * hidden, width))
        self.down = nn.Parameter(torch.empty(width, hidden))

    def forward(self, x: Tensor, turn: Tensor, precision: torch.dtype) -> Tensor:
        """From and to (rows, length, width)."""
        rows, length, width = x.shape
        qkv = product(norm(x, self.norm_1), self.attend, precision)
        q, k, v = rotated(qkv.view(rows, length, 3, self.heads, -1), turn).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = y.transpose(1, 2).reshape(rows, length, width)
        x = x + product(y, self.attended, precision)
        gate, up = product(norm(x, self.norm_2), self.gate, precision).chunk(2, dim=-1)
        return x + product(functional.silu(gate) * up, self.down, precision)


class Network(nn.Module):
    """The decoder, up to the last normalised state of each token."""

    turn: Tensor

    def __init__(
        self, shape: Shape, generator: torch.Generator, precision: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.shape, self.precision = shape, precision
        self.embedding = nn.Parameter(torch.empty(shape.vocabulary, shape.width))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.start = nn.Parameter(torch.ones(shape.width))
        self.norm = nn.Parameter(torch.ones(shape.width))
        self.register_buffer("turn", turns(shape), persistent=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                # Layers that add to the stream begin with nothing, others by what goes into them: a
                # deviation of 0.02 throughout leaves narrow networks on a plateau for long.
                if name.endswith(("attended", "down")):
                    nn.init.zeros_(weight)
                else:
                    deviation = 0.02 if name == "embedding" else weight.shape[1] ** -0.5
                    nn.init.normal_(weight, std=deviation, generator=generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """From (rows, length) of token numbers to states (rows, length, width)."""
        # Normalised, or what the blocks add would drown it.
        x = norm(functional.embedding(tokens, self.embedding), self.start)
        turn = self.turn[:, : tokens.shape[1]]
        for block in self.blocks:
            x = block(x, turn, self.precision)
        return norm(x, self.norm)


def product(x: Tensor, weight: Tensor, precision: torch.dtype) -> Tensor:
    """A linear layer whose factors are rounded to a precision."""
    return functional.linear(x.to(precision), weight.to(precision))


def norm(x: Tensor, weight: Tensor) -> Tensor:
    """Root mean square normalisation."""
    return functional.rms_norm(x, (x.shape[-1],), weight, EPSILON)


def turns(shape: Shape) -> Tensor:
    """Cosines and signed sines of rotary positions, shape (2, context, 1, 1, head)."""
    half = shape.width // shape.heads // 2
    speed = 10_000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.outer(torch.arange(shape.context, dtype=torch.float64), speed)
    cos, sin = torch.cos(angle), torch.sin(angle)
    both = torch.stack([torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)])
    return both.float()[:, :, None, None, :]


def rotated(qkv: Tensor, turn: Tensor) -> Tensor:
    """Queries and keys, normalised and turned by their position; values as they are.

    Args:
        qkv: (rows, length, 3, heads, head).
        turn: Of `turns`.
    """
    # Attention in half precision is slower than in single on a CPU.
    qkv = qkv.float() if qkv.device.type == "cpu" else qkv
    x = functional.rms_norm(qkv[:, :, :2], (qkv.shape[-1],), eps=EPSILON)
    turned = x * turn[0] + x.roll(x.shape[-1] // 2, -1) * turn[1]
    return torch.cat([turned.to(qkv.dtype), qkv[:, :, 2:]], 2)


def chunk_of(vocabulary: int, device: torch.device) -> int:
    """Tokens whose logits are made at one time."""
    many = LOGITS if device.type == "cpu" else 256 * LOGITS
    return max(many // vocabulary, LEAST)


class _Loss(torch.autograd.Function):
    """Mean cross-entropy of next tokens, and its derivatives in the same pass.

    The logits of a chunk become its derivatives in place, so neither the logits of the batch nor
    anything of their size is ever held: memory does not grow with the batch, and with the
    vocabulary only as the matrix itself does.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, tokens: Tensor, chunk: int) -> Tensor:
        count, precision = len(states), states.dtype
        factor = weight.detach().to(precision)
        d_states = torch.empty_like(states)
        d_weight = torch.zeros_like(weight)
        part = torch.empty_like(factor)
        logits = states.new_empty(min(chunk, count), len(weight))
        chance = logits.new_empty(logits.shape, dtype=torch.float32)
        hit = states.new_empty(count, dtype=torch.float32)
        for start in range(0, count, chunk):
            here = slice(start, min(start + chunk, count))
            x, token = states[here], tokens[here, None]
            out, p = logits[: len(x)], chance[: len(x)]
            torch.mm(x, factor.t(), out=out)
            torch.softmax(out, -1, dtype=torch.float32, out=p)
            found = p.gather(1, token)
            hit[here] = found[:, 0]
            p.scatter_(1, token, found - 1)
            out.copy_(p)
            torch.mm(out, factor, out=d_states[here])
            d_weight += torch.mm(out.t(), x, out=part)
        ctx.save_for_backward(d_states, d_weight)
        return -hit.clamp_(min=1e-30).log_().mean()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        d_states, d_weight = ctx.saved_tensors
        scale = grads[0] / len(d_states)
        return d_states * scale.to(d_states.dtype), d_weight * scale, None, None


def mean_loss(network: Network, windows: Tensor) -> Tensor:
    """Mean cross-entropy, nats per token, ready for `backward`.

    Args:
        network: Whose first matrix is also its last.
        windows: (rows, length + 1) of token numbers: inputs, and one further on what follows.
    """
    states = network(windows[:, :-1]).flatten(0, 1).to(network.precision)
    chunk = chunk_of(network.shape.vocabulary, states.device)
    return _Loss.apply(states, network.embedding, windows[:, 1:].flatten(), chunk)  # type: ignore


@torch.no_grad()
def log_probs(network: Network, windows: Tensor) -> Tensor:
    """Log-probability of each next token, (rows, length), in single precision."""
    states = network(windows[:, :-1]).flatten(0, 1).to(network.precision)
    tokens, weight = windows[:, 1:].flatten(), network.embedding.to(network.precision)
    found = states.new_empty(len(states), dtype=torch.float32)
    chunk = chunk_of(network.shape.vocabulary, states.device)
    logits = states.new_empty(min(chunk, len(states)), len(weight))
    for start in range(0, len(states), chunk):
        here = slice(start, min(start + chunk, len(states)))
        out = torch.mm(states[here], weight.t(), out=logits[: here.stop - start])
        log = torch.log_softmax(out, -1, dtype=torch.float32)
        found[here] = log.gather(1, tokens[here, None])[:, 0]
    return found.view(windows.shape[0], -1)
