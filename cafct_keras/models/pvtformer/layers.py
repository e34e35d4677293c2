"""Decoder step of PVTFormer: enlargement and a residual block."""

import keras
from keras import layers, ops

from cafct_keras.layers.conv import build_chain, make_batch_norm, make_conv
from cafct_keras.layers.initializers import PACKAGE, FanInUniform
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
        def conv(name, kernel_size):
            # Not the fan-out rule: where channels are reduced it enlarges what comes in, here from block to block.
            options = {"padding": "same", "use_bias": True, "kernel_initializer": FanInUniform(), "name": name}
            return make_conv(self, self.filters, kernel_size, **options)

        self.upsample = BilinearUpsampling(
            factor=self.factor, align_corners=True, dtype=self.dtype_policy, name="upsample"
        )
        self.conv1, self.norm1 = conv("conv1", 3), make_batch_norm(self, "norm1")
        self.conv2, self.norm2 = conv("conv2", 3), make_batch_norm(self, "norm2")
        self.shortcut, self.shortcut_norm = conv("shortcut", 1), make_batch_norm(self, "shortcut_norm")
        shape, *skips = _as_list(input_shape)
        self.upsample.build(shape)
        *enlarged, channels = self.upsample.compute_output_shape(shape)
        joined = (*enlarged, channels + sum(skip[-1] for skip in skips))
        build_chain(joined, self.conv1, self.norm1, self.conv2, self.norm2)
        build_chain(joined, self.shortcut, self.shortcut_norm)

    def call(self, inputs, training=None):
        coarse, *skips = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        joined = ops.concatenate([self.upsample(coarse), *skips], axis=-1)
        x = ops.relu(self.norm1(self.conv1(joined), training=training))
        x = self.norm2(self.conv2(x), training=training)
        return ops.relu(x + self.shortcut_norm(self.shortcut(joined), training=training))

    def compute_output_shape(self, input_shape):
        shape = BilinearUpsampling(factor=self.factor).compute_output_shape(_as_list(input_shape)[0])
        return (*shape[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "factor": self.factor}


def _as_list(shape):
    """One shape or a list of shapes, as a list."""
    return list(shape) if isinstance(shape[0], (list, tuple)) else [shape]
