"""The share of training that passes in waiting for data."""

import time

import keras
import numpy as np
import pytest

from cafct_keras.training.data_wait import DataWait


def fitted(pause):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    wait = DataWait()

    def stream():
        while True:
            time.sleep(pause)
            yield np.zeros((2, 4), "float32"), np.zeros((2, 1), "float32")

    history = model.fit(wait.timed(stream()), epochs=3, steps_per_epoch=20, callbacks=[wait], verbose=0).history
    return wait, history


@pytest.mark.backends
@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="TensorFlow draws batches inside its graph")
def test_slow_data_show():
    wait, history = fitted(pause=0.05)
    assert len(history["data_wait"]) == 3
    assert min(history["data_wait"][1:]) > 0.5
    assert wait.fraction > 0.3  # the first epoch compiles too
    idle, _ = fitted(pause=0)
    assert idle.fraction < wait.fraction
