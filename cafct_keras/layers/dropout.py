"""Dropout and stochastic depth, with a random state that can be restored."""

from typing import Any

import keras
from keras import layers, ops

from cafct_keras.layers.serialization import register
from cafct_keras.typing import Shape, Tensor


@register()
class Dropout(layers.Layer):
    """Dropout: during training, sets values to zero at random and divides the others by the keep probability.

    Any shape, unchanged. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR
    2014. `keras.layers.Dropout` names its random state after what was built before in the same process, so a later
    process cannot restore it.

    Args:
        rate: probability that a value is set to zero, in [0, 1).
        seed: seed of the layer's generator; None draws one.
    """

    def __init__(self, *, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        # Created here, within the layer's name scope, its state has a path by which it can be restored.
        self.generator = keras.random.SeedGenerator(self.seed, name="generator") if self.rate > 0 else None

    def _noise_shape(self, inputs: Tensor) -> Shape:
        """Returns the shape of the random draw, which broadcasts to that of the inputs."""
        return ops.shape(inputs)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not training or self.generator is None:
            return inputs
        kept = keras.random.uniform(self._noise_shape(inputs), seed=self.generator) >= self.rate
        return inputs * ops.cast(kept, inputs.dtype) / (1 - self.rate)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@register()
class StochasticDepth(Dropout):
    """Stochastic depth: during training, drops a residual branch for whole samples at random and scales up the others.

    Any shape, unchanged. Huang et al., "Deep networks with stochastic depth", ECCV 2016, in the form of PVTv2's
    reference code: one draw per sample, kept samples divided by the keep probability. Also known as drop path.

    Args:
        rate: probability that the branch is dropped, in [0, 1).
        seed: seed of the layer's generator; None draws one.
    """

    def _noise_shape(self, inputs: Tensor) -> Shape:
        return (ops.shape(inputs)[0],) + (1,) * (len(inputs.shape) - 1)
