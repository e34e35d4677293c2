"""Engines: agreement with Keras, the choice among them, and what is kept in the user's cache folder."""

import json
import os
import re
import shutil
import time
from unittest import mock

import numpy as np
import pytest

from cafct_keras.engines import choice, load_engine
from cafct_keras.engines.converted import Converted
from cafct_keras.engines.reference import write_reference
from cafct_keras.engines.runtimes import RUNTIMES, ONNXRuntime
from cafct_keras.errors import UserError
from cafct_keras.export import conversion, process
from cafct_keras.runs import load_model
from pipelines.optional import MissingPackageError
from tests.evaluating import SIZE, make_run, specks, write_scans


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache folder that the tests of this module share."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "RUNTIMES", RUNTIMES)
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "cafct-keras" / "engines"


@pytest.fixture(scope="module")
def run(scans, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "both", scans)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((5, SIZE, SIZE, 3), dtype="float32")


@pytest.fixture(params=["keras", "openvino", "onnx"])
def engine(request, cache, run, tmp_path):
    if request.param == "onnx":
        return ONNXRuntime().engine(write_onnx(run, tmp_path / "network.onnx"), precision="float32", batch_size=4)
    pytest.importorskip(request.param, reason=f"the extra {request.param} is not installed")
    return load_engine(run, name=request.param, precision="float32", batch_size=4)


def write_onnx(run, file):
    """The run's network, a 1x1 convolution, written down, since converting it takes seconds."""
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    kernel, bias = load_model(run).get_weights()
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [
            node("MatMul", ["image", "kernel"], ["product"]),
            node("Add", ["product", "bias"], ["logits"]),
            node("Sigmoid", ["logits"], ["probability"]),
        ],
        "network",
        [value("image", onnx.TensorProto.FLOAT, ["batch", "H", "W", 3])],
        [value("probability", onnx.TensorProto.FLOAT, ["batch", "H", "W", 2])],
        [onnx.numpy_helper.from_array(kernel[0, 0], "kernel"), onnx.numpy_helper.from_array(bias, "bias")],
    )
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10), file)
    return file


def test_every_engine_predicts_what_keras_does(engine, run, images):
    expected = load_model(run).predict(images, verbose=0)
    together = engine(images[:4])
    np.testing.assert_allclose(together, expected[:4], atol=1e-6)
    np.testing.assert_allclose(engine(images[4:]), expected[4:], atol=1e-6)
    assert engine.precision == "float32"
    assert re.fullmatch(r"(jax|openvino|onnxruntime) \d+\..+", engine.version)
    for number in (3, 0, 2):  # a slice does not depend on the others
        np.testing.assert_array_equal(engine(images[number : number + 1])[0], together[number])
    assert engine(np.repeat(images[:2], 2, axis=2)).shape == (2, SIZE, 2 * SIZE, 2)
    streamed = list(engine.stream(iter([images[:4], images[4:], images[1:3]])))
    np.testing.assert_array_equal(np.concatenate(streamed), engine_in_turn(engine, images[[0, 1, 2, 3, 4, 1, 2]]))
    assert [len(batch) for batch in streamed] == [4, 1, 2]


def engine_in_turn(engine, images):
    return np.concatenate([engine(image[None]) for image in images])


def test_what_openvino_compiled_is_kept(cache, run, images):
    """For images of the size that is announced; others are compiled for when they come."""
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    options = {"name": "openvino", "precision": "float32", "shape": (SIZE, SIZE, 3)}
    compiled = load_engine(run, **options)(images[:2])
    (kept,) = cache.glob("openvino-*/float32-*.blob")
    before = kept.stat().st_mtime_ns
    engine = load_engine(run, **options)
    np.testing.assert_array_equal(engine(images[:2]), compiled)
    assert engine(np.repeat(images[:2], 2, axis=2)).shape == (2, SIZE, 2 * SIZE, 2)
    assert kept.stat().st_mtime_ns == before
    assert len(list(kept.parent.glob("*.blob"))) == 1


