"""Weights of a DenseNet: the same maps as PyTorch works out of them, alone and within both DenseUNets."""

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

import cafct_keras
from cafct_keras.models import DenseNet, load_weights
from tests.cli import run
from tests.weights.states import DENSENET_TINY, as_torchvision_files_name_it, densenet


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("densenet") / "densenet.safetensors"
    save_file(densenet(**DENSENET_TINY), path)
    return path


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((2, 32, 64, 3), dtype="float32")


@pytest.fixture(scope="module")
def expected(images):
    """The maps of strides 2 to 32, by PyTorch's functions, channels last."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    from torch.nn import functional

    state = {name: torch.from_numpy(value) for name, value in densenet(**DENSENET_TINY).items()}

    def norm(x, name):
        of = {part: state[f"features.{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")}
        return functional.relu(functional.batch_norm(x, *of.values()))

    def conv(x, name, **options):
        return functional.conv2d(x, state[f"features.{name}.weight"], **options)

    x = norm(conv(torch.from_numpy(images).permute(0, 3, 1, 2), "conv0", stride=2, padding=3), "norm0")
    maps = [x]
    x = functional.max_pool2d(x, 3, stride=2, padding=1)
    for level, depth in enumerate(DENSENET_TINY["depths"], start=1):
        for step in (f"denseblock{level}.denselayer{index}" for index in range(1, depth + 1)):
            new = conv(norm(x, f"{step}.norm1"), f"{step}.conv1")
            x = torch.cat([x, conv(norm(new, f"{step}.norm2"), f"{step}.conv2", padding=1)], dim=1)
        if level < 4:
            maps.append(x)
            x = functional.avg_pool2d(conv(norm(x, f"transition{level}.norm"), f"transition{level}.conv"), 2)
    return [x.permute(0, 2, 3, 1).numpy() for x in (*maps, norm(x, "norm5"))]


def assert_maps(actual, expected):
    for level, (mine, other) in enumerate(zip(actual, expected, strict=True)):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5 * np.abs(other).max(), err_msg=level)


@pytest.mark.backends
def test_imported_encoder(file, images, expected, tmp_path):
    result = run("import-weights", file, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result
    assert result.json["network"] == "densenet_tiny"
    (source,) = result.json["sources"]
    assert source["left_out"] == ["classifier.bias", "classifier.weight"]
    assert_maps(DenseNet("densenet_tiny", weights=tmp_path / "out").predict_on_batch(images), expected)


def test_names_in_torchvisions_files(file, images, tmp_path):
    state = {as_torchvision_files_name_it(name): value for name, value in densenet(**DENSENET_TINY).items()}
    assert "features.denseblock2.denselayer1.norm.2.weight" in state
    save_file(state, tmp_path / "older.safetensors")
    actual = DenseNet("densenet_tiny", weights=tmp_path / "older.safetensors")
    for one, other in zip(actual.weights, DenseNet("densenet_tiny", weights=file).weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_encoder_within_dense_unet(file, images, expected):
    # With its learned scales, which the file does not have: as they begin they change nothing.
    model = cafct_keras.create_model("dense_unet", preset="tiny", input_shape=(None, None, 3))
    (entry,) = load_weights(model, file)
    assert entry["filled"] == ["DenseNet"]
    names = ("stem", "dense1", "dense2", "dense3", "norm")
    assert_maps(keras.Model(model.input, [model.get_layer(name).output for name in names])(images), expected)


def test_slice_branch_of_h_dense_unet(file):
    model = cafct_keras.create_model(
        "h_dense_unet", preset="tiny", input_shape=(32, 32, 3), normalization="imagenet", weights=file
    )
    state = densenet(**DENSENET_TINY)
    kernel = model.get_layer("slice_dense2").steps[1].conv2.kernel
    np.testing.assert_array_equal(kernel, state["features.denseblock2.denselayer2.conv2.weight"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(
        model.get_layer("slice_transition1").norm.norm.moving_variance, state["features.transition1.norm.running_var"]
    )


def test_a_missing_tensor_is_told(file, tmp_path):
    state = densenet(**DENSENET_TINY)
    del state["features.denseblock3.denselayer2.norm2.bias"]
    save_file(state, tmp_path / "broken.safetensors")
    model = cafct_keras.create_model("h_dense_unet", preset="tiny", input_shape=(32, 32, 3))
    with pytest.raises(ValueError, match=r"h_dense_unet \(slice\): 1 missing \(slice_dense3/step2/norm2/norm/beta\)"):
        load_weights(model, tmp_path / "broken.safetensors")
