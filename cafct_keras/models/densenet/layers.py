"""Blocks of DenseUNet, on slices `(batch, H, W, channels)` and on volumes `(batch, D, H, W, channels)` alike.

Huang et al., "Densely connected convolutional networks", CVPR 2017; Li et al., "H-DenseUNet: hybrid densely connected
UNet for liver and tumor segmentation from CT volumes", IEEE TMI 2018.
"""

import keras
from keras import layers, ops

from cafct_keras.layers.conv import (
    build_chain,
    make_batch_norm,
    make_conv,
    pad_symmetric,
    padded_shape,
    strided_size,
)
from cafct_keras.layers.initializers import PACKAGE

BOTTLENECK = 4


@keras.saving.register_keras_serializable(PACKAGE)
class NormReLU(layers.Layer):
    """Batch normalisation, a learned scale, ReLU: what precedes the convolutions of a DenseNet.

    Any shape `(batch, ..., channels)`, unchanged.

    Args:
        scale: whether channels are scaled and shifted once more behind the normalisation, which does so too. The
            reference's networks have this twice because Caffe's normalisation, from which they come, does not.
    """

    def __init__(self, *, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def build(self, input_shape):
        self.norm = make_batch_norm(self, "norm")
        self.norm.build(input_shape)
        if self.scale:
            self.scale_gamma = self.add_weight(name="scale_gamma", shape=input_shape[-1:], initializer="ones")
            self.scale_beta = self.add_weight(name="scale_beta", shape=input_shape[-1:], initializer="zeros")

    def call(self, inputs, training=None):
        x = self.norm(inputs, training=training)
        return ops.relu(x * self.scale_gamma + self.scale_beta if self.scale else x)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(PACKAGE)
class DenseStem(layers.Layer):
    """First layers of a DenseNet before its pooling: 7x7 convolution with stride 2, normalisation, ReLU.

    `(batch, H, W, channels)` to `(batch, H / 2, W / 2, filters)`; a volume's depth is halved too.

    Args:
        filters: output channels.
        scale: see `NormReLU`.
    """

    def __init__(self, *, filters, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.scale = scale

    def build(self, input_shape):
        self.conv = make_conv(self, self.filters, 7, rank=len(input_shape) - 2, strides=2, name="conv")
        self.norm = NormReLU(scale=self.scale, dtype=self.dtype_policy, name="norm")
        build_chain(padded_shape(input_shape, 3), self.conv, self.norm)

    def call(self, inputs, training=None):
        return self.norm(self.conv(pad_symmetric(inputs, 3)), training=training)

    def compute_output_shape(self, input_shape):
        batch, *sides, _ = input_shape
        return batch, *(strided_size(side, 2) for side in sides), self.filters

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "scale": self.scale}


@keras.saving.register_keras_serializable(PACKAGE)
class DenseStep(layers.Layer):
    """One step of a dense block: 1x1 convolution to four times the growth, 3x3 to the growth, `NormReLU` before each.

    `(batch, H, W, channels)` to `(batch, H, W, channels + growth)`: its map is concatenated with what it saw.

    Args:
        growth: channels that the step adds.
        scale: see `NormReLU`.
    """

    def __init__(self, *, growth, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.growth = growth
        self.scale = scale

    def build(self, input_shape):
        rank = len(input_shape) - 2
        self.norm1 = NormReLU(scale=self.scale, dtype=self.dtype_policy, name="norm1")
        self.conv1 = make_conv(self, BOTTLENECK * self.growth, 1, rank=rank, name="conv1")
        self.norm2 = NormReLU(scale=self.scale, dtype=self.dtype_policy, name="norm2")
        self.conv2 = make_conv(self, self.growth, 3, rank=rank, padding="same", name="conv2")
        build_chain(input_shape, self.norm1, self.conv1, self.norm2, self.conv2)

    def call(self, inputs, training=None):
        x = self.conv1(self.norm1(inputs, training=training))
        x = self.conv2(self.norm2(x, training=training))
        return ops.concatenate([inputs, x], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.growth)

    def get_config(self):
        return {**super().get_config(), "growth": self.growth, "scale": self.scale}


@keras.saving.register_keras_serializable(PACKAGE)
class DenseBlock(layers.Layer):
    """Steps each of which sees the maps of all before it.

    `(batch, H, W, channels)` to `(batch, H, W, channels + depth * growth)`.

    Args:
        growth: channels that a step adds.
        depth: number of steps.
        scale: see `NormReLU`.
    """

    def __init__(self, *, growth, depth, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.growth = growth
        self.depth = depth
        self.scale = scale

    def build(self, input_shape):
        options = {"growth": self.growth, "scale": self.scale, "dtype": self.dtype_policy}
        self.steps = [DenseStep(name=f"step{index + 1}", **options) for index in range(self.depth)]
        build_chain(input_shape, *self.steps)

    def call(self, inputs, training=None):
        x = inputs
        for step in self.steps:
            x = step(x, training=training)
        return x

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.depth * self.growth)

    def get_config(self):
        return {**super().get_config(), "growth": self.growth, "depth": self.depth, "scale": self.scale}


@keras.saving.register_keras_serializable(PACKAGE)
class DenseTransition(layers.Layer):
    """Between two dense blocks: `NormReLU`, a 1x1 convolution to half the channels, 2x2 average pooling.

    `(batch, H, W, channels)` to `(batch, H / 2, W / 2, channels / 2)`; a volume keeps its depth.

    Args:
        scale: see `NormReLU`.
    """

    def __init__(self, *, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def build(self, input_shape):
        self.norm = NormReLU(scale=self.scale, dtype=self.dtype_policy, name="norm")
        self.conv = make_conv(self, input_shape[-1] // 2, 1, rank=len(input_shape) - 2, name="conv")
        build_chain(input_shape, self.norm, self.conv)

    def call(self, inputs, training=None):
        x = self.conv(self.norm(inputs, training=training))
        window = (2, 2) if len(x.shape) == 4 else (1, 2, 2)
        # In float32: on CPUs PyTorch pools no volumes in bfloat16, and TensorFlow none in float16.
        return ops.cast(ops.average_pool(ops.cast(x, "float32"), window, strides=window), x.dtype)

    def compute_output_shape(self, input_shape):
        *outer, height, width, channels = input_shape
        height, width = (None if side is None else side // 2 for side in (height, width))
        return *outer, height, width, channels // 2

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
