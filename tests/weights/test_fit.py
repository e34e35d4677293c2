"""`cafct-keras fit --weights`: a run that begins with encoders from elsewhere, and says so."""

import hashlib

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

import cafct_keras
from tests.cli import fails, run
from tests.trained import SMALL
from tests.weights.states import PVT_TINY, RESNET_TINY, pvt, resnet


@pytest.fixture
def files(tmp_path):
    save_file(pvt(**PVT_TINY), tmp_path / "pvt.safetensors")
    save_file(
        {name: np.asarray(value) for name, value in resnet(**RESNET_TINY).items()}, tmp_path / "resnet.safetensors"
    )
    return tmp_path / "pvt.safetensors", tmp_path / "resnet.safetensors"


def test_run_begins_with_them_and_its_card_says_so(files, slices_folder, tmp_path):
    # A learning rate of next to nothing: the trained weights are those that it began with.
    still = ("--optimizer", "sgd", "--learning-rate", 1e-12, "--epochs", 1)
    still = (*still, "--model-option", "aspp_levels=[]")  # quicker to compile
    weights = ("--weights", files[0], "--weights", files[1])
    result = run("fit", "--data", slices_folder, *SMALL, *still, *weights, "--out", tmp_path / "run", "--json")
    assert result.code == 0, result
    card = result.json
    assert [entry["filled"] for entry in card["initial_weights"]] == [["transformer"], ["cnn"]]
    assert [entry["file"] for entry in card["initial_weights"]] == [file.name for file in files]
    assert [entry["sha256"] for entry in card["initial_weights"]] == [
        hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    ]
    assert card["config"]["model"]["options"] == {"aspp_levels": [], "normalization": "imagenet"}
    model = cafct_keras.load_model(tmp_path / "run")
    assert "normalization" in [layer.name for layer in model.layers]
    kernel = keras.ops.convert_to_numpy(model.get_layer("transformer2").blocks[0].attention.query.kernel)
    np.testing.assert_allclose(kernel, pvt(**PVT_TINY)["block2.0.attn.q.weight"].T, atol=1e-6)
    kernel = keras.ops.convert_to_numpy(model.get_layer("cnn4").blocks[0].convs[0].conv.kernel)
    np.testing.assert_allclose(kernel, resnet(**RESNET_TINY)["layer4.0.conv1.weight"].transpose(2, 3, 1, 0), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--weights", "nowhere.pth"), "nowhere.pth: no such file"),
        (("--weights", "{}", "--preset", "small"), "holds pvt_v2_tiny, which does not fit cafct_net (transformer): "),
        (("--weights", "{}", "--init", "run"), "--init and --weights: use one of them"),
        (("--weights", "{}", "--model-option", "normalization=mri"), "normalization must be 'imagenet' or None"),
    ],
)
def test_mistakes(files, slices_folder, tmp_path, arguments, words):
    given = [argument.format(files[0]) for argument in arguments]
    assert words in fails("fit", "--data", slices_folder, *SMALL, *given, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()
