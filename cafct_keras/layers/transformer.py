"""Dense layers, layer normalization and GELU of the vision transformers."""

import math
from collections.abc import Callable
from typing import Any

from keras import layers, ops

from cafct_keras.layers.initializers import Normal
from cafct_keras.layers.standard import uses_standard_operators
from cafct_keras.typing import Tensor


def make_dense(parent: layers.Layer, units: int, name: str, **kwargs: Any) -> layers.Dense:
    """Creates a `Dense` initialized as in the reference code, whose truncation at +-2 absolute cuts nothing off."""
    initializer = Normal(stddev=0.02)
    return layers.Dense(units, kernel_initializer=initializer, dtype=parent.dtype_policy, name=name, **kwargs)


def make_layer_norm(parent: layers.Layer, epsilon: float, name: str) -> layers.LayerNormalization:
    """Creates a `LayerNormalization` over the channels; its statistics are float32 under every dtype policy."""
    return layers.LayerNormalization(epsilon=epsilon, dtype=parent.dtype_policy, name=name)


def gelu(x: Tensor) -> Tensor:
    """GELU in its exact form: x times the cumulative normal distribution at x.

    Hendrycks and Gimpel, "Gaussian error linear units", 2016. Measured on CPUs, `keras.ops.gelu` takes XLA three times
    as long, since it is computed by erfc, and keeps three maps for its gradient; this one keeps x.
    """
    if uses_standard_operators():
        return (x * 0.5) * (ops.erf(x * 0.5**0.5) + 1.0)  # the order of terms that converters know as GELU
    return _gelu(x)


@ops.custom_gradient
def _gelu(x: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
    def gradient(*args: Tensor, upstream: Tensor = None) -> Tensor:
        upstream = args[0] if upstream is None else upstream
        density = ops.exp(-0.5 * x * x) * (2 * math.pi) ** -0.5
        return upstream * (_normal_distribution(x) + x * density)

    return x * _normal_distribution(x), gradient


def _normal_distribution(x: Tensor) -> Tensor:
    return 0.5 * (1.0 + ops.erf(x * 0.5**0.5))
