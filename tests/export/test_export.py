"""SavedModels: numbered, checked and served; `test_formats.py` has the other formats."""

import contextlib
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import cafct_keras
from cafct_keras.errors import UserError
from cafct_keras.export import export, selfcheck, versions
from tests.cli import fails, run
from tests.evaluating import make_run, write_scans


@pytest.fixture
def unconverted(monkeypatch):
    """Leaves out conversion and check, which start processes of 12 s, where only what leads to them is tested."""
    monkeypatch.setattr(versions, "convert", lambda *_: None)
    check = {"endpoint": "serve", "shape": [1, 32, 32, 3], "largest_difference": 0.0, "ms_per_image": 1.0}
    report = {"checks": [check], "runtime": "none"}
    monkeypatch.setattr(selfcheck, "run_python", lambda *_: json.dumps(report))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, 96, 64, 3), dtype="float32")


@pytest.fixture
def network(request):
    """A run of the project's own network; under other backends, which convert it by the same process, a small one."""
    if keras.backend.backend() == "jax":
        return request.getfixturevalue("trained")[0]
    return request.getfixturevalue("network_file")


@pytest.mark.backends
def test_savedmodel_is_numbered_checked_and_served(network, images, tmp_path):
    out = tmp_path / "served"
    # An older version is there already.
    (out / "1").mkdir(parents=True)
    result = run("export", network, "--out", out, "--json")
    assert result.code == 0, result
    manifest = json.loads((out / "manifest-2.json").read_text())
    assert manifest == result.json
    assert manifest["largest_difference"] < 1e-5
    assert {path.name for path in out.iterdir()} == {"1", "2", "manifest-2.json"}
    code = """
import sys, numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
slices = tf.constant(np.load(sys.argv[2]))
np.save(sys.argv[3], loaded.signatures["serve_slices"](slices=slices)["probability"].numpy())
assert "cafct_keras" not in sys.modules
"""
    slices = (images[..., 0] * 255).astype("uint8")
    np.save(tmp_path / "slices.npy", slices)
    arguments = [str(out / "2"), str(tmp_path / "slices.npy"), str(tmp_path / "out.npy")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    repeated = np.repeat(slices[..., None].astype("float32") / 255, 3, axis=-1)
    expected = cafct_keras.load_model(network).predict(repeated, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, atol=1e-5)


def test_a_network_that_sees_neighbours_is_served_with_them(images, tmp_path):
    model = cafct_keras.create_model("micro", input_shape=(None, None, 5), classes=1)
    model.save(tmp_path / "five.keras")
    result = run("export", tmp_path / "five.keras", "--out", tmp_path / "served", "--json")
    assert result.code == 0, result
    assert result.json["largest_difference"] < 1e-5
    assert "float32 (batch, H, W, 5)" in result.json["endpoints"]["serve"]
    assert "uint8 (batch, H, W, 5), grey, each slice among its neighbours" in str(result.json["endpoints"])


@pytest.fixture
def neighbours_run(tmp_path):
    """A run with `--context 1`: three channels that are not one slice three times."""
    return make_run(tmp_path / "run", write_scans(tmp_path / "scans"), context=1)


@pytest.mark.parametrize("file", ["", "model.keras", "checkpoints/last.keras"])
@pytest.mark.usefixtures("unconverted")
def test_a_network_file_is_served_as_its_run_is(file, neighbours_run, tmp_path):
    (neighbours_run / "checkpoints").mkdir()
    shutil.copy(neighbours_run / "model.keras", neighbours_run / "checkpoints" / "last.keras")
    result = run("export", neighbours_run / file, "--out", tmp_path / "served", "--json")
    assert result.code == 0, result
    assert "uint8 (batch, H, W, 3), grey, each slice among its neighbours" in str(result.json["endpoints"])


@pytest.mark.usefixtures("unconverted")
def test_three_channels_without_a_run_are_ambiguous(neighbours_run, tmp_path):
    alone = tmp_path / "alone.keras"
    shutil.copy(neighbours_run / "model.keras", alone)
    message = fails("export", alone, "--out", tmp_path / "served")
    assert "alone.keras: three channels may be one slice three times or" in message
    assert "give --context 0 or 1" in message
    assert not (tmp_path / "served").exists()
    for context, slices in ((0, "uint8 (batch, H, W), grey"), (1, "uint8 (batch, H, W, 3), grey, each")):
        result = run("export", alone, "--out", tmp_path / "served", "--context", context, "--json")
        assert result.code == 0, result
        assert slices in result.json["endpoints"]["serve_slices"]
    assert {path.name for path in (tmp_path / "served").iterdir()} == {"1", "2", "manifest-1.json", "manifest-2.json"}
    assert "--context 2: " in fails("export", neighbours_run, "--out", tmp_path / "other", "--context", 2)
    assert "takes 3 channels" in fails("export", alone, "--out", tmp_path / "other", "--context", 2)
    assert not (tmp_path / "other").exists()


def test_a_network_of_one_channel(tmp_path):
    inputs = keras.Input((None, None, 1))
    keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")(inputs)).save(
        tmp_path / "one.keras"
    )
    result = run("export", tmp_path / "one.keras", "--out", tmp_path / "served", "--json")
    assert result.code == 0, result
    assert "float32 (batch, H, W, 1)" in result.json["endpoints"]["serve"]
    assert "uint8 (batch, H, W), grey" in result.json["endpoints"]["serve_slices"]
    assert result.json["largest_difference"] < 1e-5


@pytest.mark.parametrize(("difference", "accepted"), [(2e-5, True), (1e-3, False), (float("nan"), False)])
def test_rounding_is_no_difference(difference, accepted, tmp_path, monkeypatch):
    report = {"checks": [{"largest_difference": 0.0}, {"largest_difference": difference}], "runtime": "none"}
    monkeypatch.setattr(versions, "convert", lambda *_: None)
    monkeypatch.setattr(selfcheck, "run_python", lambda *_: json.dumps(report))
    inputs = keras.Input((None, None, 1))
    keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs)).save(tmp_path / "one.keras")
    with contextlib.nullcontext() if accepted else pytest.raises(UserError, match="differs from the run's"):
        export(tmp_path / "one.keras", out=tmp_path / "served")
    assert (tmp_path / "served" / "1").is_dir() == accepted


def test_mistakes_leave_nothing_behind(trained, tmp_path):
    assert "--format pickle: unknown; give savedmodel, onnx, openvino, litert" in fails(
        "export", trained[0], "--format", "pickle", "--out", tmp_path / "x"
    )
    assert "no model here" in fails("export", tmp_path, "--out", tmp_path / "x")
    (tmp_path / "broken.keras").write_bytes(b"not a zip")
    assert "broken.keras: not a model" in fails("export", tmp_path / "broken.keras", "--out", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    (tmp_path / "file").touch()
    assert "is a file" in fails("export", trained[0], "--out", tmp_path / "file")
