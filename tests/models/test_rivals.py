"""The networks of the paper's comparison: their sizes, their work, and what sets each apart."""

import math

import keras
import numpy as np
import pytest

import cafct_keras
from cafct_keras import models
from cafct_keras.benchmark import count_macs
from cafct_keras.losses import BCEDiceLoss
from cafct_keras.models import logits_model
from tests import golden
from tests.cli import run

counts_macs = pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX's functions can be looked into")

# Trainable parameters of the networks' own published code, and its GMAC at 256x256.
FIGURES = [
    ("cafct_net", {}, 54_574_912, 13.851),
    ("cafct_net", {"aspp_levels": ()}, 49_413_696, 12.051),
    ("unet", {}, 31_037_633, 48.17),
    ("unet", {"preset": "bilinear"}, 17_262_977, 39.98),
    ("unet", {"preset": "original", "input_shape": (256, 256, 1)}, 31_030_593, None),
    ("unet_plus_plus", {}, 9_163_329, 34.49),
    ("unet_plus_plus", {"deep_supervision": True}, 9_163_428, None),
    ("attention_unet", {}, 34_878_573, 66.42),
    ("deeplab_v3_plus", {}, 39_756_705, 14.87),
    ("deeplab_v3_plus", {"output_stride": 8}, 39_756_705, 43.21),
    ("deeplab_v3_plus", {"preset": "large"}, 58_748_833, 19.72),
    ("deeplab_v3_plus", {"preset": "large", "output_stride": 8}, 58_748_833, 62.60),
    ("dense_unet", {"classes": 3}, 49_747_779, 24.26),
    ("dense_unet", {"scale": False}, 49_527_713, None),
]


def outline(builder, *arguments, **options):
    """A network without values, which is enough to count."""
    with keras.StatelessScope(initialize_variables=False):
        return builder(*arguments, **options)


def trainable(model):
    return sum(math.prod(v.shape) for v in model.trainable_variables)


@pytest.mark.parametrize(("name", "options", "parameters", "gmac"), FIGURES)
def test_figures(name, options, parameters, gmac):
    model = outline(cafct_keras.create_model, name, **options)
    assert trainable(model) == parameters
    if gmac and keras.backend.backend() == "jax":
        assert count_macs(model) == pytest.approx(1e9 * gmac, rel=0.002)


@counts_macs
@pytest.mark.parametrize(
    ("builder", "variant", "size", "gmac"),
    [
        (models.PVTv2, "b0", 224, 0.566),
        (models.PVTv2, "b2", 256, 5.316),
        (models.PVTv2, "b2_li", 256, 5.012),
        (models.ResNet, "resnet18", 256, 2.369),
        (models.ResNet, "resnet101", 256, 10.187),
    ],
)
def test_work_of_backbones(builder, variant, size, gmac):
    model = outline(builder, variant)
    assert count_macs(model, image_shape=(size, size, 3)) == pytest.approx(1e9 * gmac, rel=0.005)


@counts_macs
def test_work_is_counted_by_hand():
    x = keras.Input((8, 6, 4))
    y = keras.layers.Conv2D(10, 3, strides=2, groups=2, padding="same")(x)  # 4 x 3 places, 9 taps of 2 channels
    z = keras.layers.Conv2DTranspose(5, 2, strides=2)(y)  # 4 x 3 places to 2 x 2 each
    z = keras.layers.Dense(7)(z)  # 8 x 6 places
    assert count_macs(keras.Model(x, z)) == 12 * 10 * 9 * 2 + 12 * 10 * 4 * 5 + 48 * 5 * 7


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
    np.testing.assert_allclose(golden.predict(whole, crops[1:]), masks[1:], atol=1e-5)


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


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("unet", {"dims": (8,)}, "dims must have 2 to 6 entries"),
        ("unet", {"upsampling": "cubic"}, "upsampling must be one of"),
        ("attention_unet", {"dims": (8,) * 7}, "dims must have 2 to 6 entries"),
        ("unet_plus_plus", {"dims": ()}, "dims must have 2 to 6 entries"),
        ("deeplab_v3_plus", {"cnn": "xception"}, "unknown ResNet 'xception'"),
        ("deeplab_v3_plus", {"output_stride": 32}, "output_stride must be 16 or 8, not 32"),
        ("dense_unet", {"cnn": "resnet50"}, "unknown cnn 'resnet50'"),
        ("h_dense_unet", {"cnn": "resnet50"}, "unknown cnn 'resnet50'"),
        ("h_dense_unet", {"volume_cnn": "resnet50"}, "unknown volume_cnn 'resnet50'"),
        ("h_dense_unet", {"output": "first"}, "output must be 'middle' or 'volume'"),
        ("h_dense_unet", {"input_shape": (32, 32, 1)}, "2 slices or more"),
    ],
)
def test_impossible_networks_are_refused(name, options, words):
    with pytest.raises(ValueError, match=words):
        outline(cafct_keras.create_model, name, **options)
