import importlib.util
import json

import keras
import pytest
from keras import layers

from cafct_keras.export import FORMATS
from cafct_keras.layers import BilinearUpsampling, ConvBNReLU
from cafct_keras.layers.pooling import MaxPooling
from cafct_keras.models.pvt_v2.layers import TransformerBlock
from cafct_keras.runs.loading import save_model
from pipelines.preprocessing import Preprocessing
from tests.cli import run
from tests.trained import made_once

SIZE = 64


def make_network(channels=3, classes=2):
    """A small network of the operators that other runtimes compute in their own way, with statistics and edges."""
    keras.utils.set_random_seed(7)
    image = keras.Input((None, None, channels), name="image")
    x = ConvBNReLU(filters=8, strides=2, name="stem")(image)
    x = MaxPooling(size=3, name="pool")(x)
    x = ConvBNReLU(filters=8, dilation_rate=6, name="atrous")(x)
    x = TransformerBlock(num_heads=2, sr_ratio=2, name="block")(x)  # attention, depthwise convolution, GELU
    x = BilinearUpsampling(factor=4, name="enlarge")(x)
    logits = layers.Conv2D(classes, 1, kernel_initializer="random_normal", name="logits")(x)
    model = keras.Model(image, layers.Activation("sigmoid", name="probability")(logits))
    model.set_weights([weight * 3 + 0.1 for weight in model.get_weights()])
    return model


@pytest.fixture(scope="session")
def network_file(tmp_path_factory):
    """Such a network with its preprocessing."""
    path = tmp_path_factory.mktemp("network") / "network.keras"
    model = make_network()
    model.preprocessing = Preprocessing(
        size=SIZE, window=(-160.0, 240.0), orientation="SPL", targets=("liver", "lesion")
    )
    save_model(model, path)
    return path


def require(name):
    if any(importlib.util.find_spec(package) is None for package in FORMATS[name].packages):
        pytest.skip(f"packages of {name} are not installed (extra: {FORMATS[name].extra})")


@pytest.fixture(scope="session")
def exported(network_file, common):
    """A function that exports the network in a format, once for all workers, and returns the folder of versions."""

    def export(name):
        require(name)

        def make(out):
            result = run("export", network_file, "--format", name, "--out", out, "--json")
            assert result.code == 0, result
            assert json.loads((out / "manifest-1.json").read_text()) == result.json
            return out

        return made_once(common / f"exported-{name}", make)

    return export
