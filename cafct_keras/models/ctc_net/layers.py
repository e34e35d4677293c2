"""Fusion of the two branches of CTC-Net: the feature complementary module."""

import keras
from keras import layers, ops

from cafct_keras.layers.conv import ConvBNReLU, build_chain, make_batch_norm, make_conv
from cafct_keras.layers.fusion import SqueezeExcitation
from cafct_keras.layers.initializers import PACKAGE
from cafct_keras.models.swin.layers import SwinBlock


@keras.saving.register_keras_serializable(PACKAGE)
class PreActivationBottleneck(layers.Layer):
    """Pre-activated residual bottleneck: normalisation and ReLU before each of 1x1, 3x3 and 1x1 convolutions.

    `(batch, H, W, channels)` to `(batch, H, W, filters)`. He et al., "Identity mappings in deep residual networks",
    ECCV 2016, as TransFuse (Zhang et al., MICCAI 2021) has it: convolutions with bias, half of `filters` inside, a 1x1
    convolution as the shortcut where the channels change.

    Args:
        filters: output channels.
    """

    def __init__(self, *, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape):
        def conv(name, filters, kernel_size=1):
            return make_conv(self, filters, kernel_size, padding="same", use_bias=True, name=name)

        inner = self.filters // 2
        self.convs = [conv("conv1", inner), conv("conv2", inner, 3), conv("conv3", self.filters)]
        self.norms = [make_batch_norm(self, f"norm{index}") for index in (1, 2, 3)]
        self.shortcut = None if input_shape[-1] == self.filters else conv("shortcut", self.filters)
        build_chain(input_shape, *(layer for pair in zip(self.norms, self.convs, strict=True) for layer in pair))
        build_chain(input_shape, *filter(None, [self.shortcut]))

    def call(self, inputs, training=None):
        x = inputs
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = conv(ops.relu(norm(x, training=training)))
        return x + (inputs if self.shortcut is None else self.shortcut(inputs))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable(PACKAGE)
class ComplementaryFusion(layers.Layer):
    """Feature complementary module: fuses a map of a CNN with one of a transformer, both of the same shape.

    `[CNN (batch, H, W, C), transformer (batch, H, W, C)]` to `(batch, H, W, C)`. Yuan et al., "An effective CNN and
    Transformer complementary network for medical image segmentation", Pattern Recognition 136, 2023. A bottleneck joins
    three things:

    * cross-domain fusion: one transformer block, the same for both, sees each map together with the other one's
      average; its two outputs are concatenated and projected;
    * correlation: the maps' product, convolved;
    * channel attention: squeeze-and-excitation of the transformer's map.

    The released code concatenates each map with the other's average and cuts that off again before the block, so there
    the block sees one map alone. Here every window does see the average, as the paper's words have it; that takes no
    further weights. Of the release's weights those that its output does not depend on are left out.

    Args:
        num_heads, window_size: of the transformer block, see `WindowAttention`.
        ratio: channels over hidden units of the channel attention.
    """

    def __init__(self, *, num_heads, window_size, ratio=1, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.window_size = window_size
        self.ratio = ratio

    def build(self, input_shape):
        shape, policy = input_shape[0], self.dtype_policy
        channels = shape[-1]

        def conv(name, kernel_size):
            return ConvBNReLU(filters=channels, kernel_size=kernel_size, use_bias=True, dtype=policy, name=name)

        self.block = SwinBlock(num_heads=self.num_heads, window_size=self.window_size, dtype=policy, name="block")
        self.mix = conv("mix", 1)
        self.correlate = conv("correlate", 3)
        self.attention = SqueezeExcitation(ratio=self.ratio, dtype=policy, name="attention")
        self.join = PreActivationBottleneck(filters=channels, dtype=policy, name="join")
        for layer, factor in ((self.block, 1), (self.mix, 2), (self.correlate, 1), (self.attention, 1), (self.join, 3)):
            layer.build((*shape[:-1], factor * channels))

    def call(self, inputs, training=None):
        cnn, transformer = inputs

        def cross(x, other):
            average = ops.mean(other, axis=(1, 2))[:, None]
            return self.block(x, context=average, training=training)

        crossed = ops.concatenate([cross(transformer, cnn), cross(cnn, transformer)], axis=-1)
        parts = [
            self.mix(crossed, training=training),
            self.attention(transformer),
            self.correlate(cnn * transformer, training=training),
        ]
        return self.join(ops.concatenate(parts, axis=-1), training=training)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "window_size": self.window_size,
            "ratio": self.ratio,
        }
