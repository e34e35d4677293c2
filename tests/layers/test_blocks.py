"""What blocks must do that neither their contract nor another program's activations show."""

import numpy as np
import pytest
from keras import layers as keras_layers
from keras import ops

from cafct_keras import layers
from cafct_keras.layers.conv3d import SliceConv3D
from tests import golden

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_a_dilated_stage_is_the_strided_one_on_a_finer_grid(block):
    """Dilation in place of a stride changes no weight, and every other place keeps its value."""
    x = np.random.default_rng(0).normal(size=(2, 12, 16, 6)).astype("float32")
    strided = layers.ConvStage(filters=4, depth=3, block=block, strides=2)
    dilated = layers.ConvStage(filters=4, depth=3, block=block, dilation_rate=2)
    strided.build(x.shape)
    dilated.build(x.shape)
    dilated.set_weights(strided.get_weights())
    fine = golden.predict(dilated, x)
    assert fine.shape == (2, 12, 16, strided.compute_output_shape(x.shape)[-1])
    np.testing.assert_allclose(fine[:, ::2, ::2], golden.predict(strided, x), atol=1e-5)


def test_max_pooling_is_keras_own():
    x = np.random.default_rng(0).random((2, 8, 12, 10, 3), dtype="float32")
    for size in (2, 3):
        # The zero before each axis; the one behind it would be a fourth value for no window.
        padded = np.pad(x, [(0, 0), *[(size // 3, 0)] * 3, (0, 0)])
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


def test_slices_become_a_volume_and_a_batch():
    crop = np.random.default_rng(0).random((2, 4, 6, 5), dtype="float32")
    triples = golden.predict(layers.SliceTriples(), crop).reshape(2, 5, 4, 6, 3)
    for index in range(5):
        expected = crop[..., [max(index - 1, 0), index, min(index + 1, 4)]]
        np.testing.assert_array_equal(triples[:, index], expected)
    scores = np.random.default_rng(1).random((10, 4, 6, 2), dtype="float32")
    volume = golden.predict(layers.ScoredVolume(), [crop, scores])
    places = [0, 0, 1, 2, 3, 4, 4, 4]
    np.testing.assert_array_equal(volume[..., 0], np.moveaxis(crop, -1, 1)[:, places])
    np.testing.assert_array_equal(volume[..., 1:], scores.reshape(2, 5, 4, 6, 2)[:, places])
    total = golden.predict(layers.HybridSum(depth=5), [scores, volume[..., 1:]])
    np.testing.assert_array_equal(total, 2 * scores.reshape(2, 5, 4, 6, 2))
    np.testing.assert_array_equal(golden.predict(layers.MiddleSlice(), volume), volume[:, 4])
