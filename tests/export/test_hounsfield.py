"""The graphs around a network compute what `Preprocessing` does, for slices of any size."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.preprocessing import Preprocessing

SIDES = st.integers(1, 90)


@settings(max_examples=25, deadline=None)
@given(SIDES, SIDES, st.integers(1, 40), st.sampled_from(["hu", "grey", "minmax"]), st.integers(0, 1))
@example(32, 32, 32, "hu", 0)
@example(64, 64, 32, "hu", 1)
@example(37, 90, 32, "minmax", 0)
def test_any_slices_become_the_images_that_the_network_was_trained_on(height, width, size, intensity, context):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow, which exports, is not installed")
    from cafct_keras.export.hounsfield import native_probability, network_image

    preprocessing = Preprocessing(
        size=size, window=(-200.0, 250.0), context=context, intensity=intensity, targets=("liver", "lesion")
    )
    generator = np.random.default_rng(height * width)
    stacks = generator.integers(-1100, 1600, (2, 2 * context + 1, height, width)).astype(np.int16)
    slices = np.moveaxis(stacks, 1, -1) if context else stacks[:, 0]
    grey = np.stack([preprocessing.pixels(stack, intensity="hu", orientation=None) for stack in stacks])
    image = network_image(tf.constant(slices), preprocessing).numpy()
    expected = preprocessing.as_input(np.moveaxis(grey, 1, -1))
    # Grey values to the bit: a division by 255 may be a multiplication by its inverse.
    np.testing.assert_array_equal(np.rint(image * 255), np.rint(expected * 255))
    np.testing.assert_allclose(image, expected, rtol=0, atol=1e-7)

    predicted = generator.random((2, size, size, 2), dtype=np.float32)
    native = native_probability(tf.constant(predicted), slices.shape, preprocessing).numpy()
    planes = np.moveaxis(predicted, -1, 1).reshape(-1, size, size)
    restored = preprocessing.grid(stacks[0]).restore(planes).reshape(2, 2, height, width)
    np.testing.assert_allclose(native, np.moveaxis(restored, 1, -1), rtol=0, atol=5e-6)


def test_one_graph_takes_slices_of_changing_sizes():
    tf = pytest.importorskip("tensorflow", reason="TensorFlow, which exports, is not installed")
    from cafct_keras.export.hounsfield import native_probability

    preprocessing = Preprocessing(size=256, window=(-200.0, 250.0), targets=("liver",))
    signature = [tf.TensorSpec((None, 256, 256, 1), tf.float32), tf.TensorSpec(3, tf.int32)]
    traced = tf.function(
        lambda predicted, shape: native_probability(predicted, shape, preprocessing), input_signature=signature
    )
    for batch, height, width in ((1, 256, 256), (2, 61, 50), (1, 520, 410)):
        predicted = np.random.default_rng(0).random((batch, 256, 256, 1), dtype=np.float32)
        native = traced(predicted, np.array([batch, height, width], np.int32)).numpy()
        restored = preprocessing.grid(np.empty((1, height, width))).restore(predicted[..., 0])
        np.testing.assert_allclose(native[..., 0], restored, rtol=0, atol=2e-5)
