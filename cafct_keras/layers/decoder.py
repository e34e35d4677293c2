"""Decoder blocks and the segmentation head."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from cafct_keras.layers.conv import ConvBNReLU, build_chain, make_conv
from cafct_keras.layers.initializers import GlorotUniform
from cafct_keras.layers.resize import BilinearUpsampling, upsample_bilinear
from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor

UPSAMPLINGS = ("bilinear", "bilinear_aligned", "transposed")


@register()
class DoubleConv(layers.Layer):
    """Two 3x3 CBR, the building block of U-Nets.

    `(batch, H, W, channels)` to `(batch, H, W, filters)`. Ronneberger et al., "U-Net: convolutional networks for
    biomedical image segmentation", MICCAI 2015, figure 1, with padding.

    Args:
        filters: output channels.
        hidden: channels between the two convolutions; None for `filters`.
        use_bias, use_bn: see `ConvBNReLU`.
    """

    def __init__(
        self,
        *,
        filters: int,
        hidden: int | None = None,
        use_bias: bool = False,
        use_bn: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.hidden = hidden
        self.use_bias = use_bias
        self.use_bn = use_bn

    def build(self, input_shape: Shape) -> None:
        options = {"use_bias": self.use_bias, "use_bn": self.use_bn, "dtype": self.dtype_policy}
        filters = (self.hidden or self.filters, self.filters)
        self.convs = [ConvBNReLU(filters=each, name=f"conv{i}", **options) for i, each in enumerate(filters, start=1)]
        build_chain(input_shape, *self.convs)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for conv in self.convs:
            x = conv(x, training=training)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters)


@register()
class DecoderBlock(DoubleConv):
    """Decoder step: upsamples the coarser map, concatenates the skip connections, applies two 3x3 CBR.

    `[skip (batch, H, W, C), ..., coarse (batch, H / 2, W / 2, D)]` to `(batch, H, W, filters)`. Paper section 2.4.

    Args:
        upsampling: `"bilinear"`; `"bilinear_aligned"`, with aligned corners; or `"transposed"`, a transposed 2x2
            convolution with bias that halves the channels.
        filters, hidden, use_bias, use_bn: see `DoubleConv`.

    Raises:
        ValueError: if `upsampling` is unknown.
    """

    def __init__(self, *, upsampling: str = "bilinear", **kwargs: Any) -> None:
        if upsampling not in UPSAMPLINGS:
            raise ValueError(f"upsampling must be one of {UPSAMPLINGS}, not {upsampling!r}")
        super().__init__(**kwargs)
        self.upsampling = upsampling

    def build(self, input_shape: tuple[Shape, ...]) -> None:
        *skip_shapes, coarse_shape = input_shape
        options = {"dtype": self.dtype_policy, "name": "upsample"}
        if self.upsampling == "transposed":
            initializer = GlorotUniform()
            self.upsample = layers.Conv2DTranspose(
                coarse_shape[-1] // 2, 2, strides=2, kernel_initializer=initializer, **options
            )
        else:
            aligned = self.upsampling == "bilinear_aligned"
            self.upsample = BilinearUpsampling(factor=2, align_corners=aligned, **options)
        upsampled_shape = build_chain(coarse_shape, self.upsample)
        channels = sum(shape[-1] for shape in (*skip_shapes, upsampled_shape))
        super().build((*skip_shapes[0][:-1], channels))

    def call(self, inputs: Sequence[Tensor], training: bool | None = None) -> Tensor:
        *skips, coarse = inputs
        return super().call(ops.concatenate([*skips, self.upsample(coarse)], axis=-1), training=training)

    def compute_output_shape(self, input_shape: tuple[Shape, ...]) -> Shape:
        return super().compute_output_shape(input_shape[0])


@register()
class SegmentationHead(layers.Layer):
    """Segmentation head: 3x3 CBR, 1x1 convolution to one logit per class, bilinear upsampling to the size of the image.

    `(batch, H, W, channels)` to float32 logits `(batch, factor * H, factor * W, classes)`, whatever the dtype policy.
    Paper section 2.4. With a factor of 1 the map may be a volume, `(batch, D, H, W, channels)`.

    Args:
        classes: number of classes, one logit each.
        filters: channels of the 3x3 convolutions; None for the channels of the input.
        depth: number of 3x3 convolutions.
        factor: upsampling factor.
        prior: foreground probability that the untrained network predicts, which sets the bias. 0.5 is a bias of 0; 0.01
            suits lesions, which cover about 1 % of the pixels of a slice that contains any.
    """

    def __init__(
        self,
        *,
        classes: int,
        filters: int | None = None,
        depth: int = 1,
        factor: int = 4,
        prior: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.classes = classes
        self.filters = filters
        self.depth = depth
        self.factor = factor
        self.prior = prior

    def build(self, input_shape: Shape) -> None:
        filters = self.filters or input_shape[-1]
        self.convs = [
            ConvBNReLU(filters=filters, dtype=self.dtype_policy, name=f"conv{index + 1}") for index in range(self.depth)
        ]
        self.classifier = make_conv(
            self,
            self.classes,
            1,
            use_bias=True,
            kernel_initializer=GlorotUniform(),
            bias_initializer=keras.initializers.Constant(math.log(self.prior / (1 - self.prior))),
            rank=len(input_shape) - 2,
            name="classifier",
        )
        build_chain(input_shape, *self.convs, self.classifier)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        for conv in self.convs:
            x = conv(x, training=training)
        return upsample_bilinear(ops.cast(self.classifier(x), "float32"), self.factor)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sides, _ = input_shape
        return batch, *(None if side is None else side * self.factor for side in sides), self.classes

    def compute_output_spec(self, inputs: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")
