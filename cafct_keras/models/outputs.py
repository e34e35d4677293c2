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
        A `LogitsModel`.
    """
    return LogitsModel(model)


def heads(model: keras.Model) -> list[tuple[Tensor, float]]:
    """Returns the symbolic float32 logits of a network's heads, the kept one last, and the weights of their losses."""
    for layer in model.layers:
        if isinstance(layer, DeepSupervision):
            weights = layer.loss_weights or [1.0] * len(layer.input)
            return [(logits, weight / sum(weights)) for logits, weight in zip(layer.input, weights, strict=True)]
    return [(model.get_layer("probability").input, 1.0)]


class LogitsModel(keras.Model):
    """A network to be trained, from an image to the logits of one or several heads.

    Several heads are trained on the same masks: the loss is the weighted mean of theirs. Metrics are those of the last
    one, which is kept.

    Args:
        network: see `logits_model`.
    """

    def __init__(self, network: keras.Model) -> None:
        logits, weights = zip(*heads(network), strict=True)
        super().__init__(network.input, list(logits) if len(logits) > 1 else logits[0], name=network.name)
        self._head_weights = weights

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the mean of the losses of the heads, a scalar; arguments as in `keras.Model.compute_loss`."""
        loss = super().compute_loss
        losses = [loss(x, y, logits, sample_weight, training) for logits in _as_list(y_pred)]
        return sum(weight * loss for weight, loss in zip(self._head_weights, losses, strict=True))

    def compute_metrics(self, x: Tensor, y: Tensor, y_pred: Any, sample_weight: Tensor = None) -> dict[str, Any]:
        """Returns the metrics of the last head; arguments as in `keras.Model.compute_metrics`."""
        return super().compute_metrics(x, y, _as_list(y_pred)[-1], sample_weight)


def _as_list(outputs: Any) -> list[Tensor]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
