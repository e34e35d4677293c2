"""One network in every format: the same predictions at sizes it was not trained on, in the runtimes that users have."""

import importlib.util
import json

import keras
import numpy as np
import pytest

import cafct_keras
from cafct_keras.errors import UserError
from cafct_keras.export import FORMATS, conversion
from cafct_keras.export.precision import in_float32
from pipelines.layouts.phantom import Phantom
from tests.cli import fails
from tests.export.conftest import SIZE, make_network, require


@pytest.fixture(scope="module")
def slices():
    """Slices of a phantom in Hounsfield units, wider than high and larger than the network's."""
    images = next(iter(Phantom(cases=3, slices=3, size=128).cases())).images
    return images[:2, :100, :120]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_agrees_at_every_size(name, exported):
    manifest = json.loads((exported(name) / "manifest-1.json").read_text())
    assert manifest["largest_difference"] < 1e-5
    assert manifest["preprocessing"]["window"] == [-160.0, 240.0]
    checked = {(check["endpoint"], *check["shape"][:3]) for check in manifest["checks"]}
    assert {endpoint for endpoint, *_ in checked} - {"serving_default"} == set(manifest["endpoints"])
    sizes = {(height, width) for _, _, height, width in checked}
    assert (SIZE, SIZE) in sizes
    assert len({batch for _, batch, *_ in checked}) > 1
    assert (len(sizes) > 1) == FORMATS[name].any_size


def test_hounsfield_units_give_what_segment_gives(network_file, exported, slices):
    out = exported("onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(out / "1" / "hounsfield.onnx")
    (actual,) = session.run(["probability"], {"hounsfield": slices})
    expected = cafct_keras.segment(slices, network_file).probability
    assert np.ptp(actual) > 0.1
    for channel, target in enumerate(("liver", "lesion")):
        np.testing.assert_allclose(actual[..., channel], list(expected[target]), atol=1e-5)


@pytest.mark.parametrize("kept", ["old.onnx", "old.xml"])
def test_a_conversion_that_fails_leaves_the_old_file(kept, tmp_path):
    (tmp_path / kept).write_text("old")
    write = conversion.to_onnx if kept.endswith("onnx") else conversion.to_openvino
    require("onnx" if kept.endswith("onnx") else "openvino")
    with pytest.raises(UserError, match="no model here"):
        write(tmp_path / "absent.keras", tmp_path / kept)
    assert [path.name for path in tmp_path.iterdir()] == [kept]
    assert (tmp_path / kept).read_text() == "old"


def test_a_network_of_mixed_precision_is_exported_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make_network()
    finally:
        keras.config.set_dtype_policy("float32")
    model.preprocessing = None
    converted = in_float32(model)
    assert "bfloat16" in str(model.get_config())
    assert "bfloat16" not in str(converted.get_config())
    same = make_network()
    images = np.random.default_rng(0).random((1, SIZE, SIZE, 3), dtype="float32")
    np.testing.assert_allclose(converted.predict(images, verbose=0), same.predict(images, verbose=0), atol=1e-6)
    assert in_float32(same) is same


def test_what_is_missing_is_named(network_file, tmp_path, monkeypatch):
    alone = tmp_path / "alone.keras"
    make_network(channels=1).save(alone)
    require("litert")
    message = fails("export", alone, "--format", "litert", "--out", tmp_path / "out")
    assert "litert needs the size of its slices" in message
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    message = fails("export", network_file, "--format", "onnx", "--out", tmp_path / "out")
    assert 'export to onnx needs the package onnx; run: pip install "cafct-keras[onnx]"' in message
    assert not (tmp_path / "out").exists()
