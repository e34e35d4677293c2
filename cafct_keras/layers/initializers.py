"""Weight initializers that draw with NumPy.

One seed (`keras.utils.set_random_seed`) gives the same network on every backend, and nothing is compiled: XLA needs a
fifth of a second for the random numbers of each new shape, half a minute for the `small` network.
"""

import contextlib
import contextvars
import math
import random
import threading
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from cafct_keras.layers.serialization import register
from cafct_keras.typing import Tensor

# Weights and variables that this thread may still create, without drawing them; None outside of `skip_initialization`.
_left: contextvars.ContextVar[tuple[float, float] | None] = contextvars.ContextVar("left", default=None)
_skipping = threading.RLock()


@contextlib.contextmanager
def skip_initialization(*, at_most: tuple[float, float] = (math.inf, math.inf)) -> Iterator[None]:
    """Initializes weights to zeros inside the context: for a network whose weights are then read from a file.

    Of all layers, whatever their initializers; other threads are not affected.

    Args:
        at_most: number of weights, and of variables that hold them; a layer that needs more raises `ValueError` before
            it takes any memory.
    """
    with _skipping:  # other threads that load a network wait, and find the method as it was
        create = keras.layers.Layer.add_weight

        def add_weight(layer: keras.layers.Layer, *arguments: Any, **named: Any) -> Any:
            left = _left.get()
            if left is not None:
                # Positional ones are those of Keras 2: shape, initializer and dtype.
                named |= dict(zip(("shape", "initializer", "dtype"), arguments, strict=False))
                shape, arguments = named.get("shape") or (), ()
                weights, variables = left[0] - math.prod(shape), left[1] - 1
                if weights < 0 or variables < 0:
                    size = "x".join(map(str, shape))
                    raise ValueError(f"a network with more weights than its file: {size} in one layer")
                _left.set((weights, variables))
                named["initializer"] = "zeros"
            return create(layer, *arguments, **named)

        token = _left.set(at_most)
        keras.layers.Layer.add_weight = add_weight
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = create
            _left.reset(token)


class NumPyInitializer(keras.initializers.Initializer):
    """Base class of the initializers.

    Args:
        seed: random seed; None takes one from Python's `random`, which `keras.utils.set_random_seed` seeds.
    """

    def __init__(self, *, seed: int | None = None) -> None:
        self.seed = seed
        self._drawn_seed = random.randrange(2**63) if seed is None else seed

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draws values of the given shape, float32 or float64."""
        raise NotImplementedError

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> Tensor:
        """Returns initial values, of `keras.config.floatx()` unless `dtype` says otherwise."""
        values = self.draw(np.random.default_rng(self._drawn_seed), tuple(shape))
        return ops.convert_to_tensor(values.astype("float32"), dtype=dtype or keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"seed": self.seed}


@register(formerly="HeNormal")
class FanOutNormal(NumPyInitializer):
    """Normal distribution with variance 2 / fan-out, not truncated: convolutions of torchvision's ResNets and of PVTv2.

    He et al., "Delving deep into rectifiers", ICCV 2015, equation 14 (`keras.initializers.HeNormal` is equation 10,
    with fan-in, truncated). The shape of kernels is `(height, width, in, out)`, of depthwise ones `(height, width,
    channels, 1)`.
    """

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draws values of the given shape, float32."""
        fan_out = math.prod(shape[:-2]) * shape[-1]
        return generator.standard_normal(shape, dtype="float32") * math.sqrt(2 / fan_out)


@register()
class GlorotUniform(NumPyInitializer):
    """Uniform distribution within sqrt(6 / (fan-in + fan-out)): layers that no normalization follows.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
    """

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draws values of the given shape, float64."""
        limit = math.sqrt(6 / (math.prod(shape[:-2]) * sum(shape[-2:])))
        return generator.uniform(-limit, limit, shape)


@register()
class FanInUniform(NumPyInitializer):
    """Uniform distribution within 1 / sqrt(fan-in): PyTorch's default for convolutions and linear layers."""

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draws values of the given shape, float64."""
        limit = 1 / math.sqrt(math.prod(shape[:-1]))
        return generator.uniform(-limit, limit, shape)


@register()
class Normal(NumPyInitializer):
    """Normal distribution, not truncated: dense layers of PVTv2 (0.02).

    Args:
        stddev: standard deviation.
        seed: random seed; None takes one from Python's `random`.
    """

    def __init__(self, *, stddev: float = 0.02, seed: int | None = None) -> None:
        super().__init__(seed=seed)
        self.stddev = stddev

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draws values of the given shape, float32."""
        return generator.standard_normal(shape, dtype="float32") * self.stddev
