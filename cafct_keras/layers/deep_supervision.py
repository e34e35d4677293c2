"""Deep supervision: auxiliary logits that only the loss sees."""

from collections.abc import Sequence
from typing import Any

from keras import layers

from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor


@register()
class DeepSupervision(layers.Layer):
    """Returns the last of several logits, and keeps the layers of the others in the network.

    `[(batch, H, W, classes), ...]` to the last of them; the others cost nothing in prediction. `logits_model` finds
    this layer and makes all of its inputs outputs for training. Lee et al., "Deeply-supervised nets", AISTATS 2015.
    """

    def __init__(self, *, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[-1]

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return input_shape[-1]
