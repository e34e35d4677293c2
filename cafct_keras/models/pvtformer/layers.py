"""Decoder block of PVTFormer."""

from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import build_chain, make_batch_norm, make_conv
from cafct_keras.layers.initializers import FanInUniform
from cafct_keras.layers.resize import BilinearUpsampling
from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor


@register()
class ResidualUpsampling(layers.Layer):
    """Upsamples a map, concatenates a skip connection if there is one, and applies a residual block.

    `(batch, H, W, C)`, or that map and a skip connection `(batch, factor * H, factor * W, D)`, to
    `(batch, factor * H, factor * W, filters)`. Jha et al., "CT liver segmentation via PVT-based encoding and refined
    decoding", ISBI 2024: bilinear upsampling with aligned corners, two 3x3 convolutions, a shortcut that is always
    projected, all convolutions with bias before their normalization.

    Args:
        filters: output channels.
        factor: upsampling factor; 1 for the residual block alone.
    """

    def __init__(self, *, filters: int, factor: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.factor = factor

    def build(self, input_shape: Shape) -> None:
        def conv(name: str, kernel_size: int) -> layers.Layer:
            # Not scaled by fan-out: where channels are reduced that amplifies the input, here from block to block.
            options: dict[str, Any] = {
                "padding": "same",
                "use_bias": True,
                "kernel_initializer": FanInUniform(),
                "name": name,
            }
            return make_conv(self, self.filters, kernel_size, **options)

        self.upsample = BilinearUpsampling(
            factor=self.factor, align_corners=True, dtype=self.dtype_policy, name="upsample"
        )
        self.conv1, self.norm1 = conv("conv1", 3), make_batch_norm(self, "norm1")
        self.conv2, self.norm2 = conv("conv2", 3), make_batch_norm(self, "norm2")
        self.shortcut, self.shortcut_norm = conv("shortcut", 1), make_batch_norm(self, "shortcut_norm")
        shape, *skips = _as_list(input_shape)
        self.upsample.build(shape)
        *upsampled, channels = self.upsample.compute_output_shape(shape)
        joined = (*upsampled, channels + sum(skip[-1] for skip in skips))
        build_chain(joined, self.conv1, self.norm1, self.conv2, self.norm2)
        build_chain(joined, self.shortcut, self.shortcut_norm)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        coarse, *skips = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        joined = ops.concatenate([self.upsample(coarse), *skips], axis=-1)
        x = ops.relu(self.norm1(self.conv1(joined), training=training))
        x = self.norm2(self.conv2(x), training=training)
        return ops.relu(x + self.shortcut_norm(self.shortcut(joined), training=training))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = BilinearUpsampling(factor=self.factor).compute_output_shape(_as_list(input_shape)[0])
        return (*shape[:-1], self.filters)


def _as_list(shape: Any) -> list[Shape]:
    """Returns one shape or several as a list."""
    return list(shape) if isinstance(shape[0], (list, tuple)) else [shape]
