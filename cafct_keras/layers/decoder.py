"""Decoder: back to finer grids step by step, and the head that names the classes."""

import math

import keras
from keras import layers, ops

from cafct_keras.layers.conv import ConvBNReLU, build_chain, make_conv
from cafct_keras.layers.initializers import PACKAGE, GlorotUniform
from cafct_keras.layers.resize import BilinearUpsampling, upsample_bilinear

UPSAMPLINGS = ("bilinear", "bilinear_aligned", "transposed")


@keras.saving.register_keras_serializable(PACKAGE)
class DoubleConv(layers.Layer):
    """Two 3x3 CBR, the block that U-Nets are made of.

    `(batch, H, W, channels)` to `(batch, H, W, filters)`. Ronneberger et al., "U-Net: convolutional networks for
    biomedical image segmentation", MICCAI 2015, figure 1, with padding.

    Args:
        filters: output channels.
        hidden: channels between the two convolutions; None for the output's.
        use_bias, use_bn: see `ConvBNReLU`.
    """

    def __init__(self, *, filters, hidden=None, use_bias=False, use_bn=True, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.hidden = hidden
        self.use_bias = use_bias
        self.use_bn = use_bn

    def build(self, input_shape):
        options = {"use_bias": self.use_bias, "use_bn": self.use_bn, "dtype": self.dtype_policy}
        widths = (self.hidden or self.filters, self.filters)
        self.convs = [ConvBNReLU(filters=width, name=f"conv{i}", **options) for i, width in enumerate(widths, start=1)]
        build_chain(input_shape, *self.convs)

    def call(self, inputs, training=None):
        x = inputs
        for conv in self.convs:
            x = conv(x, training=training)
        return x

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "hidden": self.hidden,
            "use_bias": self.use_bias,
            "use_bn": self.use_bn,
        }


@keras.saving.register_keras_serializable(PACKAGE)
class DecoderBlock(DoubleConv):
    """One step up: concatenates skip connections with the enlarged coarser map, then two 3x3 CBR.

    `[skip (batch, H, W, C), ..., coarse (batch, H / 2, W / 2, D)]` to `(batch, H, W, filters)`. Paper section 2.4.

    Args:
        upsampling: `"bilinear"`; `"bilinear_aligned"`, with aligned corners; `"transposed"`, a transposed 2x2
            convolution with bias that halves the channels.
        filters, hidden, use_bias, use_bn: see `DoubleConv`.

    Raises:
        ValueError: for another way of upsampling.
    """

    def __init__(self, *, upsampling="bilinear", **kwargs):
        if upsampling not in UPSAMPLINGS:
            raise ValueError(f"upsampling must be one of {UPSAMPLINGS}, not {upsampling!r}")
        super().__init__(**kwargs)
        self.upsampling = upsampling

    def build(self, input_shape):
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
        enlarged_shape = build_chain(coarse_shape, self.upsample)
        channels = sum(shape[-1] for shape in (*skip_shapes, enlarged_shape))
        super().build((*skip_shapes[0][:-1], channels))

    def call(self, inputs, training=None):
        *skips, coarse = inputs
        return super().call(ops.concatenate([*skips, self.upsample(coarse)], axis=-1), training=training)

    def compute_output_shape(self, input_shape):
        return super().compute_output_shape(input_shape[0])

    def get_config(self):
        return {**super().get_config(), "upsampling": self.upsampling}


@keras.saving.register_keras_serializable(PACKAGE)
class SegmentationHead(layers.Layer):
    """Head: 3x3 CBR, 1x1 convolution to one logit a class, bilinear enlargement to the image's size.

    `(batch, H, W, channels)` to float32 logits `(batch, factor * H, factor * W, classes)`, whatever the dtype policy.
    Paper section 2.4. With a factor of 1 the map may be a volume, `(batch, D, H, W, channels)`.

    Args:
        classes: number of logits a pixel.
        filters: channels of the 3x3 convolutions; None for the input's.
        depth: number of 3x3 convolutions.
        factor: enlargement.
        prior: the share of foreground that an untrained network predicts. 0.5 is a bias of 0; 0.01 suits lesions, which
            are about 1 % of the pixels of a slice that has any.
    """

    def __init__(self, *, classes, filters=None, depth=1, factor=4, prior=0.5, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.filters = filters
        self.depth = depth
        self.factor = factor
        self.prior = prior

    def build(self, input_shape):
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

    def call(self, inputs, training=None):
        x = inputs
        for conv in self.convs:
            x = conv(x, training=training)
        return upsample_bilinear(ops.cast(self.classifier(x), "float32"), self.factor)

    def compute_output_shape(self, input_shape):
        batch, *sides, _ = input_shape
        return batch, *(None if side is None else side * self.factor for side in sides), self.classes

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "classes": self.classes,
            "filters": self.filters,
            "depth": self.depth,
            "factor": self.factor,
            "prior": self.prior,
        }
