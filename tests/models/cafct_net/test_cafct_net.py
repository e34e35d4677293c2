"""The networks as a user builds them: counts, names, sizes, options, mistakes."""

import re

import keras
import numpy as np
import pytest

import cafct_keras
from cafct_keras.models import list_presets
from tests.models.counting import trainable


@pytest.mark.parametrize(
    ("preset", "count"),
    [
        ("tiny", 406_778),
        ("mini", 4_883_632),
        ("small", 16_810_176),
        ("base", 54_574_912),
        ("large", 77_370_932),
    ],
)
def test_presets(preset, count):
    assert trainable(cafct_keras.create_model("cafct_net", preset=preset)) == count


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"ablation": "transformer"}, 50_984_572),
        ({"ablation": "aff"}, 54_390_020),
        ({"ablation": "aspp"}, 49_413_696),
        ({"ablation": "gates"}, 54_478_205),
        ({"aspp_levels": (4,)}, 51_644_992),
        ({"decoder": "deeplab"}, 49_592_064),
        ({"dims": (64, 128, 256, 512)}, 62_147_904),
        ({"cnn": "resnet18", "transformer": "pvt_v2_b0"}, 22_827_712),
        ({"transformer": "pvt_v2_b0"}, 32_935_872),
        ({"transformer": "pvt_v2_b1"}, 43_221_056),
        ({"transformer": "pvt_v2_b2_li"}, 51_765_568),
        ({"cnn": "resnet50"}, 58_378_804),
        ({"transformer": "pvt_v2_b3"}, 74_450_752),
    ],
)
def test_ablations_and_other_readings(options, count):
    assert trainable(cafct_keras.CAFCTNet(**options)) == count


@pytest.mark.parametrize(
    ("ablation", "option"),
    [
        ("transformer", {"transformer": "resnet_tiny"}),
        ("aff", {"fusion": "concat"}),
        ("aspp", {"aspp_levels": ()}),
        ("gates", {"attention_gates": False}),
    ],
)
def test_ablations_of_a_preset_are_its_options(ablation, option):
    """The second CNN is the preset's own; nothing else changes."""

    def layers(**options):
        model = cafct_keras.create_model("cafct_net", preset="tiny", **options)
        return [(layer.name, [weight.shape for weight in layer.weights]) for layer in model.layers]

    assert layers(ablation=ablation) == layers(**option) != layers()


def test_summary_of_base_is_a_screen_that_reads_like_figure_1():
    lines = []
    cafct_keras.create_model("cafct_net").summary(line_length=140, print_fn=lines.append)
    text = lines[0]
    assert text.count("\n") <= 66
    names = [f"{part}{level}" for part in ("cnn", "transformer", "aff", "aspp") for level in (1, 2, 3, 4)]
    names += [f"{part}{level}" for part in ("gate", "decoder") for level in (1, 2, 3)]
    assert [name for name in names if f" {name} (" not in text] == []


@pytest.mark.backends
@pytest.mark.parametrize("options", [{}, {"decoder": "deeplab"}, {"fusion": "ms_cam", "aspp_style": "plain"}])
def test_any_size_and_batch(options):
    model = cafct_keras.create_model("cafct_net", preset="tiny", input_shape=(None, None, 3), classes=2, **options)
    for shape in ((1, 64, 96, 3), (3, 32, 32, 3)):
        images = np.random.default_rng(0).random(shape, dtype="float32")
        probability = model.predict_on_batch(images)
        assert probability.shape == (*shape[:-1], 2)
        assert probability.dtype == np.float32
        assert ((probability >= 0) & (probability <= 1)).all()


def test_logits_are_before_the_sigmoid():
    keras.utils.set_random_seed(0)
    model = cafct_keras.create_model("cafct_net", preset="tiny", input_shape=(32, 64, 3), classifier_activation=None)
    keras.utils.set_random_seed(0)
    probable = cafct_keras.create_model("cafct_net", preset="tiny", input_shape=(32, 64, 3))
    x = np.random.default_rng(0).random((1, 32, 64, 3), dtype="float32")
    expected = model.predict_on_batch(x)
    # Both outputs in one model, which compiles once.
    both = keras.Model(probable.input, [probable.output, cafct_keras.models.logits_model(probable).output])
    probability, logits = both.predict_on_batch(x)
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-expected)), atol=1e-6)
    np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_prior_is_what_an_untrained_network_predicts():
    model = cafct_keras.create_model("cafct_net", preset="tiny", input_shape=(64, 64, 3), prior=0.01)
    bias = keras.ops.convert_to_numpy(model.get_layer("logits").classifier.bias)
    np.testing.assert_allclose(1 / (1 + np.exp(-bias)), 0.01, rtol=1e-5)


def test_one_seed_gives_the_same_network():
    def weights():
        keras.utils.set_random_seed(3)
        return cafct_keras.create_model("cafct_net", preset="tiny").get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(weights(), weights(), strict=True))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("unet3000",), "unknown model 'unet3000'; known are"),
        (("cafct_net", "huge"), "unknown preset 'huge' of cafct_net; known are tiny, mini, small, base, large"),
    ],
)
def test_unknown_names(arguments, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        cafct_keras.create_model(arguments[0], preset=arguments[1] if len(arguments) > 1 else None)


@pytest.mark.parametrize(
    "options",
    [
        {"input_shape": (100, 64, 3)},
        {"cnn": "resnet9000"},
        {"transformer": "swin"},
        {"decoder": "none"},
        {"ablation": "decoder"},
        {"aspp_levels": (5,)},
        {"fusion": "sum"},
        {"dims": (1, 2)},
    ],
)
def test_impossible_networks_are_refused(options):
    with pytest.raises(ValueError, match=r"must be|unknown|must have"):
        cafct_keras.CAFCTNet(**options)


def test_lists():
    assert "cafct_net" in cafct_keras.list_models()
    assert list_presets("cafct_net") == ["tiny", "mini", "small", "base", "large"]


def test_aspp_rates_by_level():
    # As the command line reads them: the keys of JSON objects are strings.
    options = {"preset": "tiny", "input_shape": (64, 64, 3), "aspp_rates": {"1": [2, 3], 3: (1, 2)}}
    model = cafct_keras.create_model("cafct_net", **options)
    rates = [model.get_layer(f"aspp{level}").rates for level in (1, 2, 3, 4)]
    assert rates == [(2, 3), (6, 12, 18), (1, 2), (6, 12, 18)]
    with pytest.raises(ValueError, match="aspp_rates must have levels out of"):
        cafct_keras.create_model("cafct_net", **{**options, "aspp_rates": {"5": [1]}})
