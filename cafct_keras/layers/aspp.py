"""Atrous spatial pyramid pooling."""

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from cafct_keras.layers.conv import ConvBNReLU, build_chain, make_batch_norm, make_conv
from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor

ASPP_STYLES = ("deeplab", "plain")


@register()
class AtrousSpatialPyramidPooling(layers.Layer):
    """ASPP: global average pooling, 1x1 and dilated 3x3 convolutions in parallel, concatenated and projected.

    `(batch, H, W, channels)` to `(batch, H, W, filters)`. Paper section 2.3; Chen et al., "Rethinking atrous
    convolution for semantic image segmentation", 2017, section 3.3.

    On a map no larger than a rate, the outer taps of the kernel lie outside the map and receive no gradient: at 256x256
    the rates 12 and 18 of level 4 and the rate 18 of level 3 act as 1x1 convolutions. That is the published design; use
    `rates` to change it. During training the pooled branch normalizes over the batch alone, so a batch needs at least 2
    images.

    Args:
        filters: output channels of every branch and of the layer; None keeps the input's.
        rates: dilation rates of the 3x3 branches.
        style: `"deeplab"`: normalization and ReLU in every branch and after the projection; `"plain"`, the paper's
            wording taken literally: convolutions with bias only, and one normalization at the end.

    Raises:
        ValueError: if `style` is unknown.
    """

    def __init__(
        self,
        *,
        filters: int | None = None,
        rates: Sequence[int] = (6, 12, 18),
        style: str = "deeplab",
        **kwargs: Any,
    ) -> None:
        if style not in ASPP_STYLES:
            raise ValueError(f"style must be one of {ASPP_STYLES}, not {style!r}")
        super().__init__(**kwargs)
        self.filters = filters
        self.rates = tuple(rates)
        self.style = style

    def build(self, input_shape: Shape) -> None:
        filters = self.filters or input_shape[-1]

        def conv(name: str, kernel_size: int = 1, rate: int = 1) -> layers.Layer:
            if self.style == "plain":
                return make_conv(
                    self, filters, kernel_size, dilation_rate=rate, use_bias=True, padding="same", name=name
                )
            return ConvBNReLU(
                filters=filters, kernel_size=kernel_size, dilation_rate=rate, dtype=self.dtype_policy, name=name
            )

        self.pool = conv("pool")
        self.branches = [conv("conv"), *(conv(f"atrous{rate}", 3, rate) for rate in self.rates)]
        self.project = conv("project")
        self.norm = make_batch_norm(self, "norm") if self.style == "plain" else None
        for branch in (self.pool, *self.branches):
            branch.build(input_shape)
        concatenated = (*input_shape[:-1], filters * (len(self.branches) + 1))
        build_chain(concatenated, *filter(None, [self.project, self.norm]))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        def run(conv: layers.Layer, x: Tensor) -> Tensor:
            return conv(x) if self.style == "plain" else conv(x, training=training)

        maps = [run(branch, inputs) for branch in self.branches]
        pooled = run(self.pool, ops.mean(inputs, axis=(1, 2), keepdims=True))
        pooled = ops.broadcast_to(pooled, ops.shape(maps[0]))
        x = run(self.project, ops.concatenate([pooled, *maps], axis=-1))
        return x if self.norm is None else self.norm(x, training=training)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters or input_shape[-1])
