"""Layers of PVTv2, the pyramid vision transformer v2.

Wang et al., "PVT v2: improved baselines with pyramid vision transformer", Computational Visual Media 2022. Tokens
remain a map `(batch, H, W, channels)` throughout.
"""

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import build_chain, make_conv, pad_symmetric, padded_shape, strided_size
from cafct_keras.layers.depthwise import DepthwiseConv3x3
from cafct_keras.layers.dropout import StochasticDepth
from cafct_keras.layers.serialization import register
from cafct_keras.layers.transformer import gelu, make_dense, make_layer_norm
from cafct_keras.models.pvt_v2.attention import (
    BLOCK_EPSILON,
    PATCH_EPSILON,
    LinearSpatialReductionAttention,
    SpatialReductionAttention,
)
from cafct_keras.typing import Shape, Tensor


@register()
class OverlapPatchEmbedding(layers.Layer):
    """Overlapping patch embedding: strided convolution with bias and symmetric padding, then layer normalization.

    `(batch, H, W, channels)` to `(batch, H / strides, W / strides, filters)`. PVTv2 section 3.2.
    There is no position embedding.

    Args:
        filters: output channels.
        patch_size: side of the patches, odd.
        strides: distance between adjacent patches.
    """

    def __init__(self, *, filters: int, patch_size: int = 3, strides: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.patch_size = patch_size
        self.strides = strides

    def build(self, input_shape: Shape) -> None:
        self.project = make_conv(
            self, self.filters, self.patch_size, strides=self.strides, use_bias=True, name="project"
        )
        self.norm = make_layer_norm(self, PATCH_EPSILON, "norm")
        self.project.build(padded_shape(input_shape, self.patch_size // 2))
        self.norm.build(self.compute_output_shape(input_shape))

    def call(self, inputs: Tensor) -> Tensor:
        return self.norm(self.project(pad_symmetric(inputs, self.patch_size // 2)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        return batch, strided_size(height, self.strides), strided_size(width, self.strides), self.filters


@register(renamed={"ratio": "mlp_ratio"})
class ConvFeedForward(layers.Layer):
    """Convolutional feed-forward: dense, depthwise 3x3 convolution (which encodes position), GELU, dense.

    `(batch, H, W, channels)` to the same shape. PVTv2 section 3.2.

    Args:
        mlp_ratio: ratio of hidden units to channels.
        linear: whether a ReLU precedes the depthwise convolution, as in PVTv2-b2-li.
    """

    def __init__(self, *, mlp_ratio: float = 4, linear: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mlp_ratio = mlp_ratio
        self.linear = linear

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        self.expand = make_dense(self, int(channels * self.mlp_ratio), "expand")
        self.depthwise = DepthwiseConv3x3(dtype=self.dtype_policy, name="depthwise")
        self.project = make_dense(self, channels, "project")
        build_chain(input_shape, self.expand, self.depthwise, self.project)

    def call(self, inputs: Tensor) -> Tensor:
        x = self.expand(inputs)
        if self.linear:
            x = ops.relu(x)
        return self.project(gelu(self.depthwise(x)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@register(renamed={"reduction": "sr_ratio", "ratio": "mlp_ratio", "drop_path_rate": "stochastic_depth_rate"})
class TransformerBlock(layers.Layer):
    """Pre-norm transformer block: `x += drop(attention(norm(x)))`, then `x += drop(feed_forward(norm(x)))`.

    `(batch, H, W, channels)` to the same shape. PVTv2 section 3.

    Args:
        num_heads, sr_ratio: see `SpatialReductionAttention`.
        mlp_ratio: see `ConvFeedForward`.
        stochastic_depth_rate: probability that a branch is dropped, independently for the two.
        linear: whether the block is that of PVTv2-b2-li, with `LinearSpatialReductionAttention`; `sr_ratio` is unused.
    """

    def __init__(
        self,
        *,
        num_heads: int,
        sr_ratio: int = 1,
        mlp_ratio: float = 4,
        stochastic_depth_rate: float = 0.0,
        linear: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.sr_ratio = sr_ratio
        self.mlp_ratio = mlp_ratio
        self.stochastic_depth_rate = stochastic_depth_rate
        self.linear = linear

    def build(self, input_shape: Shape) -> None:
        policy = self.dtype_policy
        self.norm1 = make_layer_norm(self, BLOCK_EPSILON, "norm1")
        if self.linear:
            self.attention = LinearSpatialReductionAttention(num_heads=self.num_heads, dtype=policy, name="attention")
        else:
            self.attention = SpatialReductionAttention(
                num_heads=self.num_heads, sr_ratio=self.sr_ratio, dtype=policy, name="attention"
            )
        self.norm2 = make_layer_norm(self, BLOCK_EPSILON, "norm2")
        self.feed_forward = ConvFeedForward(
            mlp_ratio=self.mlp_ratio, linear=self.linear, dtype=policy, name="feed_forward"
        )
        self.drop1 = StochasticDepth(rate=self.stochastic_depth_rate, dtype=policy, name="drop1")
        self.drop2 = StochasticDepth(rate=self.stochastic_depth_rate, dtype=policy, name="drop2")
        build_chain(input_shape, self.norm1, self.attention, self.drop1, self.norm2, self.feed_forward, self.drop2)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs + self.drop1(self.attention(self.norm1(inputs)), training=training)
        return x + self.drop2(self.feed_forward(self.norm2(x)), training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@register(renamed={"reduction": "sr_ratio", "ratio": "mlp_ratio", "drop_path_rates": "stochastic_depth_rates"})
class TransformerStage(layers.Layer):
    """One level of the encoder: patch embedding, transformer blocks, layer normalization.

    `(batch, H, W, channels)` to `(batch, H / strides, W / strides, filters)`. Paper section 2.1; PVTv2 section 3. The
    normalized map is both the output of the level and the input of the next.

    Args:
        filters: output channels.
        num_heads, sr_ratio: see `SpatialReductionAttention`.
        mlp_ratio: see `ConvFeedForward`.
        stochastic_depth_rates: one rate per block, so their number is the depth of the stage.
        patch_size, strides: see `OverlapPatchEmbedding`.
        linear: see `TransformerBlock`.
    """

    def __init__(
        self,
        *,
        filters: int,
        num_heads: int,
        stochastic_depth_rates: Sequence[float],
        sr_ratio: int = 1,
        mlp_ratio: float = 4,
        patch_size: int = 3,
        strides: int = 2,
        linear: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.num_heads = num_heads
        self.stochastic_depth_rates = tuple(stochastic_depth_rates)
        self.sr_ratio = sr_ratio
        self.mlp_ratio = mlp_ratio
        self.patch_size = patch_size
        self.strides = strides
        self.linear = linear

    def build(self, input_shape: Shape) -> None:
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
                sr_ratio=self.sr_ratio,
                mlp_ratio=self.mlp_ratio,
                stochastic_depth_rate=rate,
                linear=self.linear,
                dtype=self.dtype_policy,
                name=f"block{index + 1}",
            )
            for index, rate in enumerate(self.stochastic_depth_rates)
        ]
        self.norm = make_layer_norm(self, BLOCK_EPSILON, "norm")
        build_chain(input_shape, self.embed, *self.blocks, self.norm)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = self.embed(inputs)
        for block in self.blocks:
            x = block(x, training=training)
        return self.norm(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        return batch, strided_size(height, self.strides), strided_size(width, self.strides), self.filters
