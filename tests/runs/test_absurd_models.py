"""Model files that ask for more than they hold: refused by what they say, in no time and little memory."""

import io
import json
import threading
import time
import zipfile

import h5py
import keras
import numpy as np
import pytest

import cafct_keras
from cafct_keras.errors import UserError
from cafct_keras.layers.initializers import skip_initialization
from tests.training.micro import micro


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "good.keras"
    micro(input_shape=(None, None, 3), classes=1, prior=0.1).save(path)
    return path


def rewritten(good, path, *, config=None, weights=None):
    """The file after a function has changed its configuration, or its weights."""
    with zipfile.ZipFile(good) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if config:
        held = json.loads(members["config.json"])
        held = config(held) or held
        members["config.json"] = json.dumps(held)
    if weights:
        stored = io.BytesIO(members["model.weights.h5"])
        with h5py.File(stored, "r+") as file:
            weights(file)
        members["model.weights.h5"] = stored.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(path):
    start = time.process_time()
    with pytest.raises(UserError, match="not a model that this version reads") as raised:
        cafct_keras.load_model(path)
    assert time.process_time() - start < 5
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


def dense(units, **more):
    config = {"name": "more", "units": units, **more}
    node = {"class_name": "__keras_tensor__", "config": {"shape": [None, None, None, 1], "dtype": "float32"}}
    node["config"]["keras_history"] = ["probability", 0, 0]
    return {
        "class_name": "Dense",
        "module": "keras.layers",
        "registered_name": None,
        "name": "more",
        "config": config,
        "inbound_nodes": [{"args": [node], "kwargs": {}}],
    }


@pytest.mark.parametrize("units", [60_000, 1_500_000_000, 3_000_000_000_000, 10**400])
def test_layers_that_are_larger_than_the_file(good, tmp_path, units):
    def add(config):
        config["config"]["layers"].append(dense(units))

    refused(rewritten(good, tmp_path / "large.keras", config=add))


def test_layers_of_all_kinds_are_counted(good, tmp_path):
    """Widened in its own configuration, which its first layer has."""

    def widen(config):
        next(each for each in config["config"]["layers"] if each["name"] == "stem")["config"]["filters"] = 65_000

    assert "more weights than its file" in refused(rewritten(good, tmp_path / "wide.keras", config=widen))


@pytest.mark.parametrize("depth", [10, 200, 1_000])
def test_models_in_one_another(good, tmp_path, depth):
    def nest(config):
        for number in range(depth):
            config = {
                "class_name": "Sequential",
                "module": "keras",
                "registered_name": None,
                "config": {"name": f"model{number}", "layers": [config]},
            }
        return config

    path = tmp_path / "nested.keras"
    try:
        rewritten(good, path, config=nest)
    except RecursionError:  # of JSON, when it is written here
        text = '{"class_name": "Sequential", "module": "keras", "config": {"layers": ['
        rewritten(good, path)
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["config.json"] = text * depth + "]}}" * depth
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    refused(path)


def test_many_small_layers(good, tmp_path):
    def add(config):
        layers = config["config"]["layers"]
        layers += [{**dense(1), "name": f"d{n}", "config": {"name": f"d{n}", "units": 1}} for n in range(6_000)]

    refused(rewritten(good, tmp_path / "many.keras", config=add))


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("Orthogonal", {"gain": 1.0, "seed": 0}),
        ("Constant", {"value": [[0.0] * 100] * 100}),
        ("TruncatedNormal", {"mean": 1e300, "stddev": 1e-300, "seed": 0}),
        ("RandomUniform", {"minval": -1e308, "maxval": 1e308, "seed": 10**30}),
    ],
)
def test_initializers_are_not_called(good, tmp_path, name, config):
    """Weights are read from the file: whatever their initializers say, the model is the same."""

    def change(model):
        stem = next(each for each in model["config"]["layers"] if each["name"] == "stem")
        stem["config"]["kernel_initializer"] = {
            "class_name": name,
            "module": "keras.initializers",
            "registered_name": None,
            "config": config,
        }

    images = np.random.default_rng(0).random((1, 32, 32, 3), "float32")
    expected = cafct_keras.load_model(good).predict(images, verbose=0)
    loaded = cafct_keras.load_model(rewritten(good, tmp_path / "other.keras", config=change))
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(good, tmp_path, value):
    def change(file):
        file["layers/conv2d/vars/0"][0, 0, 0, 0] = value

    assert "NaN or infinite" in refused(rewritten(good, tmp_path / "nan.keras", weights=change))


def test_a_flipped_byte_of_the_weights(good, tmp_path):
    content = bytearray(good.read_bytes())
    with zipfile.ZipFile(good) as archive:
        member = archive.getinfo("model.weights.h5")
        stored = archive.read(member)
    at = content.index(stored)
    for place in range(at, at + len(stored), len(stored) // 25):
        content[place] ^= 1
        (tmp_path / "flipped.keras").write_bytes(content)
        content[place] ^= 1
        assert "Bad CRC-32" in refused(tmp_path / "flipped.keras")


def test_other_threads_draw_their_weights():
    built = []
    with skip_initialization(at_most=(0, 0)):
        other = threading.Thread(target=lambda: built.append(micro(input_shape=(None, None, 3))))
        other.start()
        other.join()
        with pytest.raises(ValueError, match="more weights than its file"):
            micro(input_shape=(None, None, 3))
    assert np.abs(built[0].get_weights()[0]).max() > 0
    assert np.abs(keras.layers.Dense(2).add_weight(shape=(9,), initializer="ones")).max() == 1


def test_threads_that_load_at_the_same_time_leave_keras_as_it_was(good):
    """The second waits until the first has ended."""
    loaded = []
    with skip_initialization():
        thread = threading.Thread(target=lambda: loaded.append(cafct_keras.load_model(good)))
        thread.start()
        thread.join(0.5)  # until it waits
        assert not loaded
    thread.join()
    assert len(loaded) == 1
    assert keras.layers.Layer.add_weight.__qualname__ == "Layer.add_weight"
    assert cafct_keras.load_model(good).count_params() == loaded[0].count_params()
