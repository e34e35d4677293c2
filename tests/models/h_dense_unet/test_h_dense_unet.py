"""H-DenseUNet: its weights, and the order of slices in it."""

import keras
import numpy as np
import pytest

import cafct_keras
from cafct_keras import layers, models
from cafct_keras.benchmark import count_macs
from tests import golden
from tests.models.counting import outline, trainable


def test_h_dense_unet_has_the_reference_s_weights():
    """As it was released, but for the 3-D branch's classifier, whose output nothing there uses."""
    unused = 3 * 64 + 3
    options = {"input_shape": (224, 224, 8), "classes": 3, "long_skips": False}
    model = outline(models.HDenseUNet, output="volume", **options)
    assert trainable(model) == 61_195_249 - unused
    assert model.output_shape == (None, 8, 224, 224, 3)
    volume_branch = keras.Model(model.get_layer("volume").output, model.get_layer("volume_up5").output)
    assert trainable(volume_branch) == 16_001_995 - unused
    if keras.backend.backend() == "jax":
        assert count_macs(volume_branch, image_shape=(8, 224, 224, 4)) == pytest.approx(117.2e9, rel=0.005)


@pytest.mark.backends
def test_h_dense_unet_keeps_cases_and_slices_apart():
    """Slices pass through the batch and back: none may end in another case or at another height."""
    options = {"preset": "tiny", "input_shape": (32, 64, 5), "scale": False}
    middle = cafct_keras.create_model("h_dense_unet", **options)
    whole = cafct_keras.create_model("h_dense_unet", output="volume", **options)
    whole.set_weights(middle.get_weights())
    crops = np.random.default_rng(0).random((2, 32, 64, 5), dtype="float32")
    masks = golden.predict(whole, crops)
    assert masks.shape == (2, 5, 32, 64, 1)
    np.testing.assert_allclose(golden.predict(middle, crops), masks[:, 2], atol=1e-5)
    others = np.stack([1 - crops[0], crops[1]])
    np.testing.assert_allclose(golden.predict(whole, others)[1], masks[1], atol=1e-5)


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
