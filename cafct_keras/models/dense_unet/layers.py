"""Decoder of DenseUNet, on slices `(batch, H, W, channels)` and on volumes `(batch, D, H, W, channels)` alike.

Li et al., "H-DenseUNet: hybrid densely connected UNet for liver and tumor segmentation from CT volumes", IEEE TMI 2018.
"""

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import build_chain, make_batch_norm, make_conv
from cafct_keras.layers.dropout import Dropout
from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor


@register()
class DenseDecoderBlock(layers.Layer):
    """Decoder step: nearest-neighbor upsampling, addition of the skip connection, 3x3 convolution, normalization, ReLU.

    `(batch, H, W, channels)` or `[skip (batch, factor * H, factor * W, C), (batch, H, W, channels)]` to
    `(batch, factor * H, factor * W, filters)`. The skip connection is projected first if it does not have `channels`.

    Args:
        filters: output channels.
        factors: upsampling factor of each axis, two for slices and three for volumes.
        dropout: dropout rate before the normalization.
    """

    def __init__(self, *, filters: int, factors: Sequence[int] = (2, 2), dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.factors = tuple(factors)
        self.dropout = dropout

    def build(self, input_shape: Shape) -> None:
        skip_shape, coarse_shape = input_shape if isinstance(input_shape[0], (list, tuple)) else (None, input_shape)
        rank, options = len(self.factors), {"use_bias": True, "padding": "same"}
        self.project = None
        if skip_shape is not None and skip_shape[-1] != coarse_shape[-1]:
            self.project = make_conv(self, coarse_shape[-1], 1, rank=rank, name="project", **options)
            self.project.build(skip_shape)
        self.conv = make_conv(self, self.filters, 3, rank=rank, name="conv", **options)
        self.drop = Dropout(rate=self.dropout, dtype=self.dtype_policy, name="drop")
        self.norm = make_batch_norm(self, "norm")
        build_chain(coarse_shape, self.conv, self.drop, self.norm)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        skip, x = inputs if isinstance(inputs, (list, tuple)) else (None, inputs)
        for axis, factor in enumerate(self.factors, start=1):
            x = ops.repeat(x, factor, axis=axis)
        if skip is not None:
            x = x + (skip if self.project is None else self.project(skip))
        x = self.drop(self.conv(x), training=training)
        return ops.relu(self.norm(x, training=training))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sides, _ = input_shape[-1] if isinstance(input_shape[0], (list, tuple)) else input_shape
        sides = (None if side is None else side * factor for side, factor in zip(sides, self.factors, strict=True))
        return batch, *sides, self.filters
