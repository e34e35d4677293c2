"""UNet++: deep supervision."""

import keras
import numpy as np
import pytest

import cafct_keras
from cafct_keras.losses import BCEDiceLoss
from cafct_keras.models import logits_model
from tests import golden
from tests.cli import run


@pytest.mark.backends
def test_deep_supervision_trains_every_head_and_keeps_the_last():
    keras.utils.set_random_seed(0)
    model = cafct_keras.create_model(
        "unet_plus_plus", dims=(2, 4, 8), deep_supervision=True, input_shape=(None, None, 3)
    )
    x = np.random.default_rng(0).random((2, 32, 64, 3), dtype="float32")
    y = (x[..., :1] > 0.7).astype("float32")
    trained = logits_model(model)
    loss = BCEDiceLoss(from_logits=True)
    accuracy = keras.metrics.BinaryAccuracy(threshold=0.0)
    trained.compile(keras.optimizers.SGD(1e-2), loss, weighted_metrics=[accuracy])
    *others, last = golden.predict(trained, x)
    assert len(others) == 1
    measured = trained.test_on_batch(x, y, return_dict=True)
    np.testing.assert_allclose(measured["loss"], np.mean([loss(y, z) for z in (*others, last)]), rtol=1e-5)
    np.testing.assert_allclose(measured["binary_accuracy"], ((last > 0) == y).mean(), rtol=1e-5)
    np.testing.assert_allclose(golden.predict(model, x), 1 / (1 + np.exp(-last)), atol=1e-6)
    heads = [model.get_layer(name).classifier.kernel for name in ("logits1", "logits2")]
    before = [keras.ops.convert_to_numpy(head) for head in heads]
    trained.train_on_batch(x, y)
    assert all(np.abs(keras.ops.convert_to_numpy(h) - b).max() > 0 for h, b in zip(heads, before, strict=True))


def test_fit_with_deep_supervision(slices_folder, tmp_path):
    options = ("--model", "unet_plus_plus", "--model-option", "deep_supervision=true", "--model-option", "dims=[4,8,8]")
    sizes = ("--target", "liver", "--size", 32, "--batch-size", 8, "--epochs", 1)
    result = run("fit", "--data", slices_folder, *options, *sizes, "--out", tmp_path / "run", "--json")
    assert result.code == 0, result
    assert 0 <= result.json["validation"]["dice_pooled"] <= 1
    model = cafct_keras.load_model(tmp_path / "run")
    assert model.output_shape == (None, None, None, 1)
    assert model.get_layer("logits1").count_params() == 5
