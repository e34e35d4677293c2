"""Decoder: back to finer grids step by step, and the head that names the classes."""

import math

import keras
from keras import layers, ops

from cafct_keras.layers.conv import ConvBNReLU, build_chain, make_conv
from cafct_keras.layers.initializers import PACKAGE, GlorotUniform
from cafct_keras.layers.resize import BilinearUpsampling


@keras.saving.register_keras_serializable(PACKAGE)
class DecoderBlock(layers.Layer):
    """One step up: concatenates the skip connection with the enlarged coarser map, then two 3x3 CBR.

    `[skip (batch, H, W, C), coarse (batch, H / 2, W / 2, D)]` to `(batch, H, W, filters)`. Paper section 2.4.

    Args:
        filters: output channels.
    """

    def __init__(self, *, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape):
        skip_shape, coarse_shape = input_shape
        self.upsample = BilinearUpsampling(factor=2, dtype=self.dtype_policy, name="upsample")
        self.convs = [
            ConvBNReLU(filters=self.filters, dtype=self.dtype_policy, name=f"conv{index}") for index in (1, 2)
        ]
        self.upsample.build(coarse_shape)
        build_chain((*skip_shape[:-1], skip_shape[-1] + coarse_shape[-1]), *self.convs)

    def call(self, inputs, training=None):
        skip, coarse = inputs
        x = ops.concatenate([skip, self.upsample(coarse)], axis=-1)
        for conv in self.convs:
            x = conv(x, training=training)
        return x

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable(PACKAGE)
class SegmentationHead(layers.Layer):
    """Head: 3x3 CBR, 1x1 convolution to one logit a class, bilinear enlargement to the image's size.

    `(batch, H, W, channels)` to float32 logits `(batch, factor * H, factor * W, classes)`, whatever the dtype policy.
    Paper section 2.4.

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
            name="classifier",
        )
        self.upsample = BilinearUpsampling(factor=self.factor, dtype="float32", name="upsample")
        build_chain(input_shape, *self.convs, self.classifier, self.upsample)

    def call(self, inputs, training=None):
        x = inputs
        for conv in self.convs:
            x = conv(x, training=training)
        return self.upsample(ops.cast(self.classifier(x), "float32"))

    def compute_output_shape(self, input_shape):
        shape = BilinearUpsampling(factor=self.factor).compute_output_shape(input_shape)
        return (*shape[:-1], self.classes)

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
