"""Layers of DenseNet, on slices `(batch, H, W, channels)` and on volumes `(batch, D, H, W, channels)` alike.

Huang et al., "Densely connected convolutional networks", CVPR 2017; Li et al., "H-DenseUNet: hybrid densely connected
UNet for liver and tumor segmentation from CT volumes", IEEE TMI 2018.
"""

from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import (
    build_chain,
    make_batch_norm,
    make_conv,
    pad_symmetric,
    padded_shape,
    strided_size,
)
from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor

BOTTLENECK = 4


@register()
class NormReLU(layers.Layer):
    """Batch normalization, a learned scale and ReLU, which precede the convolutions of a DenseNet.

    Input of any shape `(batch, ..., channels)`, which is kept.

    Args:
        scale: whether channels are scaled and shifted once more after the normalization, which does so too. The
            reference networks descend from Caffe's, where normalization itself has no scale.
    """

    def __init__(self, *, scale: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def build(self, input_shape: Shape) -> None:
        self.norm = make_batch_norm(self, "norm")
        self.norm.build(input_shape)
        if self.scale:
            self.scale_gamma = self.add_weight(name="scale_gamma", shape=input_shape[-1:], initializer="ones")
            self.scale_beta = self.add_weight(name="scale_beta", shape=input_shape[-1:], initializer="zeros")

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = self.norm(inputs, training=training)
        return ops.relu(x * self.scale_gamma + self.scale_beta if self.scale else x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@register()
class DenseStem(layers.Layer):
    """Stem of a DenseNet without its pooling: 7x7 convolution with stride 2, normalization, ReLU.

    `(batch, H, W, channels)` to `(batch, H / 2, W / 2, filters)`; the depth of a volume is halved too.

    Args:
        filters: output channels.
        scale: see `NormReLU`.
    """

    def __init__(self, *, filters: int, scale: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.scale = scale

    def build(self, input_shape: Shape) -> None:
        self.conv = make_conv(self, self.filters, 7, rank=len(input_shape) - 2, strides=2, name="conv")
        self.norm = NormReLU(scale=self.scale, dtype=self.dtype_policy, name="norm")
        build_chain(padded_shape(input_shape, 3), self.conv, self.norm)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        return self.norm(self.conv(pad_symmetric(inputs, 3)), training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sides, _ = input_shape
        return batch, *(strided_size(side, 2) for side in sides), self.filters


@register(renamed={"growth": "growth_rate"})
class DenseStep(layers.Layer):
    """Layer of a dense block: a 1x1 convolution to `4 * growth_rate` channels, a 3x3 one to `growth_rate`.

    `NormReLU` precedes each of the two.

    `(batch, H, W, channels)` to `(batch, H, W, channels + growth_rate)`: the new map is concatenated to the input.

    Args:
        growth_rate: channels that the layer adds.
        scale: see `NormReLU`.
    """

    def __init__(self, *, growth_rate: int, scale: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.growth_rate = growth_rate
        self.scale = scale

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape) - 2
        self.norm1 = NormReLU(scale=self.scale, dtype=self.dtype_policy, name="norm1")
        self.conv1 = make_conv(self, BOTTLENECK * self.growth_rate, 1, rank=rank, name="conv1")
        self.norm2 = NormReLU(scale=self.scale, dtype=self.dtype_policy, name="norm2")
        self.conv2 = make_conv(self, self.growth_rate, 3, rank=rank, padding="same", name="conv2")
        build_chain(input_shape, self.norm1, self.conv1, self.norm2, self.conv2)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = self.conv1(self.norm1(inputs, training=training))
        x = self.conv2(self.norm2(x, training=training))
        return ops.concatenate([inputs, x], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], input_shape[-1] + self.growth_rate)


@register(renamed={"growth": "growth_rate"})
class DenseBlock(layers.Layer):
    """Dense block: layers each of which sees the maps of all previous ones.

    `(batch, H, W, channels)` to `(batch, H, W, channels + depth * growth_rate)`.

    Args:
        growth_rate: channels that each layer adds.
        depth: number of layers.
        scale: see `NormReLU`.
    """

    def __init__(self, *, growth_rate: int, depth: int, scale: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.growth_rate = growth_rate
        self.depth = depth
        self.scale = scale

    def build(self, input_shape: Shape) -> None:
        options = {"growth_rate": self.growth_rate, "scale": self.scale, "dtype": self.dtype_policy}
        self.steps = [DenseStep(name=f"step{index + 1}", **options) for index in range(self.depth)]
        build_chain(input_shape, *self.steps)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for step in self.steps:
            x = step(x, training=training)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], input_shape[-1] + self.depth * self.growth_rate)


@register()
class DenseTransition(layers.Layer):
    """Transition between dense blocks: `NormReLU`, a 1x1 convolution to half the channels, 2x2 average pooling.

    `(batch, H, W, channels)` to `(batch, H / 2, W / 2, channels / 2)`; a volume keeps its depth.

    Args:
        scale: see `NormReLU`.
    """

    def __init__(self, *, scale: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def build(self, input_shape: Shape) -> None:
        self.norm = NormReLU(scale=self.scale, dtype=self.dtype_policy, name="norm")
        self.conv = make_conv(self, input_shape[-1] // 2, 1, rank=len(input_shape) - 2, name="conv")
        build_chain(input_shape, self.norm, self.conv)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = self.conv(self.norm(inputs, training=training))
        window = (2, 2) if len(x.shape) == 4 else (1, 2, 2)
        # In float32: on CPUs, PyTorch cannot pool volumes in bfloat16, nor TensorFlow in float16.
        return ops.cast(ops.average_pool(ops.cast(x, "float32"), window, strides=window), x.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        *outer, height, width, channels = input_shape
        height, width = (None if side is None else side // 2 for side in (height, width))
        return *outer, height, width, channels // 2
