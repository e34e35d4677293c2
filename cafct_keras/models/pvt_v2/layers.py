"""Transformer branch: the blocks of the pyramid vision transformer v2.

Wang et al., "PVT v2: improved baselines with pyramid vision transformer", Computational Visual Media 2022. Tokens stay
a map `(batch, H, W, channels)` throughout.
"""

import keras
from keras import layers, ops

from cafct_keras.layers.conv import build_chain, make_conv, pad_symmetric, padded_shape, strided_size
from cafct_keras.layers.depthwise import DepthwiseConv3x3
from cafct_keras.layers.dropout import StochasticDepth
from cafct_keras.layers.initializers import PACKAGE
from cafct_keras.layers.transformer import gelu, make_dense, make_layer_norm
from cafct_keras.models.pvt_v2.attention import (
    BLOCK_EPSILON,
    PATCH_EPSILON,
    LinearSpatialReductionAttention,
    SpatialReductionAttention,
)


@keras.saving.register_keras_serializable(PACKAGE)
class OverlapPatchEmbedding(layers.Layer):
    """Overlapping patches: a strided convolution with bias and symmetric padding, then layer normalisation.

    `(batch, H, W, channels)` to `(batch, H / strides, W / strides, filters)`. PVTv2 section 3.2; no position embedding.

    Args:
        filters: output channels.
        patch_size: odd side of a patch.
        strides: distance between patches.
    """

    def __init__(self, *, filters, patch_size=3, strides=2, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.patch_size = patch_size
        self.strides = strides

    def build(self, input_shape):
        self.project = make_conv(
            self, self.filters, self.patch_size, strides=self.strides, use_bias=True, name="project"
        )
        self.norm = make_layer_norm(self, PATCH_EPSILON, "norm")
        self.project.build(padded_shape(input_shape, self.patch_size // 2))
        self.norm.build(self.compute_output_shape(input_shape))

    def call(self, inputs):
        return self.norm(self.project(pad_symmetric(inputs, self.patch_size // 2)))

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return batch, strided_size(height, self.strides), strided_size(width, self.strides), self.filters

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "patch_size": self.patch_size,
            "strides": self.strides,
        }


@keras.saving.register_keras_serializable(PACKAGE)
class ConvFeedForward(layers.Layer):
    """Convolutional feed-forward: dense, depthwise 3x3 convolution (which tells tokens where they are), GELU, dense.

    `(batch, H, W, channels)` to the same shape. PVTv2 section 3.2.

    Args:
        ratio: hidden units over channels.
        linear: the form of PVTv2-b2-li, with a ReLU before the depthwise convolution.
    """

    def __init__(self, *, ratio=4, linear=False, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio
        self.linear = linear

    def build(self, input_shape):
        channels = input_shape[-1]
        self.expand = make_dense(self, int(channels * self.ratio), "expand")
        self.depthwise = DepthwiseConv3x3(dtype=self.dtype_policy, name="depthwise")
        self.project = make_dense(self, channels, "project")
        build_chain(input_shape, self.expand, self.depthwise, self.project)

    def call(self, inputs):
        x = self.expand(inputs)
        if self.linear:
            x = ops.relu(x)
        return self.project(gelu(self.depthwise(x)))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio, "linear": self.linear}


@keras.saving.register_keras_serializable(PACKAGE)
class TransformerBlock(layers.Layer):
    """Pre-normalised transformer block: `x += drop(attention(norm(x)))`, then `x += drop(feed_forward(norm(x)))`.

    `(batch, H, W, channels)` to the same shape. PVTv2 section 3.

    Args:
        num_heads, reduction: see `SpatialReductionAttention`.
        ratio: see `ConvFeedForward`.
        drop_path_rate: chance that a branch is left out, drawn independently for the two.
        linear: the form of PVTv2-b2-li, `LinearSpatialReductionAttention` in place of `reduction`.
    """

    def __init__(self, *, num_heads, reduction=1, ratio=4, drop_path_rate=0.0, linear=False, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.reduction = reduction
        self.ratio = ratio
        self.drop_path_rate = drop_path_rate
        self.linear = linear

    def build(self, input_shape):
        policy = self.dtype_policy
        self.norm1 = make_layer_norm(self, BLOCK_EPSILON, "norm1")
        if self.linear:
            self.attention = LinearSpatialReductionAttention(num_heads=self.num_heads, dtype=policy, name="attention")
        else:
            self.attention = SpatialReductionAttention(
                num_heads=self.num_heads, reduction=self.reduction, dtype=policy, name="attention"
            )
        self.norm2 = make_layer_norm(self, BLOCK_EPSILON, "norm2")
        self.feed_forward = ConvFeedForward(ratio=self.ratio, linear=self.linear, dtype=policy, name="feed_forward")
        self.drop1 = StochasticDepth(rate=self.drop_path_rate, dtype=policy, name="drop1")
        self.drop2 = StochasticDepth(rate=self.drop_path_rate, dtype=policy, name="drop2")
        build_chain(input_shape, self.norm1, self.attention, self.drop1, self.norm2, self.feed_forward, self.drop2)

    def call(self, inputs, training=None):
        x = inputs + self.drop1(self.attention(self.norm1(inputs)), training=training)
        return x + self.drop2(self.feed_forward(self.norm2(x)), training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "reduction": self.reduction,
            "ratio": self.ratio,
            "drop_path_rate": self.drop_path_rate,
            "linear": self.linear,
        }


@keras.saving.register_keras_serializable(PACKAGE)
class TransformerStage(layers.Layer):
    """One level of the transformer branch: patch embedding, transformer blocks, layer normalisation.

    `(batch, H, W, channels)` to `(batch, H / strides, W / strides, filters)`. Paper section 2.1; PVTv2 section 3. The
    normalised map is both the level's output and the next level's input.

    Args:
        filters: output channels.
        num_heads, reduction: see `SpatialReductionAttention`.
        ratio: see `ConvFeedForward`.
        drop_path_rates: stochastic depth, one rate a block; their number is the stage's depth.
        patch_size, strides: see `OverlapPatchEmbedding`.
        linear: the form of PVTv2-b2-li.
    """

    def __init__(
        self,
        *,
        filters,
        num_heads,
        drop_path_rates,
        reduction=1,
        ratio=4,
        patch_size=3,
        strides=2,
        linear=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.num_heads = num_heads
        self.drop_path_rates = tuple(drop_path_rates)
        self.reduction = reduction
        self.ratio = ratio
        self.patch_size = patch_size
        self.strides = strides
        self.linear = linear

    def build(self, input_shape):
        self.embed = OverlapPatchEmbedding(
            filters=self.filters,
            patch_size=self.patch_size,
            strides=self.strides,
            dtype=self.dtype_policy,
            name="embed",
        )
        self.blocks = [
            TransformerBlock(
                num_heads=self.num_heads,
                reduction=self.reduction,
                ratio=self.ratio,
                drop_path_rate=rate,
                linear=self.linear,
                dtype=self.dtype_policy,
                name=f"block{index + 1}",
            )
            for index, rate in enumerate(self.drop_path_rates)
        ]
        self.norm = make_layer_norm(self, BLOCK_EPSILON, "norm")
        build_chain(input_shape, self.embed, *self.blocks, self.norm)

    def call(self, inputs, training=None):
        x = self.embed(inputs)
        for block in self.blocks:
            x = block(x, training=training)
        return self.norm(x)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return batch, strided_size(height, self.strides), strided_size(width, self.strides), self.filters

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "num_heads": self.num_heads,
            "drop_path_rates": self.drop_path_rates,
            "reduction": self.reduction,
            "ratio": self.ratio,
            "patch_size": self.patch_size,
            "strides": self.strides,
            "linear": self.linear,
        }
