"""Max-pooling as elementwise maxima, which XLA differentiates better."""

import math
from typing import Any

from keras import layers, ops

from cafct_keras.layers.serialization import register
from cafct_keras.layers.standard import uses_standard_operators
from cafct_keras.typing import Shape, Tensor


def max_pool(x: Tensor, size: int) -> Tensor:
    """Max-pooling with stride 2, one axis after the other.

    Computed as maxima of shifted maps, because XLA scatters the gradient of its own pooling by index: measured on CPUs,
    that alone took a fifteenth of the training step of `small`.

    Args:
        x: float map `(batch, ..., channels)`, with any number of spatial axes.
        size: 2, or an odd number; then `size // 2` positions of padding on each side never are the maximum.

    Returns:
        A map whose spatial axes are half as long.
    """
    border = (size - 1) // 2
    if uses_standard_operators():
        axes = len(x.shape) - 2
        padding = [(0, 0), *[(border, border)] * axes, (0, 0)]
        return ops.max_pool(ops.pad(x, padding, constant_values=-math.inf) if border else x, size, strides=2)
    for axis in range(1, len(x.shape) - 1):
        if border:
            padding = [(border, border) if each == axis else (0, 0) for each in range(len(x.shape))]
            x = ops.pad(x, padding, constant_values=-math.inf)
        across = (slice(None),) * axis
        first, *others = (x[(*across, slice(start, start - size + 1 or None, 2))] for start in range(size))
        for other in others:
            first = ops.maximum(first, other)
        x = first
    return x


@register()
class MaxPooling(layers.Layer):
    """Max-pooling with stride 2.

    `(batch, H, W, channels)` to `(batch, H / 2, W / 2, channels)`; the depth of a volume is halved too.

    Args:
        size: see `max_pool`.
    """

    def __init__(self, *, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs: Tensor) -> Tensor:
        return max_pool(inputs, self.size)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sides, channels = input_shape
        return batch, *(None if side is None else (side + self.size % 2) // 2 for side in sides), channels
