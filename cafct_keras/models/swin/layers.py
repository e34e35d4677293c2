"""Blocks of the Swin transformer and of its mirror image, the decoder of Swin-Unet.

Liu et al., "Swin transformer: hierarchical vision transformer using shifted windows", ICCV 2021; Cao et al.,
"Swin-Unet: Unet-like pure transformer for medical image segmentation", ECCV workshops 2022.
"""

import keras
from keras import layers, ops

from cafct_keras.layers.conv import build_chain, make_conv
from cafct_keras.layers.dropout import StochasticDepth
from cafct_keras.layers.initializers import PACKAGE
from cafct_keras.layers.transformer import gelu, make_dense, make_layer_norm
from cafct_keras.models.swin.attention import WindowAttention

EPSILON = 1e-5
FEED_FORWARD_RATIO = 4


@keras.saving.register_keras_serializable(PACKAGE)
class PatchEmbedding(layers.Layer):
    """Patches side by side: a convolution whose stride is its kernel's size, with bias, then layer normalisation.

    `(batch, H, W, channels)` to `(batch, H / patch_size, W / patch_size, filters)`.

    Args:
        filters: output channels.
        patch_size: side of a patch.
    """

    def __init__(self, *, filters, patch_size=4, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.patch_size = patch_size

    def build(self, input_shape):
        self.project = make_conv(
            self, self.filters, self.patch_size, strides=self.patch_size, use_bias=True, name="project"
        )
        self.norm = make_layer_norm(self, EPSILON, "norm")
        build_chain(input_shape, self.project, self.norm)

    def call(self, inputs):
        return self.norm(self.project(inputs))

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        height, width = (None if side is None else side // self.patch_size for side in (height, width))
        return batch, height, width, self.filters

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "patch_size": self.patch_size}


@keras.saving.register_keras_serializable(PACKAGE)
class PatchMerging(layers.Layer):
    """Half the resolution, twice the channels: 2x2 neighbours concatenated, normalised, projected without bias.

    `(batch, H, W, channels)` to `(batch, H / 2, W / 2, 2 * channels)`, H and W even. Swin section 3.1.
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        self.norm = make_layer_norm(self, EPSILON, "norm")
        self.project = make_dense(self, 2 * channels, "project", use_bias=False)
        build_chain((*input_shape[:-1], 4 * channels), self.norm, self.project)

    def call(self, inputs):
        batch, height, width, channels = ops.shape(inputs)
        x = ops.reshape(inputs, (batch, height // 2, 2, width // 2, 2, channels))
        # The reference's order: down the first column of the four, then down the second.
        x = ops.transpose(x, (0, 1, 3, 4, 2, 5))
        return self.project(self.norm(ops.reshape(x, (batch, height // 2, width // 2, 4 * channels))))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height, width = (None if side is None else side // 2 for side in (height, width))
        return batch, height, width, 2 * channels


@keras.saving.register_keras_serializable(PACKAGE)
class PatchExpanding(layers.Layer):
    """Enlarges a map: every token is projected, without bias, to `factor` x `factor` tokens, which are normalised.

    `(batch, H, W, channels)` to `(batch, factor * H, factor * W, filters)`. Swin-Unet section 3.4.

    Args:
        filters: output channels.
        factor: enlargement.
    """

    def __init__(self, *, filters, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.factor = factor

    def build(self, input_shape):
        self.project = make_dense(self, self.factor**2 * self.filters, "project", use_bias=False)
        self.norm = make_layer_norm(self, EPSILON, "norm")
        self.project.build(input_shape)
        self.norm.build(self.compute_output_shape(input_shape))

    def call(self, inputs):
        batch, height, width, _ = ops.shape(inputs)
        factor, filters = self.factor, self.filters
        x = ops.reshape(self.project(inputs), (batch, height, width, factor, factor, filters))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return self.norm(ops.reshape(x, (batch, height * factor, width * factor, filters)))

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        height, width = (None if side is None else side * self.factor for side in (height, width))
        return batch, height, width, self.filters

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "factor": self.factor}


@keras.saving.register_keras_serializable(PACKAGE)
class SwinBlock(layers.Layer):
    """Pre-normalised block: `x += drop(attention(norm(x)))`, then `x += drop(feed_forward(norm(x)))`.

    `(batch, H, W, channels)` to the same shape. The feed-forward part is two dense layers with a GELU between them,
    four times as wide as the map. Swin section 3.2.

    Args:
        num_heads, window_size, shift: see `WindowAttention`.
        drop_path_rate: chance that a branch is left out, drawn independently for the two.
    """

    def __init__(self, *, num_heads, window_size, shift=0, drop_path_rate=0.0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.window_size = window_size
        self.shift = shift
        self.drop_path_rate = drop_path_rate

    def build(self, input_shape):
        channels, policy = input_shape[-1], self.dtype_policy
        self.norm1 = make_layer_norm(self, EPSILON, "norm1")
        self.attention = WindowAttention(
            num_heads=self.num_heads,
            window_size=self.window_size,
            shift=self.shift,
            dtype=policy,
            name="attention",
        )
        self.drop1 = StochasticDepth(rate=self.drop_path_rate, dtype=policy, name="drop1")
        self.norm2 = make_layer_norm(self, EPSILON, "norm2")
        self.expand = make_dense(self, FEED_FORWARD_RATIO * channels, "expand")
        self.project = make_dense(self, channels, "project")
        self.drop2 = StochasticDepth(rate=self.drop_path_rate, dtype=policy, name="drop2")
        build_chain(
            input_shape, self.norm1, self.attention, self.drop1, self.norm2, self.expand, self.project, self.drop2
        )

    def call(self, inputs, context=None, training=None):
        """One block.

        Args:
            inputs: `(batch, H, W, channels)`.
            context: `(batch, N, channels)`, tokens that every window sees too and that are normalised as the map is;
                None for none.
            training: whether branches are left out.
        """
        context = None if context is None else self.norm1(context)
        x = inputs + self.drop1(self.attention(self.norm1(inputs), context=context), training=training)
        forward = self.project(gelu(self.expand(self.norm2(x))))
        return x + self.drop2(forward, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "window_size": self.window_size,
            "shift": self.shift,
            "drop_path_rate": self.drop_path_rate,
        }


@keras.saving.register_keras_serializable(PACKAGE)
class SwinStage(layers.Layer):
    """Blocks of one resolution, every second one with its windows shifted by half their side.

    `(batch, H, W, channels)` to the same shape. Swin section 3.1.

    Args:
        num_heads, window_size: see `WindowAttention`.
        drop_path_rates: stochastic depth, one rate a block; their number is the stage's depth.
    """

    def __init__(self, *, num_heads, window_size, drop_path_rates, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.window_size = window_size
        self.drop_path_rates = tuple(drop_path_rates)

    def build(self, input_shape):
        self.blocks = [
            SwinBlock(
                num_heads=self.num_heads,
                window_size=self.window_size,
                shift=index % 2 * (self.window_size // 2),
                drop_path_rate=rate,
                dtype=self.dtype_policy,
                name=f"block{index + 1}",
            )
            for index, rate in enumerate(self.drop_path_rates)
        ]
        build_chain(input_shape, *self.blocks)

    def call(self, inputs, training=None):
        x = inputs
        for block in self.blocks:
            x = block(x, training=training)
        return x

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "window_size": self.window_size,
            "drop_path_rates": self.drop_path_rates,
        }
