"""Bilinear enlargement of feature maps."""

import keras
from keras import layers, ops

from cafct_keras.layers.initializers import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class BilinearUpsampling(layers.Layer):
    """Enlarges a map by a whole factor, bilinear with half-pixel centres (PyTorch's `align_corners=False`).

    `(batch, H, W, channels)` to `(batch, factor * H, factor * W, channels)`.

    Args:
        factor: how many times larger the map becomes, at least 1.
    """

    def __init__(self, *, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        if self.factor == 1:
            return inputs
        _, height, width, _ = ops.shape(inputs)
        return ops.image.resize(inputs, (height * self.factor, width * self.factor), interpolation="bilinear")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height, width = (None if size is None else size * self.factor for size in (height, width))
        return batch, height, width, channels

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
