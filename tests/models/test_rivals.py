"""The networks of the paper's comparison: their sizes, their work, and what sets each apart."""

import keras
import pytest

import cafct_keras
from cafct_keras import models
from cafct_keras.benchmark import count_macs
from tests.models.counting import outline, trainable

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