def test_a_network_is_converted_once(cache, run, monkeypatch):
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    first = load_engine(run, name="openvino")
    (folder,) = cache.glob("openvino-*")
    checks = json.loads((folder / "checks.json").read_text())
    assert 0 < checks["largest_difference"] < 1e-5
    old = cache / "openvino-of-old"
    old.mkdir()
    os.utime(old, (0, time.time() - 91 * 24 * 3600))
    monkeypatch.setattr(process, "run_python", mock.Mock(side_effect=AssertionError("converted again")))
    assert load_engine(run, name="openvino").note == first.note
    assert load_engine(run).name == "openvino", "auto"
    monkeypatch.setattr(conversion, "run_python", mock.Mock(side_effect=UserError("no such operator")))
    monkeypatch.setattr(process, "run_python", mock.Mock(side_effect=UserError("no such operator")))
    (run.parent / "other.keras").write_bytes((run / "model.keras").read_bytes() + b" ")
    other = load_engine(run.parent / "other.keras")
    assert other.name == "keras"
    assert "not OpenVINO: no such operator" in other.note
    assert not old.exists(), "folders that nobody used for 90 days are removed"
    assert len(list(cache.glob("openvino-*"))) == 1, "nothing half-written"


def test_bfloat16_is_chosen_where_validation_slices_allow_it(cache, run):
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    runtime = choice.RUNTIMES[0]
    if "bfloat16" not in runtime.precisions():
        pytest.skip("this CPU has no bfloat16")
    engine = load_engine(run, name="openvino", precision="bfloat16")
    assert engine.precision == "bfloat16"
    assert "slices of the run's data: float32 " in engine.note


def test_precisions_are_compared_on_the_data_of_the_training_only(scans, tmp_path):
    data, file = tmp_path / "data", tmp_path / "reference.npz"
    shutil.copytree(scans, data)
    path = make_run(tmp_path / "run", data)
    write_reference(str(path), str(file))
    with np.load(file) as arrays:
        assert len(arrays["validation"]) == len(arrays["masks"])
    shutil.rmtree(data)
    write_scans(data, spoil=specks)
    write_reference(str(path), str(file))
    with np.load(file) as arrays:
        assert "validation" not in arrays


@pytest.mark.parametrize(
    ("dice", "difference", "expected"),
    [
        ({}, 1e-6, (True, False)),
        ({"float32": [0.9, 0.5], "bfloat16": [0.9, 0.4995]}, 1e-6, (True, True)),
        ({"float32": [0.9, 0.5], "bfloat16": [0.9, 0.4985]}, 1e-6, (True, False)),
        ({"float32": [0.9], "bfloat16": [0.9]}, 1e-3, (False, False)),
        ({"float32": [0.9], "bfloat16": [0.9]}, float("inf"), (False, False)),
    ],
)
def test_what_a_comparison_allows(dice, difference, expected, tmp_path):
    converted = Converted(file=tmp_path, largest_difference=difference, slices=8, dice=dice)
    assert tuple(converted.agrees(precision) for precision in ("float32", "bfloat16")) == expected


def test_an_engine_that_disagrees_is_left_aside(cache, run, monkeypatch, tmp_path):
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    wrong = Converted(file=tmp_path, largest_difference=0.2, slices=0, dice={})
    monkeypatch.setattr(choice, "find_converted", lambda *_: wrong)
    with pytest.raises(UserError, match=r"`engine` openvino: its probabilities are up to 2\.0e-01 off"):
        load_engine(run, name="openvino")
    engine = load_engine(run)
    assert engine.name == "keras"
    assert "not OpenVINO: " in engine.note


def test_mistakes(cache, run, monkeypatch):
    for options, message in (
        ({"name": "tensorrt"}, "`engine` tensorrt: unknown; give auto, keras, onnx, openvino"),
        ({"precision": "int4"}, "`precision` int4: unknown; give auto, float32, bfloat16"),
        ({"name": "keras", "precision": "bfloat16"}, "`precision` bfloat16: Keras computes in the precision"),
    ):
        with pytest.raises(UserError, match=message):
            load_engine(run, **options)
    with pytest.raises(UserError, match=r"nowhere\.keras: no model here"):
        load_engine("nowhere.keras")
    monkeypatch.setattr(choice.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r'pip install "cafct-keras\[openvino\]"'):
        load_engine(run, name="openvino")
    assert load_engine(run).name == "keras"
