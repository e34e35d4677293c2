"""Dropout whose random state has a name of its own."""

import keras
from keras import layers, ops

from cafct_keras.layers.initializers import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class Dropout(layers.Layer):
    """Dropout: in training sets values to zero at random and divides the others by their chance of being kept.

    Any shape, unchanged. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR
    2014. Keras's own keeps its random state under a name that depends on what was built before in the same process,
    by which no later process can restore it.

    Args:
        rate: chance of being set to zero, in [0, 1).
        seed: of the layer's own generator; None draws one.
    """

    def __init__(self, *, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed

    def build(self, input_shape):
        # Here, not before: within the layer's name scope its state has a path of its own, by which it can be restored.
        self.generator = keras.random.SeedGenerator(self.seed, name="generator") if self.rate > 0 else None

    def _drawn_shape(self, inputs):
        """The shape of what is drawn, which broadcasts to the inputs'."""
        return ops.shape(inputs)

    def call(self, inputs, training=None):
        if not training or self.generator is None:
            return inputs
        kept = keras.random.uniform(self._drawn_shape(inputs), seed=self.generator) >= self.rate
        return inputs * ops.cast(kept, inputs.dtype) / (1 - self.rate)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable(PACKAGE)
class StochasticDepth(Dropout):
    """Leaves a residual branch out for whole samples at random, and scales it up where it stays, in training only.

    Any shape, unchanged. Huang et al., "Deep networks with stochastic depth", ECCV 2016, in the form of the reference:
    one draw a sample, kept samples divided by the chance of being kept.

    Args:
        rate: chance of being left out, in [0, 1).
        seed: of the layer's own generator; None draws one.
    """

    def _drawn_shape(self, inputs):
        return (ops.shape(inputs)[0],) + (1,) * (len(inputs.shape) - 1)
