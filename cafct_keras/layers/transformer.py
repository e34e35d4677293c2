"""Dense layers, layer normalization and GELU as the vision transformers have them."""

import math

from keras import layers, ops

from cafct_keras.layers.initializers import Normal


def make_dense(parent, units, name, **kwargs):
    """A `Dense` with the reference's initial weights: its "truncation" at +-2 absolute cuts nothing off."""
    initializer = Normal(stddev=0.02)
    return layers.Dense(units, kernel_initializer=initializer, dtype=parent.dtype_policy, name=name, **kwargs)


def make_layer_norm(parent, epsilon, name):
    """A `LayerNormalization` over the channels; its statistics are float32 under every dtype policy."""
    return layers.LayerNormalization(epsilon=epsilon, dtype=parent.dtype_policy, name=name)


@ops.custom_gradient
def gelu(x):
    """GELU in the exact form, x times the normal distribution function at x.

    Keras's `ops.gelu` makes an erfc of it, which XLA takes three times as long for, and keeps three maps for its
    gradient; this one keeps x.
    """

    def gradient(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        density = ops.exp(-0.5 * x * x) * (2 * math.pi) ** -0.5
        return upstream * (_normal_distribution(x) + x * density)

    return x * _normal_distribution(x), gradient


def _normal_distribution(x):
    return 0.5 * (1.0 + ops.erf(x * 0.5**0.5))
