"""A network of 500 weights that draws random numbers: for tests of what surrounds a network, where compiling is all."""

import keras
from keras import layers

from cafct_keras.layers import Dropout, StochasticDepth
from cafct_keras.models.registry import register


@register("micro", presets={"only": {}}, default="only")
def micro(*, input_shape=(None, None, 3), classes=1, prior=0.01, width=8, name="micro"):
    """A residual block with stochastic depth and dropout.

    This project's dropout, as in all of its networks: under PyTorch Keras's own draws from PyTorch's generator, which
    is no part of the network's state.
    """
    image = keras.Input(input_shape, name="image")
    x = layers.Conv2D(width, 3, padding="same", name="stem")(image)
    branch = layers.BatchNormalization(name="norm")(layers.Conv2D(width, 1, use_bias=False, name="branch")(x))
    x = layers.Add(name="add")([x, StochasticDepth(rate=0.5, name="depth")(branch)])
    x = Dropout(rate=0.2, name="dropout")(layers.ReLU(name="relu")(x))
    logits = layers.Conv2D(classes, 1, bias_initializer=keras.initializers.Constant(prior), name="logits")(x)
    return keras.Model(image, layers.Activation("sigmoid", dtype="float32", name="probability")(logits), name=name)
