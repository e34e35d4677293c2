"""Layers of the Swin transformer and of the decoder of Swin-Unet.

Liu et al., "Swin transformer: hierarchical vision transformer using shifted windows", ICCV 2021; Cao et al.,
"Swin-Unet: Unet-like pure transformer for medical image segmentation", ECCV workshops 2022.
"""

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import build_chain, make_conv
from cafct_keras.layers.dropout import StochasticDepth
from cafct_keras.layers.serialization import register
from cafct_keras.layers.transformer import gelu, make_dense, make_layer_norm
from cafct_keras.models.swin.attention import WindowAttention
from cafct_keras.typing import Shape, Tensor

EPSILON = 1e-5
FEED_FORWARD_RATIO = 4


@register()
class PatchEmbedding(layers.Layer):
    """Patch embedding: convolution with bias whose stride equals the kernel size, then layer normalization.

    `(batch, H, W, channels)` to `(batch, H / patch_size, W / patch_size, filters)`.

    Args:
        filters: output channels.
        patch_size: side of the patches.
    """

    def __init__(self, *, filters: int, patch_size: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.patch_size = patch_size

    def build(self, input_shape: Shape) -> None:
        self.project = make_conv(
            self, self.filters, self.patch_size, strides=self.patch_size, use_bias=True, name="project"
        )
        self.norm = make_layer_norm(self, EPSILON, "norm")
        build_chain(input_shape, self.project, self.norm)

    def call(self, inputs: Tensor) -> Tensor:
        return self.norm(self.project(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        height, width = (None if side is None else side // self.patch_size for side in (height, width))
        return batch, height, width, self.filters


@register()
class PatchMerging(layers.Layer):
    """Patch merging: concatenates 2x2 neighbors, normalizes and projects them to twice the channels, without bias.

    `(batch, H, W, channels)` to `(batch, H / 2, W / 2, 2 * channels)`, H and W even. Swin section 3.1.
    """

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        self.norm = make_layer_norm(self, EPSILON, "norm")
        self.project = make_dense(self, 2 * channels, "project", use_bias=False)
        build_chain((*input_shape[:-1], 4 * channels), self.norm, self.project)

    def call(self, inputs: Tensor) -> Tensor:
        batch, height, width, channels = ops.shape(inputs)
        x = ops.reshape(inputs, (batch, height // 2, 2, width // 2, 2, channels))
        # The order of the reference code: down the first column of the four, then down the second.
        x = ops.transpose(x, (0, 1, 3, 4, 2, 5))
        return self.project(self.norm(ops.reshape(x, (batch, height // 2, width // 2, 4 * channels))))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        height, width = (None if side is None else side // 2 for side in (height, width))
        return batch, height, width, 2 * channels


@register()
class PatchExpanding(layers.Layer):
    """Patch expanding: projects every token, without bias, to `factor` x `factor` tokens, which are then normalized.

    `(batch, H, W, channels)` to `(batch, factor * H, factor * W, filters)`. Swin-Unet section 3.4.

    Args:
        filters: output channels.
        factor: upsampling factor.
    """

    def __init__(self, *, filters: int, factor: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.factor = factor

    def build(self, input_shape: Shape) -> None:
        self.project = make_dense(self, self.factor**2 * self.filters, "project", use_bias=False)
        self.norm = make_layer_norm(self, EPSILON, "norm")
        self.project.build(input_shape)
        self.norm.build(self.compute_output_shape(input_shape))

    def call(self, inputs: Tensor) -> Tensor:
        batch, height, width, _ = ops.shape(inputs)
        factor, filters = self.factor, self.filters
        x = ops.reshape(self.project(inputs), (batch, height, width, factor, factor, filters))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return self.norm(ops.reshape(x, (batch, height * factor, width * factor, filters)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        height, width = (None if side is None else side * self.factor for side in (height, width))
        return batch, height, width, self.filters


@register(renamed={"drop_path_rate": "stochastic_depth_rate"})
class SwinBlock(layers.Layer):
    """Pre-norm transformer block: `x += drop(attention(norm(x)))`, then `x += drop(feed_forward(norm(x)))`.

    `(batch, H, W, channels)` to the same shape. The feed-forward part consists of two dense layers with a GELU between
    them and four times the channels of the map. Swin section 3.2.

    Args:
        num_heads, window_size, shift: see `WindowAttention`.
        stochastic_depth_rate: probability that a branch is dropped, independently for the two.
    """

    def __init__(
        self,
        *,
        num_heads: int,
        window_size: int,
        shift: int = 0,
        stochastic_depth_rate: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.window_size = window_size
        self.shift = shift
        self.stochastic_depth_rate = stochastic_depth_rate

    def build(self, input_shape: Shape) -> None:
        channels, policy = input_shape[-1], self.dtype_policy
        self.norm1 = make_layer_norm(self, EPSILON, "norm1")
        self.attention = WindowAttention(
            num_heads=self.num_heads,
            window_size=self.window_size,
            shift=self.shift,
            dtype=policy,
            name="attention",
        )
        self.drop1 = StochasticDepth(rate=self.stochastic_depth_rate, dtype=policy, name="drop1")
        self.norm2 = make_layer_norm(self, EPSILON, "norm2")
        self.expand = make_dense(self, FEED_FORWARD_RATIO * channels, "expand")
        self.project = make_dense(self, channels, "project")
        self.drop2 = StochasticDepth(rate=self.stochastic_depth_rate, dtype=policy, name="drop2")
        build_chain(
            input_shape, self.norm1, self.attention, self.drop1, self.norm2, self.expand, self.project, self.drop2
        )

    def call(self, inputs: Tensor, context: Tensor | None = None, training: bool | None = None) -> Tensor:
        """Applies the block.

        Args:
            inputs: `(batch, H, W, channels)`.
            context: `(batch, N, channels)`, tokens that every window attends to as well, normalized like the map, or
                None.
            training: whether branches are dropped at random.

        Returns:
            `(batch, H, W, channels)`.
        """
        context = None if context is None else self.norm1(context)
        x = inputs + self.drop1(self.attention(self.norm1(inputs), context=context), training=training)
        forward = self.project(gelu(self.expand(self.norm2(x))))
        return x + self.drop2(forward, training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@register(renamed={"drop_path_rates": "stochastic_depth_rates"})
class SwinStage(layers.Layer):
    """Blocks of one resolution; in every second block the windows are shifted by half their side.

    `(batch, H, W, channels)` to the same shape. Swin section 3.1.

    Args:
        num_heads, window_size: see `WindowAttention`.
        stochastic_depth_rates: one rate per block, so their number is the depth of the stage.
    """

    def __init__(
        self,
        *,
        num_heads: int,
        window_size: int,
        stochastic_depth_rates: Sequence[float],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.window_size = window_size
        self.stochastic_depth_rates = tuple(stochastic_depth_rates)

    def build(self, input_shape: Shape) -> None:
        self.blocks = [
            SwinBlock(
                num_heads=self.num_heads,
                window_size=self.window_size,
                shift=index % 2 * (self.window_size // 2),
                stochastic_depth_rate=rate,
                dtype=self.dtype_policy,
                name=f"block{index + 1}",
            )
            for index, rate in enumerate(self.stochastic_depth_rates)
        ]
        build_chain(input_shape, *self.blocks)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for block in self.blocks:
            x = block(x, training=training)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape
