"""Decoder step of PVTFormer: enlargement and a residual block."""

import keras
from keras import layers, ops

from cafct_keras.layers.conv import ConvBNReLU, build_chain
from cafct_keras.layers.initializers import PACKAGE
from cafct_keras.layers.resize import BilinearUpsampling


@keras.saving.register_keras_serializable(PACKAGE)
class ResidualUpsampling(layers.Layer):
    """Enlarges a map, concatenates a skip connection where there is one, and runs a residual block.

    `(batch, H, W, C)`, or that map and a skip connection `(batch, factor * H, factor * W, D)`, to
    `(batch, factor * H, factor * W, filters)`. Jha et al., "CT liver segmentation via PVT-based encoding and refined
    decoding", ISBI 2024: enlargement with aligned corners, two 3x3 convolutions, a shortcut that is always projected,
    every convolution with a bias before its normalisation.

    Args:
        filters: output channels.
        factor: enlargement; 1 for the residual block alone.
    """

    def __init__(self, *, filters, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.factor = factor

    def build(self, input_shape):
        def conv(name, **options):
            return ConvBNReLU(filters=self.filters, use_bias=True, dtype=self.dtype_policy, name=name, **options)

        self.upsample = BilinearUpsampling(
            factor=self.factor, align_corners=True, dtype=self.dtype_policy, name="upsample"
        )
        self.convs = [conv("conv1"), conv("conv2", activation=None)]
        self.shortcut = conv("shortcut", kernel_size=1, activation=None)
        shape, *skips = _as_list(input_shape)
        self.upsample.build(shape)
        *enlarged, channels = self.upsample.compute_output_shape(shape)
        joined = (*enlarged, channels + sum(skip[-1] for skip in skips))
        build_chain(joined, *self.convs)
        self.shortcut.build(joined)

    def call(self, inputs, training=None):
        x, *skips = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        x = residual = ops.concatenate([self.upsample(x), *skips], axis=-1)
        for conv in self.convs:
            x = conv(x, training=training)
        return ops.relu(x + self.shortcut(residual, training=training))

    def compute_output_shape(self, input_shape):
        shape = BilinearUpsampling(factor=self.factor).compute_output_shape(_as_list(input_shape)[0])
        return (*shape[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "factor": self.factor}


def _as_list(shape):
    """One shape or a list of shapes, as a list."""
    return list(shape) if isinstance(shape[0], (list, tuple)) else [shape]
