"""What every network of this project ends in."""

import keras
from keras import layers

from cafct_keras.layers import DeepSupervision
from cafct_keras.models.deep_supervision import DeeplySupervised


def segmentation_model(image, logits, *, activation, name):
    """A model from an image to its logits, or to their float32 activation, a layer that is named `"probability"`."""
    if activation is not None:
        logits = layers.Activation(activation, dtype="float32", name="probability")(logits)
    return keras.Model(image, logits, name=name)


def logits_model(model):
    """The same network without its last activation: what training works on. It shares the weights.

    Args:
        model: a network of this project whose output is an `Activation` layer.

    Returns:
        A `keras.Model` to float32 logits; of a network with deep supervision, one whose loss is that of all its heads.
    """
    for layer in model.layers:
        if isinstance(layer, DeepSupervision):
            return DeeplySupervised(model.input, layer.input, name=model.name)
    return keras.Model(model.input, model.get_layer("probability").input, name=model.name)
