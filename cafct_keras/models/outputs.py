"""Outputs shared by all networks: probabilities for prediction, logits for training."""

from typing import Any

import keras
from keras import layers

from cafct_keras.layers import DeepSupervision
from cafct_keras.typing import Tensor


def segmentation_model(image: Tensor, logits: Tensor, *, activation: str | None, name: str) -> keras.Model:
    """Creates a model from an image to its logits, or to their float32 activation by a layer named `"probability"`."""
    if activation is not None:
        logits = layers.Activation(activation, dtype="float32", name="probability")(logits)
    return keras.Model(image, logits, name=name)


def logits_model(model: keras.Model) -> keras.Model:
    """Returns the network without its last activation, for training. It shares the weights.

    Args:
        model: a network of this project whose output is an `Activation` layer.

    Returns:
        A `keras.Model` to float32 logits; for a network with deep supervision, one whose loss is that of all heads.
    """
    for layer in model.layers:
        if isinstance(layer, DeepSupervision):
            return DeeplySupervised(model.input, layer.input, name=model.name)
    return keras.Model(model.input, model.get_layer("probability").input, name=model.name)


class DeeplySupervised(keras.Model):
    """A network with several outputs that are trained on the same masks.

    Its loss is the mean of the losses of the outputs; its metrics are those of the last output, which is kept.
    """

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the mean of the losses of the outputs, a scalar; arguments as in `keras.Model.compute_loss`."""
        loss = super().compute_loss
        return sum(loss(x, y, logits, sample_weight, training) for logits in y_pred) / len(y_pred)

    def compute_metrics(self, x: Tensor, y: Tensor, y_pred: Any, sample_weight: Tensor = None) -> dict[str, Any]:
        """Returns the metrics of the last output; arguments as in `keras.Model.compute_metrics`."""
        return super().compute_metrics(x, y, y_pred[-1], sample_weight)
