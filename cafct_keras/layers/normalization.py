"""The image as encoders that were trained on ImageNet know images."""

import keras
import numpy as np
from keras import layers

from cafct_keras.layers.initializers import PACKAGE

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


@keras.saving.register_keras_serializable(PACKAGE)
class ImageNetNormalization(layers.Layer):
    """Takes the mean of ImageNet's images away and divides by their standard deviation, colour by colour.

    `(batch, H, W, 3)` in [0, 1] to the same shape; so does any other number of channels, neighbouring slices, by the
    colours' averages. A single channel, `(batch, H, W, 1)`, becomes three, as if grey had come three times.

    It cannot be part of the first convolution instead: that pads with zeros, which are the mean after this layer, but
    black before it.
    """

    def call(self, inputs):
        mean, deviation = np.float32(MEAN), np.float32(DEVIATION)
        if inputs.shape[-1] not in (1, len(MEAN)):
            mean, deviation = mean.mean(), deviation.mean()
        return (inputs - keras.ops.cast(mean, inputs.dtype)) / keras.ops.cast(deviation, inputs.dtype)

    def compute_output_shape(self, input_shape):
        *rest, channels = input_shape
        return *rest, len(MEAN) if channels == 1 else channels
