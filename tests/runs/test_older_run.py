"""A run folder of version 0.1.0 before it kept checkpoints (`older_run`, of the network in `micro.py`)."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest

import cafct_keras
from cafct_keras.errors import UserError
from cafct_keras.runs import read_run
from cafct_keras.runs.run import Run
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


def paths_of(value, path=()):
    """Keys that lead to each value of nested dictionaries and lists."""
    yield path
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths_of(each, (*path, key))


@pytest.mark.parametrize("written", [1, 2])
def test_damaged_cards_are_errors_of_one_line(tmp_path, written):
    """Each value of a card in turn, in both formats, of another type or gone."""
    shutil.copytree(OLDER, tmp_path, dirs_exist_ok=True)
    good = json.loads((OLDER / "run.json").read_text()) if written == 1 else read_run(OLDER)
    for path in (each for each in paths_of(good) if len(each) <= 2):
        for value in (None, "x", {}, ...):
            card = json.loads(json.dumps(good))
            inner = card
            for key in path[:-1]:
                inner = inner[key]
            if path and value is ...:
                del inner[path[-1]]
            elif path:
                inner[path[-1]] = value
            elif value is not ...:
                card = value
            (tmp_path / "run.json").write_text(json.dumps(card))
            message = ""
            try:
                opened = Run.open(tmp_path)
                assert isinstance(opened.targets, tuple)
                assert opened.config
                assert opened.preprocessing
                assert opened.warnings == [] or path == ("status",)
            except UserError as error:
                message = str(error)
            assert not message or (str(tmp_path) in message and len(message.splitlines()) == 1)


@pytest.mark.parametrize("text", ["", "[" * 100_000, "\ufeff{}", '{"format": 2}', '{"format": [2]}', "nul"])
def test_cards_that_are_something_else(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match=r"run\.json: not the card of a run"):
        read_run(tmp_path)


def test_cards_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(UserError, match=r"no run\.json here"):
        read_run(tmp_path)
    (tmp_path / "run.json").unlink()
    (tmp_path / "run.json").symlink_to("/dev/zero")
    with pytest.raises(UserError, match=r"no run\.json here"):
        read_run(tmp_path)
