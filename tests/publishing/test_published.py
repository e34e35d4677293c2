"""Published folders and zip files: the same network as the run's, wherever a run is taken."""

import json
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import safetensors.numpy

import cafct_keras
from cafct_keras.checksums import SUMS_FILE, sha256, sums
from cafct_keras.errors import UserError
from cafct_keras.runs.loading import save_model
from cafct_keras.runs.run import Run
from cafct_keras.training.config import FitConfig
from cafct_keras.training.initial_weights import initialize_weights
from pipelines.optional import MissingPackageError
from tests.cli import fails
from tests.cli import run as call
from tests.documented import documented
from tests.evaluating import evaluated
from tests.publishing.conftest import PRIVATE
from tests.training.micro import micro

IMAGES = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
# Probabilities of pixels of the first image, by JAX.
EXPECTED = {(0, 0): (0.0322666, 0.6104028), (5, 7): (0.2719325, 0.0579761), (31, 16): (0.5169758, 0.291724)}


def predicted(path):
    return cafct_keras.load_model(path).predict_on_batch(IMAGES)


def zipped(folder, path, *, top="", method=zipfile.ZIP_DEFLATED, extra=()):
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{top}{file.name}")
        for name, content in extra:
            archive.writestr(name, content)
    return path


@pytest.fixture
def copied(published, tmp_path):
    """A copy to be changed."""
    return shutil.copytree(published, tmp_path / "copy")


def changed(folder, name, content):
    """The folder with another content of a file, and checksums to it."""
    (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    (folder / SUMS_FILE).write_text(sums(folder))
    return folder


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def refused(path, words):
    with pytest.raises(UserError) as raised:
        cafct_keras.load_model(path)
    message = str(raised.value)
    assert words in message
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.backends
def test_predicts_what_its_run_does(run, published, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    archive = zipped(published, tmp_path / "model.zip", top="published/")
    plain = zipped(published, tmp_path / "plain.zip", method=zipfile.ZIP_STORED)
    for path in (published, archive, plain):
        np.testing.assert_array_equal(predicted(path), predicted(run))
        assert cafct_keras.load_model(path).preprocessing == Run.open(run).preprocessing
    assert sorted(tmp_path.rglob("*")) == sorted([*before, archive, plain])


@pytest.mark.backends
def test_predicts_the_same_on_every_backend(published):
    probability = predicted(published)[0]
    for pixel, expected in EXPECTED.items():
        np.testing.assert_allclose(probability[pixel], expected, atol=1e-5)


def test_files_are_complete_and_intact(published):
    names = {"README.md", "SHA256SUMS", "config.json", "model.safetensors", "model.fp16.safetensors"}
    assert {path.name for path in published.iterdir()} == names
    assert set(json.loads((published / "config.json").read_text())) <= documented("published_model", "config.json")
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=published, check=True)
    full, half = (safetensors.numpy.load_file(published / f"model{kind}.safetensors") for kind in ("", ".fp16"))
    assert {value.dtype for value in full.values()} == {np.dtype("float32")}
    assert {value.dtype for value in half.values()} == {np.dtype("float16")}
    assert {path.stat().st_mode & 0o044 for path in published.iterdir()} == {0o044}


def test_the_smaller_weights_are_enough(published, copied):
    (copied / "model.safetensors").unlink()
    assert 0 < np.abs(predicted(copied) - predicted(published)).max() < 2e-3
    (copied / "model.fp16.safetensors").unlink()
    refused(copied, "no weights here")


def test_weights_of_one_precision(run, published, tmp_path):
    written = cafct_keras.publishing.publish(run, out=tmp_path / "out", precision="float16")
    assert set(written["files"]) == {"README.md", "SHA256SUMS", "config.json", "model.fp16.safetensors"}
    assert written["sha256"] == sha256(tmp_path / "out" / SUMS_FILE)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path / "out", check=True)
    assert 0 < np.abs(predicted(tmp_path / "out") - predicted(published)).max() < 2e-3
    assert "float64" in fails("publish", run, "--out", tmp_path / "other", "--precision", "float64", code=2)


def test_weights_that_float16_cannot_hold_stay_in_float32(run, tmp_path):
    source = shutil.copytree(run, tmp_path / "source")
    model = cafct_keras.load_model(run)
    next(each for each in model.weights if each.path == "norm/moving_variance").assign([1e6] * 6)
    save_model(model, source / "model.keras")
    cafct_keras.publishing.publish(source, out=tmp_path / "out")
    half = safetensors.numpy.load_file(tmp_path / "out" / "model.fp16.safetensors")
    assert half["norm/moving_variance"].tolist() == [1e6] * 6


def test_masks_and_scores_are_those_of_the_run(run, published, scans, tmp_path):
    archive = zipped(published, tmp_path / "model.zip")
    masks, scores = [], []
    for number, path in enumerate((run, published, archive)):
        out = tmp_path / f"masks{number}"
        options = ("--input", scans / "volume-2.nii.gz", "--engine", "keras", "--out", out, "--quiet", "--json")
        result = call("predict", path, *options)
        assert result.code == 0, result
        assert any("0.4 for lesion" in note for note in result.json["notes"])  # the choice went along
        masks.append((out / "volume-2.nii.gz").read_bytes())
        scored = evaluated(path, "--data", scans, "--threshold", "kept").json
        scores.append(json.dumps([scored["results"], scored["threshold"]]))
        assert scored["title"].startswith("shared:" if number else "source:")
    assert len(set(masks)) == len(set(scores)) == 1


