"""What holds for every network by name, in its `tiny` preset: a new one enters by being registered."""

import functools
import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import cafct_keras
from cafct_keras import load_model
from cafct_keras.losses import BCEDiceLoss
from cafct_keras.models import list_presets, logits_model
from tests import golden

pytestmark = pytest.mark.backends

NAMES = [name for name in cafct_keras.list_models() if name != "micro"]  # of other tests
IMAGES = np.random.default_rng(0).random((2, 64, 96, 3), dtype="float32")
PRIOR = 0.1


def build(name, **options):
    keras.utils.set_random_seed(0)
    options = {"preset": "tiny", "input_shape": (None, None, 3), "classes": 2, "prior": PRIOR, **options}
    return cafct_keras.create_model(name, **options)


@functools.cache
def shaken(name):
    """A network none of whose weights has its initial value, so that each matters, and what it makes of `IMAGES`."""
    model = build(name)
    generator = np.random.default_rng(0)
    for variable in model.weights:
        if variable.path.endswith("seed_generator_state"):
            continue
        value = np.array(keras.ops.convert_to_numpy(variable))
        if value.ndim > 1:
            # Statistics are no data's, so it is the kernels that must keep maps at their size.
            value *= (2 / math.prod(value.shape[:-1])) ** 0.5 / value.std()
        variable.assign(value * generator.uniform(0.8, 1.2, value.shape) + generator.normal(0, 0.01, value.shape))
    return model, golden.predict(model, IMAGES)


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_of_a_size_that_is_not_square(name):
    _, probability = shaken(name)
    assert probability.shape == (*IMAGES.shape[:-1], 2)
    assert probability.dtype == np.float32
    assert ((probability >= 0) & (probability <= 1)).all()
    assert probability.std(axis=(1, 2)).min() > 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded(name, tmp_path):
    model, probability = shaken(name)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert [(w.path, w.shape) for w in loaded.weights] == [(w.path, w.shape) for w in model.weights]
    assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True))
    if keras.backend.backend() != "jax":  # which would compile it again; see `test_backends_agree`
        np.testing.assert_array_equal(golden.predict(loaded, IMAGES), probability)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_fixed(name):
    """State that is kept by its path is found again by any later process, whatever that has built before."""
    paths = [w.path for w in build(name, classifier_activation=None).weights]
    assert paths == [w.path for w in shaken(name)[0].weights]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("name", NAMES)
def test_prior_and_sizes(name):
    model = build(name, input_shape=(64, 64, 3))
    biases = [keras.ops.convert_to_numpy(w) for w in model.trainable_variables if w.shape == (2,)]
    assert any(np.allclose(bias, math.log(PRIOR / (1 - PRIOR))) for bias in biases)
    with pytest.raises(ValueError, match="H and W must be multiples of"):
        build(name, input_shape=(100, 64, 3))
    assert list_presets(name)[0] == "tiny"


# Steps of CAFCT-Net are compared with those of a reference in `test_golden.py`.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "cafct_net"])
def test_training_steps_lower_the_loss(name):
    masks = (IMAGES[..., :2] > 0.7).astype("float32")
    model = logits_model(build(name))
    eager = keras.backend.backend() != "jax"
    model.compile(keras.optimizers.SGD(0.1), BCEDiceLoss(from_logits=True), run_eagerly=eager)
    losses = [float(model.train_on_batch(IMAGES, masks)) for _ in range(4)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16(name):
    exact, probability = shaken(name)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build(name)
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights(exact.get_weights())
    rounded = golden.predict(model, IMAGES)
    assert rounded.dtype == np.float32
    assert 0 < np.abs(rounded - probability).mean() < 0.02


CHILD = """
import pathlib, sys
import numpy as np
from cafct_keras import load_model
from tests import golden

folder, out = map(pathlib.Path, sys.argv[1:])
images = np.load(folder / "images.npy")
np.savez(out, **{file.stem: golden.predict(load_model(file), images) for file in folder.glob("*.keras")})
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="starts the other two backends itself, from JAX")
def test_backends_agree(tmp_path):
    """What was saved under one backend predicts the same under the others."""
    np.save(tmp_path / "images.npy", IMAGES)
    for name in NAMES:
        shaken(name)[0].save(tmp_path / f"{name}.keras")
    for backend in ("tensorflow", "torch"):
        out = tmp_path / f"{backend}.npz"
        environ = {**os.environ, "KERAS_BACKEND": backend}
        subprocess.run([sys.executable, "-c", CHILD, tmp_path, out], env=environ, check=True)
        with np.load(out) as found:
            for name in NAMES:
                np.testing.assert_allclose(found[name], shaken(name)[1], atol=1e-5, err_msg=f"{name}, {backend}")
