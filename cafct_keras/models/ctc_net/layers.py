"""Feature complementary module of CTC-Net."""

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import ConvBNReLU, build_chain, make_batch_norm, make_conv
from cafct_keras.layers.fusion import SqueezeExcitation
from cafct_keras.layers.serialization import register
from cafct_keras.models.swin.layers import SwinBlock
from cafct_keras.typing import Shape, Tensor


@register()
class PreActivationBottleneck(layers.Layer):
    """Pre-activation residual bottleneck: normalization and ReLU before each of 1x1, 3x3 and 1x1 convolutions.

    `(batch, H, W, channels)` to `(batch, H, W, filters)`. He et al., "Identity mappings in deep residual networks",
    ECCV 2016, as in TransFuse (Zhang et al., MICCAI 2021): convolutions with bias, half of `filters` inside, a 1x1
    convolution as the shortcut if the channels change.

    Args:
        filters: output channels.
    """

    def __init__(self, *, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape: Shape) -> None:
        def conv(name: str, filters: int, kernel_size: int = 1) -> layers.Layer:
            return make_conv(self, filters, kernel_size, padding="same", use_bias=True, name=name)

        inner = self.filters // 2
        self.convs = [conv("conv1", inner), conv("conv2", inner, 3), conv("conv3", self.filters)]
        self.norms = [make_batch_norm(self, f"norm{index}") for index in (1, 2, 3)]
        self.shortcut = None if input_shape[-1] == self.filters else conv("shortcut", self.filters)
        build_chain(input_shape, *(layer for pair in zip(self.norms, self.convs, strict=True) for layer in pair))
        build_chain(input_shape, *filter(None, [self.shortcut]))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = conv(ops.relu(norm(x, training=training)))
        return x + (inputs if self.shortcut is None else self.shortcut(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters)


@register(renamed={"ratio": "reduction_ratio"})
class ComplementaryFusion(layers.Layer):
    """Feature complementary module: fuses maps of a CNN and a transformer that have the same shape.

    `[CNN (batch, H, W, C), transformer (batch, H, W, C)]` to `(batch, H, W, C)`. Yuan et al., "An effective CNN and
    Transformer complementary network for medical image segmentation", Pattern Recognition 136, 2023. A bottleneck
    combines three maps:

    * cross-domain fusion: one transformer block, shared by both maps, attends to each map and the average of the other;
      its two outputs are concatenated and projected;
    * correlation: the product of the maps, convolved;
    * channel attention: squeeze-and-excitation of the transformer's map.

    The released code concatenates each map with the average of the other and removes it again before the block, so
    there the block sees one map only. Here every window attends to the average, as the paper describes; that needs no
    further weights. Weights of the release on which its output does not depend are left out.

    Args:
        num_heads, window_size: see `WindowAttention`; for the transformer block.
        reduction_ratio: ratio of channels to hidden units of the channel attention.
    """

    def __init__(self, *, num_heads: int, window_size: int, reduction_ratio: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.window_size = window_size
        self.reduction_ratio = reduction_ratio

    def build(self, input_shape: Sequence[Shape]) -> None:
        shape, policy = input_shape[0], self.dtype_policy
        channels = shape[-1]

        def conv(name: str, kernel_size: int) -> ConvBNReLU:
            return ConvBNReLU(filters=channels, kernel_size=kernel_size, use_bias=True, dtype=policy, name=name)

        self.block = SwinBlock(num_heads=self.num_heads, window_size=self.window_size, dtype=policy, name="block")
        self.mix = conv("mix", 1)
        self.correlate = conv("correlate", 3)
        self.attention = SqueezeExcitation(reduction_ratio=self.reduction_ratio, dtype=policy, name="attention")
        self.join = PreActivationBottleneck(filters=channels, dtype=policy, name="join")
        for layer, factor in ((self.block, 1), (self.mix, 2), (self.correlate, 1), (self.attention, 1), (self.join, 3)):
            layer.build((*shape[:-1], factor * channels))

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        cnn, transformer = inputs

        def cross(x: Tensor, other: Tensor) -> Tensor:
            average = ops.mean(other, axis=(1, 2))[:, None]
            return self.block(x, context=average, training=training)

        crossed = ops.concatenate([cross(transformer, cnn), cross(cnn, transformer)], axis=-1)
        parts = [
            self.mix(crossed, training=training),
            self.attention(transformer),
            self.correlate(cnn * transformer, training=training),
        ]
        return self.join(ops.concatenate(parts, axis=-1), training=training)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return input_shape[0]
