"""Bilinear upsampling of feature maps."""

from typing import Any

from keras import layers, ops

from cafct_keras.layers.serialization import register
from cafct_keras.layers.standard import uses_standard_operators
from cafct_keras.typing import Shape, Tensor


def upsample_bilinear(x: Tensor, factor: int, *, align_corners: bool = False) -> Tensor:
    """Upsamples `(batch, H, W, channels)` bilinearly by an integer factor, in the dtype of the map.

    Output `factor * k + phase` lies within a pixel of input k, so along each axis the output interleaves `factor`
    weighted sums of the map and its two shifted copies. H and W may be unknown.

    Args:
        x: the map.
        factor: upsampling factor, at least 1.
        align_corners: whether the centers of the corner pixels are aligned, as in some reference networks, or their
            outer edges (half-pixel centers); both as in PyTorch.

    Returns:
        The map `(batch, factor * H, factor * W, channels)`.
    """
    if factor == 1:
        return x
    if uses_standard_operators() and not align_corners:
        import tensorflow as tf  # that of Keras takes no size that is unknown

        return tf.image.resize(x, tf.shape(x)[1:3] * factor)
    for axis in (1, 2):
        x = _upsample_axis(x, factor, axis, align_corners)
    return x


def _upsample_axis(x: Tensor, factor: int, axis: int, align_corners: bool) -> Tensor:
    first, last = (slice(0, 1), slice(-1, None))
    across = (slice(None),) * axis
    before = ops.concatenate([x[(*across, first)], x[(*across, slice(None, -1))]], axis=axis)
    after = ops.concatenate([x[(*across, slice(1, None))], x[(*across, last)]], axis=axis)
    shape = list(ops.shape(x))
    phases = []
    for phase in range(factor):
        if align_corners:
            # (factor * k + phase) * (size - 1) / (factor * size - 1) - k, which differs at every k.
            size, k = ops.cast(shape[axis], "float32"), ops.arange(shape[axis], dtype="float32")
            offset = (phase * (size - 1) - k * (factor - 1)) / (factor * size - 1)
            offset = ops.cast(ops.reshape(offset, (-1,) + (1,) * (3 - axis)), x.dtype)
            phases.append(x * (1 - ops.abs(offset)) + after * ops.relu(offset) + before * ops.relu(-offset))
        else:
            offset = (phase + 0.5) / factor - 0.5
            phases.append(x * (1 - abs(offset)) + (after if offset > 0 else before) * abs(offset))
    shape[axis] *= factor
    return ops.reshape(ops.stack(phases, axis=axis + 1), shape)


@register()
class BilinearUpsampling(layers.Layer):
    """Bilinear upsampling by an integer factor.

    `(batch, H, W, channels)` to `(batch, factor * H, factor * W, channels)`.

    Args:
        factor, align_corners: see `upsample_bilinear`.
    """

    def __init__(self, *, factor: int = 2, align_corners: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.align_corners = align_corners

    def call(self, inputs: Tensor) -> Tensor:
        return upsample_bilinear(inputs, self.factor, align_corners=self.align_corners)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        height, width = (None if size is None else size * self.factor for size in (height, width))
        return batch, height, width, channels
