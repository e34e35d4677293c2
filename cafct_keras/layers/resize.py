"""Bilinear enlargement of feature maps."""

import keras
from keras import layers, ops

from cafct_keras.layers.initializers import PACKAGE


def upsample_bilinear(x, factor):
    """Enlarges `(batch, H, W, channels)` by a whole factor: bilinear, half-pixel centres, in the map's own dtype.

    Every output lies between two neighbours at a distance that depends on its place within a pixel alone, so each axis
    is `factor` weighted sums interleaved. Nothing depends on H and W, which may be unknown.
    """
    if factor == 1:
        return x
    for axis in (1, 2):
        x = _upsample_axis(x, factor, axis)
    return x


def _upsample_axis(x, factor, axis):
    first, last = (slice(0, 1), slice(-1, None))
    across = (slice(None),) * axis
    before = ops.concatenate([x[(*across, first)], x[(*across, slice(None, -1))]], axis=axis)
    after = ops.concatenate([x[(*across, slice(1, None))], x[(*across, last)]], axis=axis)
    phases = []
    for phase in range(factor):
        offset = (phase + 0.5) / factor - 0.5
        phases.append(x * (1 - abs(offset)) + (after if offset > 0 else before) * abs(offset))
    shape = list(ops.shape(x))
    shape[axis] *= factor
    return ops.reshape(ops.stack(phases, axis=axis + 1), shape)


@keras.saving.register_keras_serializable(PACKAGE)
class BilinearUpsampling(layers.Layer):
    """Enlarges a map by a whole factor, bilinear with half-pixel centres (PyTorch's `align_corners=False`).

    `(batch, H, W, channels)` to `(batch, factor * H, factor * W, channels)`.

    Args:
        factor: how many times larger the map becomes, at least 1.
    """

    def __init__(self, *, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return upsample_bilinear(inputs, self.factor)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height, width = (None if size is None else size * self.factor for size in (height, width))
        return batch, height, width, channels

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
