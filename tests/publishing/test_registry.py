"""Published models by name."""

import json
import shutil

import numpy as np
import pytest

import cafct_keras
from cafct_keras.checksums import SUMS_FILE, sha256, sums
from cafct_keras.errors import UserError
from cafct_keras.pretrained import DEFAULT_MODEL, REGISTRY_VARIABLE, list_pretrained
from tests.cli import fails
from tests.cli import run as call
from tests.publishing.test_published import predicted, zipped

ENTRY = {"targets": ["liver", "lesion"], "license": "cc-by-4.0", "summary": "a test"}


def entry(name, **fields):
    return "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in {**ENTRY, **fields}.items())])


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Writes registry files and has them read."""

    def write(*texts):
        files = [tmp_path / f"models{number}.toml" for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        monkeypatch.setenv(REGISTRY_VARIABLE, ":".join(map(str, files)))
        return files

    return write


@pytest.fixture
def house(published, registry, tmp_path):
    """A copy of the published model, which is registered as `house-liver`."""
    folder = shutil.copytree(published, tmp_path / "copies" / "liver")
    registry(entry("house-liver", model="copies/liver", sha256=sha256(folder / SUMS_FILE)))
    return folder


def test_a_name_stands_for_the_model(house, published, scans, tmp_path):
    np.testing.assert_array_equal(predicted("house-liver"), predicted(published))
    assert call("predict", "house-liver", "--input", scans, "--out", tmp_path / "masks").code == 0
    assert cafct_keras.runs.Run.open("house-liver").name == "shared"


def test_a_zip_file_and_a_later_registry(house, registry, tmp_path):
    archive = zipped(house, tmp_path / "model.zip")
    digest = sha256(house / SUMS_FILE)
    registry(entry("a", model="nowhere", sha256=digest), entry("a", model=archive.name, sha256=digest))
    np.testing.assert_array_equal(predicted("a"), predicted(house))


def test_a_folder_of_that_name_comes_first(house, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "house-liver")
    assert cafct_keras.runs.Run.open("house-liver").published is None


def test_another_model_than_the_registered_one(house):
    config = json.loads((house / "config.json").read_text())
    (house / "config.json").write_text(json.dumps({**config, "name": "forged"}))
    (house / SUMS_FILE).write_text(sums(house))  # whoever changes a file changes its checksum
    with pytest.raises(UserError, match=r"house-liver: .* is not the model that is registered"):
        cafct_keras.load_model("house-liver")


def test_unknown_and_lost_models(house, scans, tmp_path):
    assert "house: no such run, nor a model of that name; names are house-liver, lits-mini" in fails(
        "predict", "house", "--input", scans, "--out", tmp_path / "masks"
    )
    shutil.rmtree(house)
    with pytest.raises(UserError, match=r"house-liver: no published model at"):
        cafct_keras.load_model("house-liver")
    assert not (tmp_path / "masks").exists()


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a", "not a registry of models"),
        ("a = 1", "[a]: state license, model, sha256, summary, targets, and nothing else"),
        (entry("a", model="b"), "state license, model"),
        (entry("a", model="b", sha256=DIGEST, colour="red"), "nothing else"),
        (entry("a", model="b", sha256="0" * 63), "64 hexadecimal digits"),
        (entry("a", model="b", sha256=DIGEST, targets="liver"), "list of names"),
        (entry('"../a"', model="b", sha256=DIGEST), "not a name of a model"),
    ],
)
def test_damaged_registries(registry, text, words):
    (file,) = registry(text)
    message = fails("models")
    assert words in message
    assert str(file) in message


def test_a_registry_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv(REGISTRY_VARIABLE, str(tmp_path / "none.toml"))
    assert "none.toml: not a registry" in fails("models")


def test_models_are_listed(registry):
    registry(entry("far", model="hf://clinic/liver@v2", sha256=DIGEST))
    result = call("models", "--json")
    assert "far (liver, lesion; cc-by-4.0): a test" in result.error
    assert "https://huggingface.co/clinic/liver/blob/v2/README.md" in result.error
    assert [each["name"] for each in json.loads(result.out)] == ["lits-mini", "far"]


# Probabilities of pixels of the image below, by JAX.
PIXELS = {(0, 0): (0.1543502, 6.23e-05), (31, 20): (0.9992812, 4.3e-05), (50, 63): (0.4286026, 1.13e-05)}


@pytest.mark.backends
def test_the_model_of_the_package_predicts_the_same_on_every_backend():
    image = np.random.default_rng(1).normal(0.5, 0.05, (1, 64, 64, 3)).astype("float32")
    model = cafct_keras.load_model(DEFAULT_MODEL)
    probability = model.predict_on_batch(image)[0]
    for pixel, expected in PIXELS.items():
        np.testing.assert_allclose(probability[pixel], expected, atol=1e-5)
    assert list_pretrained()[DEFAULT_MODEL].targets == model.preprocessing.targets


def test_predict_takes_the_model_of_the_package(shared, tmp_path):
    scan = shared / "data" / "volumes" / "nifti_ct"
    if not scan.is_dir():
        pytest.skip("../shared/data/volumes/nifti_ct is not here")
    result = call("predict", "--input", scan / "ct.nii.gz", "--out", tmp_path / "masks", "--engine", "keras", "--json")
    assert "lits-mini: CAFCT-Net mini" in result.error
    (tmp_path / "reference").mkdir()
    shutil.copy(scan / "liver.nii.gz", tmp_path / "reference" / "ct.nii.gz")
    folders = ("--prediction", tmp_path / "masks", "--reference", tmp_path / "reference")
    (scored,) = json.loads(call("score", *folders, "--label", "liver=1,2", "--json").out)["results"]
    assert scored["summary"]["targets"]["liver"]["overlap"]["pooled"]["dice"]["value"] > 0.9
