"""Models saved before layers and their arguments were renamed."""

import lzma
import pathlib

import numpy as np
import pytest

import cafct_keras
from cafct_keras import layers

FORMER = pathlib.Path(__file__).parent / "former"


@pytest.mark.backends
def test_a_model_saved_by_an_earlier_version(tmp_path):
    """Commit 236b99e saved it: a chain of layers that were renamed or moved, or that files address by their class."""
    file = tmp_path / "former.keras"
    file.write_bytes(lzma.decompress((FORMER / "former.keras.xz").read_bytes()))
    model = cafct_keras.load_model(file)
    image = np.random.default_rng(0).random((1, 32, 64, 3), np.float32)
    np.testing.assert_allclose(model.predict_on_batch(image), np.load(FORMER / "output.npy"), atol=1e-6)
    model.save(tmp_path / "again.keras")
    again = cafct_keras.load_model(tmp_path / "again.keras")
    np.testing.assert_array_equal(again.predict_on_batch(image), model.predict_on_batch(image))


@pytest.mark.parametrize(
    ("layer", "former", "present"),
    [
        (layers.SqueezeExcitation, {"ratio": 2}, {"reduction_ratio": 2}),
        (layers.MultiScaleChannelAttention, {"ratio": 2}, {"reduction_ratio": 2}),
        (layers.ConvFeedForward, {"ratio": 2}, {"mlp_ratio": 2}),
        (layers.SpatialReductionAttention, {"num_heads": 2, "reduction": 4}, {"num_heads": 2, "sr_ratio": 4}),
        (
            layers.TransformerBlock,
            {"num_heads": 2, "reduction": 4, "ratio": 2, "drop_path_rate": 0.2},
            {"num_heads": 2, "sr_ratio": 4, "mlp_ratio": 2, "stochastic_depth_rate": 0.2},
        ),
        (
            layers.SwinBlock,
            {"num_heads": 2, "window_size": 4, "drop_path_rate": 0.2},
            {"num_heads": 2, "window_size": 4, "stochastic_depth_rate": 0.2},
        ),
    ],
)
def test_former_arguments(layer, former, present):
    restored = layer.from_config({"name": "layer", **former}).get_config()
    assert {name: restored[name] for name in present} == present
    assert restored == layer(name="layer", **present).get_config()
