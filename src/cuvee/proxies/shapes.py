"""Sizes of the small decoder."""

from dataclasses import dataclass

from cuvee.core import CuveeError

WIDE = 256
"""From this width on, attention heads are 64 wide instead of 32."""
SIZES = ("0.3M", "1M", "3M", "10M", "30M")
"""Names of usual sizes, in parameters."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a decoder.

    Args:
        vocabulary: Tokens that there are.
        context: Tokens that it sees.
        layers: Blocks.
        width: Of the stream.
    """

    vocabulary: int
    context: int
    layers: int
    width: int

    @property
    def heads(self) -> int:
        """Of the attention."""
        return self.width // (64 if self.width >= WIDE else 32)

    @property
    def hidden(self) -> int:
        """Width inside the feed-forward layer: 8/3, as a gate costs a third matrix."""
        return -(-8 * self.width // 3 // 16) * 16

    @property
    def params(self) -> int:
        """Parameters, those of the embedding included."""
        block = 4 * self.width**2 + 3 * self.width * self.hidden + 2 * self.width
        return self.vocabulary * self.width + self.layers * block + 2 * self.width

    @property
    def flops(self) -> float:
        """Of training on one token: 6 for each parameter in a product, and attention."""
        return 6.0 * (self.params + self.layers * self.width * self.context)


def shape_of(params: float, vocabulary: int, context: int) -> Shape:
    """The shape of nearly so many parameters; about 48 times as wide as deep, at least 2 layers.

    Raises:
        CuveeError: The embedding alone is larger, or no shape is so large.
    """
    every = [
        Shape(vocabulary, context, layers, width)
        for width in (*range(32, WIDE, 32), *range(WIDE, 2049, 64))
        for layers in range(2, 33)
        if 16 <= width / layers <= 96
    ]
    least = min(every, key=lambda s: s.params)
    if params < 0.75 * least.params:
        raise CuveeError(
            f"no model of {params:.3g} parameters has {vocabulary} tokens in its vocabulary: the "
            f"smallest has {least.params:.3g}; choose a larger size or a smaller vocabulary."
        )
    most = max(every, key=lambda s: s.params)
    if params > 1.25 * most.params:
        raise CuveeError(
            f"no shape has {params:.3g} parameters: the largest has {most.params:.3g}; choose a "
            "smaller size."
        )
    near = [s for s in every if abs(s.params / params - 1) < 0.15] or every

    def odd(shape: Shape) -> float:
        off, flat = abs(shape.params / params - 1), abs(shape.width / shape.layers / 48 - 1)
        return 4 * off + flat if len(near) < len(every) else off

    return min(near, key=odd)
