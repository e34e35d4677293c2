"""Deep supervision: auxiliary logits that only the loss sees."""

import keras
from keras import layers

from cafct_keras.layers.initializers import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class DeepSupervision(layers.Layer):
    """Passes the last of several logits on and keeps the others part of the network.

    `[(batch, H, W, classes), ...]` to the last of them; the others cost nothing in prediction. `logits_model` finds
    this layer and gives training all of its inputs. Lee et al., "Deeply-supervised nets", AISTATS 2015.
    """

    def __init__(self, *, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)

    def call(self, inputs):
        return inputs[-1]

    def compute_output_shape(self, input_shape):
        return input_shape[-1]
