"""Steps are not queued far ahead of the device, so that a run stops soon after it is asked to."""

import keras
import numpy as np
import pytest
from keras import ops

from cafct_keras.models.outputs import segmentation_model
from cafct_keras.training.averaging import AveragedModel
from cafct_keras.training.pacing import ON_CPU

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX queues steps on a CPU")


class Slow(keras.layers.Layer):
    """Passes its input on, after some hundredths of a second."""

    def call(self, inputs):
        start = ops.full((400, 400), ops.mean(inputs))
        product = ops.fori_loop(0, 40, lambda _, matrix: ops.matmul(matrix, matrix), start)
        return inputs + ops.stop_gradient(ops.mean(product))


class Watch(keras.callbacks.Callback):
    """Notes how many steps are queued or under way when the next one begins."""

    async_safe = True

    def __init__(self):
        super().__init__()
        self.ended, self.queued = 0, []

    def on_train_batch_begin(self, batch, logs=None):
        self.queued.append(batch - self.ended)

    def on_train_batch_end(self, batch, logs=None):
        self.ended += 1  # in another thread, which waits for the logs

    on_test_batch_begin, on_test_batch_end = on_train_batch_begin, on_train_batch_end


@pytest.mark.parametrize("task", ["fit", "evaluate"])
def test_few_steps_are_queued(task):
    inputs = keras.Input((4,))
    logits = keras.layers.Dense(1)(Slow()(inputs))
    model = AveragedModel(segmentation_model(inputs, logits, activation="sigmoid", name="slow"))
    model.compile("sgd", "mse")
    watch = Watch()
    getattr(model, task)(
        np.zeros((60, 4), np.float32), np.zeros((60, 1), np.float32), batch_size=2, verbose=0, callbacks=[watch]
    )
    assert len(watch.queued) == 30
    assert 1 <= max(watch.queued) <= ON_CPU + 1  # one may be computed and not counted yet