def test_a_run_is_initialized_from_it(run, published):
    model = micro(classes=2, width=6)
    model.preprocessing = Run.open(run).preprocessing
    (report,) = initialize_weights(model, FitConfig.from_options(model="micro", init=str(published)), {})
    for value, expected in zip(model.get_weights(), cafct_keras.load_model(run).get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)
    assert (
        report["sha256"]
        == dict(reversed(line.split("  ")) for line in sums(published).splitlines())["model.safetensors"]
    )


def test_nothing_private_is_published(run, published, scans, tmp_path):
    everything = b"".join(path.read_bytes() for path in published.iterdir())
    patients = json.loads((run / "run.json").read_text())["data"]["split"]["train"]["patients"]
    assert PRIVATE.encode() not in everything
    assert config_of(published)["run"]["config"]["data"]["path"] == "scans"
    assert config_of(published)["run"]["data"]["split"]["train"]["patients"] == []
    warnings = evaluated(published, "--data", scans).json["data"]["warnings"]
    assert any("patients: the model does not name those it was trained on" in line for line in warnings)
    assert call("publish", run, "--out", tmp_path / "named", "--list-patients").code == 0
    assert config_of(tmp_path / "named")["run"]["data"]["split"]["train"]["patients"] == patients
    assert f"| {', '.join(patients)} |" in (tmp_path / "named" / "README.md").read_text()


def test_the_extra_is_named(published, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(MissingPackageError, match=r'needs the package safetensors; .*"cafct-keras\[weights\]"'):
        cafct_keras.load_model(published)


def test_a_card_may_be_edited(copied):
    (copied / "README.md").write_text("Edited on the hub.")
    (copied / ".gitattributes").write_text("*.safetensors filter=lfs")
    cafct_keras.load_model(copied)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_changed_files(copied, name):
    content = bytearray((copied / name).read_bytes())
    content[-5] ^= 1
    (copied / name).write_bytes(content)
    refused(copied, f"its {name} was changed since it was published")
    refused(zipped(copied, copied.with_suffix(".zip")), f"its {name} was changed since it was published")
    (copied / SUMS_FILE).unlink()
    refused(copied, "its SHA256SUMS cannot be read (it is missing)")


def test_another_version(copied):
    refused(changed(copied, "config.json", {**config_of(copied), "format": 2}), "format 2, this version reads 1")
    card = config_of(copied)["run"]
    older = {**config_of(copied), "format": 1, "run": {**card, "format": 99}}
    with pytest.raises(UserError, match="a run folder of another version"):
        Run.open(changed(copied, "config.json", older))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": "resnet999"}, "unknown model 'resnet999'"),
        ({"network": 3}, "it does not state its network"),
        ({"arguments": {"classes": 2, "code": "import os"}}, "unexpected keyword argument 'code'"),
        ({"network": "unet", "arguments": {"dims": [512] * 5}}, "a network with more weights than its file"),
        ({"arguments": {"classes": 2, "width": 5}}, "its weights are not those of micro"),
        ({"preprocessing": {"size": 32}}, "must state"),
    ],
)
def test_configurations_from_others_are_not_trusted(copied, change, words):
    refused(changed(copied, "config.json", {**config_of(copied), **change}), words)


def test_configurations_that_are_none(copied):
    for content in (b"", b"[]", b"3", b"{}", b"[" * 100_000, b"\xff"):
        refused(changed(copied, "config.json", content), "its config.json cannot be read")
    with (copied / "config.json").open("wb") as file:
        file.truncate(1 << 30)
    refused(copied, "it has 1,073,741,824 bytes")


def test_weights_that_are_others(copied):
    weights = safetensors.numpy.load_file(copied / "model.safetensors")
    stem = weights.pop("stem/bias")
    for content in (weights, {**weights, "stem/bias": stem[:-1]}, {**weights, "stem/bias": stem, "more": stem}):
        refused(changed(copied, "model.safetensors", safetensors.numpy.save(content)), "its weights are not those of")
    refused(changed(copied, "model.safetensors", b"not a file of tensors"), "its model.safetensors cannot be read")


def test_archives_that_were_made_to_harm(published, tmp_path):
    def refuse(words, **kwargs):
        refused(zipped(published, tmp_path / "evil.zip", **kwargs), words)

    refuse("holds several models", extra=[("again/config.json", "{}")])
    with pytest.warns(UserWarning, match="Duplicate"):
        refuse("holds several models", extra=[("config.json", "{}")])
    outside = tmp_path.parent / "outside.txt"
    archive = zipped(
        published, tmp_path / "harmless.zip", extra=[("../outside.txt", "x"), ("__MACOSX/._config.json", "")]
    )
    cafct_keras.load_model(archive)
    assert not outside.exists()
    bomb = shutil.copytree(published, tmp_path / "bomb")
    changed(bomb, "model.safetensors", bytes(1 << 22))
    refused(zipped(bomb, tmp_path / "bomb.zip"), "it expands to many times its size")
    (tmp_path / "text.zip").write_text("not a zip file")
    refused(tmp_path / "text.zip", "its list of members cannot be read")


def test_it_is_neither_changed_nor_published_again(run, published, scans, tmp_path):
    with pytest.raises(UserError, match=r"`keep`: .* is published and does not change"):
        Run.open(published).keep(Run.open(run).choice)
    assert fails("publish", published, "--out", tmp_path / "x").endswith("not a run folder; give one that fit wrote")
    assert "already exists" in fails("publish", run, "--out", published)
    assert not (tmp_path / "x").exists()
