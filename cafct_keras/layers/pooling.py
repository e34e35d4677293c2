"""Max-pooling that XLA differentiates well."""

import keras
from keras import layers, ops

from cafct_keras.layers.initializers import PACKAGE


def max_pool(x, size):
    """Max-pooling with stride 2, one axis after the other.

    As plain maxima of shifted maps, because XLA scatters the gradient of its own pooling by index: on CPUs that alone
    took a fifteenth of the training step of `small`.

    Args:
        x: `(batch, ..., channels)`, with any number of axes between.
        size: 2, or an odd number for maps without negative values, with a border of `size // 2` zeros on either side.

    Returns:
        A map of half the sides.
    """
    border = (size - 1) // 2
    for axis in range(1, len(x.shape) - 1):
        # After a ReLU a border of zeros pools like one of minus infinity.
        x = ops.pad(x, [(border, border) if each == axis else (0, 0) for each in range(len(x.shape))]) if border else x
        across = (slice(None),) * axis
        first, *others = (x[(*across, slice(start, start - size + 1 or None, 2))] for start in range(size))
        for other in others:
            first = ops.maximum(first, other)
        x = first
    return x


@keras.saving.register_keras_serializable(PACKAGE)
class MaxPooling(layers.Layer):
    """Max-pooling with stride 2.

    `(batch, H, W, channels)` to `(batch, H / 2, W / 2, channels)`; a volume's depth is halved too.

    Args:
        size: see `max_pool`.
    """

    def __init__(self, *, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs):
        return max_pool(inputs, self.size)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        return batch, *(None if side is None else (side + self.size % 2) // 2 for side in sides), channels

    def get_config(self):
        return {**super().get_config(), "size": self.size}
