"""What blocks must do that neither their contract nor another program's activations show."""

import numpy as np
import pytest
from keras import layers as keras_layers
from keras import ops

from cafct_keras import layers
from cafct_keras.layers.conv3d import SliceConv3D
from tests import golden

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("offset", [0, -2])
def test_max_pooling_is_keras_own(offset):
    x = np.random.default_rng(0).random((2, 8, 12, 10, 3), dtype="float32") + np.float32(offset)
    for size in (2, 3):
        # Padding before each axis only: after it, it would be a fourth value of no window.
        padded = np.pad(x, [(0, 0), *[(size // 3, 0)] * 3, (0, 0)], constant_values=-np.inf)
        expected = golden.predict(keras_layers.MaxPooling3D(size, strides=2), padded)
        np.testing.assert_array_equal(golden.predict(layers.MaxPooling(size=size), x), expected)


@pytest.mark.parametrize("options", [{"kernel_size": 3, "padding": "same"}, {"kernel_size": 7, "strides": 2}])
def test_convolution_by_slices_is_keras_own(options):
    x = np.random.default_rng(0).normal(size=(2, 8, 9, 12, 3)).astype("float32")
    reference, ours = (layer(4, **options) for layer in (keras_layers.Conv3D, SliceConv3D))
    reference.build(x.shape)
    ours.build(x.shape)
    ours.set_weights(reference.get_weights())
    np.testing.assert_allclose(golden.predict(ours, x), golden.predict(reference, x), atol=1e-5)


def test_dropout_keeps_the_mean_and_rests_in_prediction():
    layer = layers.Dropout(rate=0.25, seed=1)
    x = np.ones((40, 50, 60), "float32")
    y = ops.convert_to_numpy(layer(x, training=True))
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(y.mean() - 1) < 0.01
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x, training=False)), x)
