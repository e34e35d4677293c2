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

    Args:
        weights: of the losses of the logits; only their ratio matters. None for equal ones.

    Attributes:
        loss_weights: `weights` as they were given; `weights` of a Keras layer are its variables.
    """

    def __init__(self, *, weights: Sequence[float] | None = None, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.loss_weights = None if weights is None else tuple(weights)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[-1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weights": self.loss_weights}

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return input_shape[-1]
