"""A run folder of version 0.1.0 before it kept checkpoints (`older_run`, of the network in `micro.py`)."""

import json
import pathlib
import shutil

import numpy as np
import pytest

import cafct_keras
from cafct_keras.runs import read_run
from tests.cli import fails

OLDER = pathlib.Path(__file__).with_name("older_run")
# What that version predicted, at every eleventh pixel of a ramp.
PREDICTED = [
    [0.618868887424469, 0.6213548183441162, 0.6253113150596619],
    [0.7235661745071411, 0.7074076533317566, 0.7098147869110107],
    [0.8093463778495789, 0.7783141732215881, 0.780319094658897],
]


@pytest.mark.backends
def test_it_still_loads_and_predicts_the_same():
    ramp = np.linspace(0, 1, 32 * 32 * 3, dtype="float32").reshape(1, 32, 32, 3)
    predicted = cafct_keras.load_model(OLDER).predict(ramp, verbose=0)
    np.testing.assert_allclose(predicted[0, ::11, ::11, 0], PREDICTED, atol=1e-5)


def test_it_cannot_go_on_and_stays_as_it_is(tmp_path):
    copy = shutil.copytree(OLDER, tmp_path / "run")
    message = fails("fit", "--resume", "--out", copy, "--epochs", 5)
    assert f"made by a version that kept no checkpoints; start another run with --init {copy}" in message
    for file in OLDER.iterdir():
        assert (copy / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("optimizer", ["optax:lion", "optax:sgd"])
def test_optimizers_of_optax_keep_what_they_were_trained_with(optimizer, tmp_path):
    """Version 0.1.0 recorded a momentum and a weight decay, but did not give them to optax."""
    card = json.loads((OLDER / "run.json").read_text())
    card["options"] |= {"optimizer": optimizer, "momentum": 0.9, "weight_decay": 1e-4}
    (tmp_path / "run.json").write_text(json.dumps(card))
    converted = read_run(tmp_path)["config"]["optimizer"]
    assert (converted["momentum"], converted["weight_decay"]) == (None, None)
