"""Exponential moving average of the weights in training."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from cafct_keras.training.memory import MemorySavingModel


class AveragedModel(MemorySavingModel):
    """A network in training that keeps an exponential moving average of its weights, updated after every step.

    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 30, 1992. The
    average covers the statistics of batch normalization too, so that they fit the averaged weights. It starts as the
    initial weights; update n, from 0, decays it by `min(decay, (1 + n) / (10 + n))`, as TensorFlow's
    `ExponentialMovingAverage` does, so that a short run is not held back by them.

    The averages are variables of the model, so they are saved and restored with its state.

    Args:
        network, accumulate: see `MemorySavingModel`.
        decay: per step, in (0, 1); None for no average.

    Attributes:
        average_in_use: whether the network has its averaged weights.
    """

    def __init__(self, network: keras.Model, *, decay: float | None = None, **options: Any) -> None:
        super().__init__(network, **options)
        self.average_in_use = False
        self._decay = decay
        self._averaged: list[keras.Variable] = []
        if decay is None:
            return
        # Not the states of random generators.
        self._averaged = [v for v in self.weights if keras.backend.is_float_dtype(v.dtype)]
        self._updates = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="updates")
        self._averages = []
        for variable in self._averaged:
            name = f"average-{variable.path.replace('/', '-')}"
            average = self.add_weight(
                shape=variable.shape, dtype=variable.dtype, initializer="zeros", trainable=False, name=name
            )
            average.assign(_copy(variable))
            self._averages.append(average)

    def train_step(self, *args: Any) -> Any:
        """One step, and an update of the average; arguments and result are those of the backend's `train_step`."""
        if keras.backend.backend() != "jax":
            logs = super().train_step(*args)
            self._update()
            return logs
        logs, (weights, others, *rest) = super().train_step(*args)
        before = [
            *zip(self.trainable_variables, weights, strict=True),
            *zip(self.non_trainable_variables, others, strict=True),
        ]
        with keras.StatelessScope(state_mapping=before) as scope:
            self._update()
        others = [scope.get_current_value(variable) for variable in self.non_trainable_variables]
        return logs, (weights, others, *rest)

    def use_average(self) -> None:
        """Gives the network its averaged weights, if there are any, until `use_weights`; no step may come between."""
        self._exchange(average=True)

    def use_weights(self) -> None:
        """Gives the network back the weights that are trained."""
        self._exchange(average=False)

    def _update(self) -> None:
        if self._decay is None:
            return
        updates = ops.cast(self._updates, "float32")
        decay = ops.minimum(self._decay, (1 + updates) / (10 + updates))
        for variable, average in zip(self._averaged, self._averages, strict=True):
            difference = ops.stop_gradient(ops.convert_to_tensor(variable)) - average
            average.assign_add(ops.cast(1 - decay, average.dtype) * difference)
        self._updates.assign_add(1)

    def _exchange(self, *, average: bool) -> None:
        if self._decay is None or self.average_in_use == average:
            return
        for variable, other in zip(self._averaged, self._averages, strict=True):
            value = _copy(variable)
            variable.assign(_copy(other))
            other.assign(value)
        self.average_in_use = average


def _copy(variable: keras.Variable) -> np.ndarray:
    # Never the array itself: JAX donates those of a state to the next step, each once.
    return np.array(ops.convert_to_numpy(variable))


def with_average(model: AveragedModel, callbacks: Sequence[keras.callbacks.Callback]) -> list[keras.callbacks.Callback]:
    """Callbacks in between which, at the end of an epoch, the network has its averaged weights."""
    before = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: model.use_average())
    after = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: model.use_weights())
    return [before, *callbacks, after]
