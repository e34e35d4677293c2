"""Gradients that are written by hand, and what depends on training."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from cafct_keras import layers
from cafct_keras.layers.transformer import gelu

pytestmark = pytest.mark.backends


def gradients(function, *values):
    """Gradients of `function`'s sum with respect to `values`, under whatever backend this is."""
    values = [np.asarray(value, "float32") for value in values]
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        found = jax.grad(lambda *v: function(*v).sum(), argnums=tuple(range(len(values))))(*values)
    elif backend == "tensorflow":
        import tensorflow as tf

        tensors = [tf.constant(value) for value in values]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            total = tf.reduce_sum(function(*tensors))
        found = tape.gradient(total, tensors)
    else:
        import torch

        found = torch.autograd.grad(function(*(t := [torch.tensor(v, requires_grad=True) for v in values])).sum(), t)
    return [np.asarray(ops.convert_to_numpy(g)) for g in found]


@settings(max_examples=8, deadline=None)
@given(height=st.integers(1, 17), width=st.integers(1, 9), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_depthwise_gradient_is_that_of_the_convolution(height, width, channels, seed):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(2, height, width, channels))
    kernel = generator.normal(size=(3, 3, channels, 1))
    mix = generator.normal(size=x.shape).astype("float32")

    def ours(x, kernel):
        from cafct_keras.layers.depthwise import _convolve

        return ops.multiply(_convolve(x, kernel[..., 0]), mix)

    def reference(x, kernel):
        return ops.multiply(ops.depthwise_conv(x, kernel, padding="same"), mix)

    for actual, expected in zip(gradients(ours, x, kernel), gradients(reference, x, kernel), strict=True):
        np.testing.assert_allclose(actual, expected, atol=2e-4, rtol=1e-4)


def test_gelu_and_its_gradient():
    from scipy.stats import norm

    x = np.linspace(-9, 9, 401)
    np.testing.assert_allclose(ops.convert_to_numpy(gelu(ops.cast(x, "float32"))), x * norm.cdf(x), atol=2e-6)
    (actual,) = gradients(gelu, x)
    np.testing.assert_allclose(actual, norm.cdf(x) + x * norm.pdf(x), atol=2e-6)


def test_stochastic_depth_leaves_out_whole_samples_and_keeps_the_mean():
    layer = layers.StochasticDepth(rate=0.25, seed=1)
    x = np.ones((4000, 2, 3), "float32")
    y = ops.convert_to_numpy(layer(x, training=True)).reshape(4000, -1)
    assert (y == y[:, :1]).all()
    assert set(np.unique(y)) <= {np.float32(0), np.float32(1 / 0.75)}
    assert abs(y.mean() - 1) < 0.04
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x, training=False)), x)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_stays_close(policy):
    """Softmax, statistics and gates in float32: half-precision maps of a block differ by rounding, not by overflow."""
    arguments = {"filters": 16, "num_heads": 2, "stochastic_depth_rates": (0.0, 0.0), "sr_ratio": 2}
    exact = layers.TransformerStage(**arguments)
    half = layers.TransformerStage(**arguments, dtype=policy)
    x = np.random.default_rng(0).normal(size=(2, 16, 24, 8)).astype("float32") * 100
    exact.build(x.shape)
    half.build(x.shape)
    half.set_weights(exact.get_weights())
    actual, expected = (np.asarray(ops.convert_to_numpy(ops.cast(layer(x), "float32"))) for layer in (half, exact))
    assert np.abs(actual - expected).max() < 0.15
