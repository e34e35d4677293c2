"""Layers of ResNet.

He et al., "Deep residual learning for image recognition", CVPR 2016, as implemented by torchvision.
"""

from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import ConvBNReLU, build_chain, strided_size
from cafct_keras.layers.pooling import max_pool
from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor

RESIDUAL_EXPANSION = {"basic": 1, "bottleneck": 4}


@register()
class ConvStem(layers.Layer):
    """Stem of a ResNet: 7x7 convolution with stride 2, normalization, ReLU, 3x3 max-pooling with stride 2.

    `(batch, H, W, channels)` to `(batch, H / 4, W / 4, filters)`. He et al., table 1.

    Args:
        filters: output channels.
    """

    def __init__(self, *, filters: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape: Shape) -> None:
        self.conv = ConvBNReLU(filters=self.filters, kernel_size=7, strides=2, dtype=self.dtype_policy, name="conv")
        self.conv.build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        return max_pool(self.conv(inputs, training=training), 3)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        height, width = (strided_size(strided_size(size, 2), 2) for size in (height, width))
        return batch, height, width, self.filters


@register()
class ResidualBlock(layers.Layer):
    """Residual block: `relu(shortcut(x) + F(x))` with F two 3x3 convolutions or a 1x1-3x3-1x1 bottleneck.

    `(batch, H, W, channels)` to `(batch, H / strides, W / strides, filters * expansion)`, expansion 1 for `"basic"` and
    4 for `"bottleneck"`. The stride is on the (first) 3x3 convolution. The shortcut is projected only if the
    shape changes.

    Args:
        filters: channels of the 3x3 convolutions.
        block: `"basic"` or `"bottleneck"`.
        strides: stride of the block.
        dilation_rates: dilation of the (first) 3x3 convolution, on the grid of the input, and of the second one of
            `"basic"`, on the grid of the output.
    """

    def __init__(
        self,
        *,
        filters: int,
        block: str = "basic",
        strides: int = 1,
        dilation_rates: tuple[int, int] = (1, 1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.block = block
        self.strides = strides
        self.dilation_rates = tuple(dilation_rates)

    def build(self, input_shape: Shape) -> None:
        def conv(index: int, filters: int, kernel_size: int, **kwargs: Any) -> ConvBNReLU:
            options = {"dtype": self.dtype_policy, "name": f"conv{index}", **kwargs}
            return ConvBNReLU(filters=filters, kernel_size=kernel_size, **options)

        filters = self.filters
        first, second = self.dilation_rates
        strided = {"strides": self.strides, "dilation_rate": first}
        if self.block == "basic":
            self.convs = [conv(1, filters, 3, **strided), conv(2, filters, 3, dilation_rate=second, activation=None)]
        else:
            expanded = filters * RESIDUAL_EXPANSION[self.block]
            self.convs = [conv(1, filters, 1), conv(2, filters, 3, **strided), conv(3, expanded, 1, activation=None)]
        output_shape = build_chain(input_shape, *self.convs)
        self.projection = None
        if self.strides != 1 or input_shape[-1] != output_shape[-1]:
            self.projection = ConvBNReLU(
                filters=output_shape[-1],
                kernel_size=1,
                strides=self.strides,
                activation=None,
                dtype=self.dtype_policy,
                name="projection",
            )
            self.projection.build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for conv in self.convs:
            x = conv(x, training=training)
        shortcut = inputs if self.projection is None else self.projection(inputs, training=training)
        return ops.relu(x + shortcut)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        filters = self.filters * RESIDUAL_EXPANSION[self.block]
        return batch, strided_size(height, self.strides), strided_size(width, self.strides), filters


@register()
class ConvStage(layers.Layer):
    """One level of a ResNet: residual blocks, the first of which may halve the resolution.

    `(batch, H, W, channels)` to `(batch, H / strides, W / strides, filters * expansion)`, expansion 1 for `"basic"` and
    4 for `"bottleneck"`. Paper section 2.1.

    Args:
        filters: channels of the 3x3 convolutions.
        depth: number of residual blocks.
        block: `"basic"` (ResNet-18 and -34) or `"bottleneck"` (ResNet-50 and -101).
        strides: stride of the first block.
        dilation_rate: dilation of the 3x3 convolutions, in place of a stride of the stage, so that every other position
            has the value that the strided stage would give. The first convolution has half of it, since it operates on
            the grid of the previous stage.

    Raises:
        ValueError: if `block` is unknown.
    """

    def __init__(
        self,
        *,
        filters: int,
        depth: int,
        block: str = "basic",
        strides: int = 1,
        dilation_rate: int = 1,
        **kwargs: Any,
    ) -> None:
        if block not in RESIDUAL_EXPANSION:
            raise ValueError(f"block must be one of {sorted(RESIDUAL_EXPANSION)}, not {block!r}")
        super().__init__(**kwargs)
        self.filters = filters
        self.depth = depth
        self.block = block
        self.strides = strides
        self.dilation_rate = dilation_rate

    def build(self, input_shape: Shape) -> None:
        self.blocks = [
            ResidualBlock(
                filters=self.filters,
                block=self.block,
                strides=self.strides if index == 0 else 1,
                dilation_rates=(
                    max(self.dilation_rate // 2, 1) if index == 0 else self.dilation_rate,
                    self.dilation_rate,
                ),
                dtype=self.dtype_policy,
                name=f"block{index + 1}",
            )
            for index in range(self.depth)
        ]
        build_chain(input_shape, *self.blocks)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for block in self.blocks:
            x = block(x, training=training)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        filters = self.filters * RESIDUAL_EXPANSION[self.block]
        return batch, strided_size(height, self.strides), strided_size(width, self.strides), filters
