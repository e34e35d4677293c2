"""Bilinear enlargement of feature maps."""

import keras
from keras import layers, ops

from cafct_keras.layers.initializers import PACKAGE


def upsample_bilinear(x, factor, *, align_corners=False):
    """Enlarges `(batch, H, W, channels)` by a whole factor, bilinearly, in the map's own dtype.

    Output `factor * k + phase` lies within a pixel of input k, so each axis is `factor` weighted sums of a map and its
    two shifted copies, interleaved. H and W may be unknown.

    Args:
        x: the map.
        factor: how many times larger it becomes, at least 1.
        align_corners: whether the centres of the corner pixels stay in place, as in some reference networks, or their
            outer edges (half-pixel centres).
    """
    if factor == 1:
        return x
    for axis in (1, 2):
        x = _upsample_axis(x, factor, axis, align_corners)
    return x


def _upsample_axis(x, factor, axis, align_corners):
    first, last = (slice(0, 1), slice(-1, None))
    across = (slice(None),) * axis
    before = ops.concatenate([x[(*across, first)], x[(*across, slice(None, -1))]], axis=axis)
    after = ops.concatenate([x[(*across, slice(1, None))], x[(*across, last)]], axis=axis)
    shape = list(ops.shape(x))
    phases = []
    for phase in range(factor):
        if align_corners:
            # (factor * k + phase) * (size - 1) / (factor * size - 1) - k, another distance at every k.
            size, k = ops.cast(shape[axis], "float32"), ops.arange(shape[axis], dtype="float32")
            offset = (phase * (size - 1) - k * (factor - 1)) / (factor * size - 1)
            offset = ops.cast(ops.reshape(offset, (-1,) + (1,) * (3 - axis)), x.dtype)
            phases.append(x * (1 - ops.abs(offset)) + after * ops.relu(offset) + before * ops.relu(-offset))
        else:
            offset = (phase + 0.5) / factor - 0.5
            phases.append(x * (1 - abs(offset)) + (after if offset > 0 else before) * abs(offset))
    shape[axis] *= factor
    return ops.reshape(ops.stack(phases, axis=axis + 1), shape)


@keras.saving.register_keras_serializable(PACKAGE)
class BilinearUpsampling(layers.Layer):
    """Enlarges a map by a whole factor, bilinearly.

    `(batch, H, W, channels)` to `(batch, factor * H, factor * W, channels)`.

    Args:
        factor: how many times larger the map becomes, at least 1.
        align_corners: False for half-pixel centres, True to keep the corner pixels' centres in place; both as PyTorch
            means it.
    """

    def __init__(self, *, factor=2, align_corners=False, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.align_corners = align_corners

    def call(self, inputs):
        return upsample_bilinear(inputs, self.factor, align_corners=self.align_corners)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height, width = (None if size is None else size * self.factor for size in (height, width))
        return batch, height, width, channels

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "align_corners": self.align_corners}
