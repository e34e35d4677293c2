"""How a run's network sees slices: in its card, in its `.keras` file, and on the loaded model."""

import json
import shutil
import zipfile

import numpy as np
import pytest

import cafct_keras
from cafct_keras.errors import UserError
from cafct_keras.runs import read_run
from cafct_keras.runs.loading import save_model
from cafct_keras.runs.preprocessing import preprocessing_of
from cafct_keras.runs.run import Run
from pipelines.preprocessing import Preprocessing
from tests.runs.test_older_run import OLDER
from tests.training.micro import micro

SEEN = Preprocessing(size=64, window=(-100.0, 300.0), context=1, orientation="SAR", targets=("liver", "lesion"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.keras"
    model = micro(input_shape=(None, None, 3), classes=2)
    model.preprocessing = SEEN
    save_model(model, path)
    return path


@pytest.mark.backends
def test_a_file_by_itself_says_how_its_network_sees_slices(saved):
    model = cafct_keras.load_model(saved)
    assert model.preprocessing == SEEN
    pixels = SEEN.pixels(np.zeros((4, 64, 64), np.int16), intensity="hu", orientation="SPL")
    probability = model.predict(SEEN.inputs(pixels), verbose=0)
    assert set(SEEN.restore(probability, grid=SEEN.grid(pixels), orientation="SPL")) == {"liver", "lesion"}


def test_a_trained_run_says_it_in_its_card_and_in_its_file(trained, tmp_path):
    folder, _ = trained
    seen = {"size": 64, "intensity": "grey", "targets": ("liver",)}
    expected = Preprocessing(window=(-200.0, 250.0), window_known=False, **seen)
    assert Preprocessing.from_dict(read_run(folder)["preprocessing"]) == Run.open(folder).preprocessing == expected
    shutil.copy(folder / "model.keras", tmp_path / "alone.keras")
    assert cafct_keras.load_model(tmp_path / "alone.keras").preprocessing == expected


def test_the_card_of_a_run_is_believed_rather_than_its_options(tmp_path):
    card = read_run(OLDER)
    assert preprocessing_of({**card, "preprocessing": SEEN.to_dict()}) == SEEN
    with pytest.raises(UserError, match="does not say how slices are preprocessed"):
        preprocessing_of({**card, "preprocessing": {"size": 32}})


def test_runs_and_files_of_earlier_versions_load(tmp_path):
    seen = {"size": 32, "intensity": "grey", "targets": ("liver",)}
    expected = Preprocessing(window=(-200.0, 250.0), window_known=False, **seen)
    assert cafct_keras.load_model(OLDER).preprocessing == Run.open(OLDER).preprocessing == expected
    shutil.copy(OLDER / "model.keras", tmp_path / "alone.keras")
    assert cafct_keras.load_model(tmp_path / "alone.keras").preprocessing is None


def repacked(saved, path, content, **kwargs):
    """The file with another `preprocessing.json`."""
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.infolist():
            if member.filename != "preprocessing.json":
                new.writestr(member, old.read(member))
        new.writestr("preprocessing.json", content, **kwargs)
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no JSON", "Expecting value"),
        ("[" * 60_000, "recursion"),
        (" " * 100_000, "too large"),
        (json.dumps({**SEEN.to_dict(), "size": 10**12}), "size 1000000000000 is not one"),
        (json.dumps({**SEEN.to_dict(), "code": "import os"}), "must state"),
    ],
)
def test_files_from_others_are_not_trusted(saved, tmp_path, content, words):
    path = repacked(saved, tmp_path / "evil.keras", content)
    with pytest.raises(UserError, match="not a model that this version reads") as raised:
        cafct_keras.load_model(path)
    assert words in str(raised.value)
    assert len(str(raised.value)) < 400


def test_it_is_stored_plainly(saved, tmp_path):
    path = repacked(saved, tmp_path / "bomb.keras", " " * 10**7, compress_type=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match=r"preprocessing.json is compressed"):
        cafct_keras.load_model(path)
