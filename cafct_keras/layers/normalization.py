"""Normalization of images by the statistics of ImageNet."""

import keras
import numpy as np
from keras import layers

from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


@register()
class ImageNetNormalization(layers.Layer):
    """Subtracts the mean of ImageNet's images and divides by their standard deviation, channel by channel.

    `(batch, H, W, 3)` in [0, 1] to the same shape. Images of other depths, such as neighbouring slices, are normalized
    by the average over the three colours; a single channel, `(batch, H, W, 1)`, becomes three, as if grey had been
    repeated.

    Folding this into the first convolution would not be equivalent: zero padding means the mean after this layer, but
    black before it.
    """

    def call(self, inputs: Tensor) -> Tensor:
        mean, deviation = np.array(MEAN, "float32"), np.array(DEVIATION, "float32")
        if inputs.shape[-1] not in (1, len(MEAN)):
            mean, deviation = mean.mean(), deviation.mean()
        return (inputs - keras.ops.cast(mean, inputs.dtype)) / keras.ops.cast(deviation, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        *rest, channels = input_shape
        return *rest, len(MEAN) if channels == 1 else channels
