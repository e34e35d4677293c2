"""Steps that are not queued far ahead of the device."""

import collections
from collections.abc import Callable
from typing import Any

import keras

from cafct_keras.runtime.devices import on_cpu

# Steps that are queued or under way: enough to keep a device busy. JAX itself queues 32 on a CPU, where a step takes
# seconds: a run that is to stop would first compute for a minute or more.
ON_CPU = 2
ON_ACCELERATOR = 16

Step = Callable[..., tuple[Any, Any]]


class PacedModel(keras.Model):
    """A model whose `fit` and `evaluate` queue only a few steps under JAX; other backends are left as they are."""

    train_function: Any
    test_function: Any

    def make_train_function(self, force: bool = False) -> None:
        """See `keras.Model`."""
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = _paced(self.train_function)

    def make_test_function(self, force: bool = False) -> None:
        """See `keras.Model`."""
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = _paced(self.test_function)


def _paced(step: Step) -> Step:
    """Waits, before each call, until the logs of an earlier one are computed."""
    if keras.backend.backend() != "jax":
        return step
    import jax

    ahead = ON_CPU if on_cpu() else ON_ACCELERATOR
    queued: collections.deque[Any] = collections.deque()

    def paced(*arguments: Any) -> tuple[Any, Any]:
        if len(queued) == ahead:
            jax.block_until_ready(queued.popleft())
        logs, state = step(*arguments)
        queued.append(logs)
        return logs, state

    return paced
