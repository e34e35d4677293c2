"""What every network of this project ends in."""

import keras
from keras import layers


def segmentation_model(image, logits, *, activation, name):
    """A model from an image to its logits, or to their float32 activation, a layer that is named `"probability"`."""
    if activation is not None:
        logits = layers.Activation(activation, dtype="float32", name="probability")(logits)
    return keras.Model(image, logits, name=name)
