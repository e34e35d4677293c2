"""Initial weights, drawn by NumPy.

One seed (`keras.utils.set_random_seed`) gives the same network on every backend, and nothing is compiled: XLA takes a
fifth of a second for the random numbers of each new shape, half a minute for the `small` network.
"""

import contextlib
import contextvars
import math
import random

import keras
import numpy as np
from keras import ops

PACKAGE = "cafct_keras"
_filled_at_once = contextvars.ContextVar("filled_at_once", default=False)


@contextlib.contextmanager
def undrawn():
    """Weights made meanwhile are zeros: of a network that is filled from a file at once."""
    token = _filled_at_once.set(True)
    try:
        yield
    finally:
        _filled_at_once.reset(token)


class _Drawn(keras.initializers.Initializer):
    def __init__(self, *, seed=None):
        self.seed = seed
        self._drawn_seed = random.randrange(2**63) if seed is None else seed

    def draw(self, generator, shape):
        """Values of the given shape, in float32 or float64."""
        raise NotImplementedError

    def __call__(self, shape, dtype=None):
        shape = tuple(shape)
        if _filled_at_once.get():
            values = np.zeros(shape, "float32")
        else:
            values = self.draw(np.random.default_rng(self._drawn_seed), shape)
        return ops.convert_to_tensor(values.astype("float32"), dtype=dtype or keras.config.floatx())

    def get_config(self):
        return {"seed": self.seed}


@keras.saving.register_keras_serializable(PACKAGE)
class HeNormal(_Drawn):
    """Normal with variance 2 / fan-out, not truncated: convolutions of torchvision's ResNets and of PVTv2.

    Kernels are `(height, width, in, out)`, a depthwise one `(height, width, channels, 1)`.
    """

    def draw(self, generator, shape):
        fan_out = math.prod(shape[:-2]) * shape[-1]
        return generator.standard_normal(shape, dtype="float32") * math.sqrt(2 / fan_out)


@keras.saving.register_keras_serializable(PACKAGE)
class GlorotUniform(_Drawn):
    """Uniform within sqrt(6 / (fan-in + fan-out)): layers that no normalisation follows."""

    def draw(self, generator, shape):
        limit = math.sqrt(6 / (math.prod(shape[:-2]) * sum(shape[-2:])))
        return generator.uniform(-limit, limit, shape)


@keras.saving.register_keras_serializable(PACKAGE)
class FanInUniform(_Drawn):
    """Uniform within 1 / sqrt(fan-in): PyTorch's own choice, where a network's authors left it at that."""

    def draw(self, generator, shape):
        limit = 1 / math.sqrt(math.prod(shape[:-1]))
        return generator.uniform(-limit, limit, shape)


@keras.saving.register_keras_serializable(PACKAGE)
class Normal(_Drawn):
    """Normal with a given standard deviation, not truncated: dense layers of PVTv2 (0.02).

    Args:
        stddev: standard deviation.
        seed: of the draw; None takes one from Python's `random`, which `keras.utils.set_random_seed` seeds.
    """

    def __init__(self, *, stddev=0.02, seed=None):
        super().__init__(seed=seed)
        self.stddev = stddev

    def draw(self, generator, shape):
        return generator.standard_normal(shape, dtype="float32") * self.stddev

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev}
