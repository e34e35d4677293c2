"""`cafct-keras fit` from the outside: what it writes, what it says, what it refuses."""

import csv
import hashlib
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import cafct_keras
from pipelines.layouts.paired_folder.reader import PairedFolder
from tests.cli import fails, run
from tests.trained import SMALL, write_folder

# Where the network does not matter.
MICRO = ("--target", "liver", "--model", "micro", "--size", 64, "--batch-size", 4)
FILES = {"run.json", "split.csv", "model.keras", "checkpoints", "history.csv", "curves.png", "samples.png", "events"}


@pytest.mark.backends
def test_run_folder_is_complete(trained, slices_folder):
    out, result = trained
    assert {path.name for path in out.iterdir()} == FILES
    card = json.loads((out / "run.json").read_text())
    assert card == result.json
    assert card["status"] == "finished"
    assert card["config"]["optimizer"]["learning_rate"] == 3e-3
    assert card["config"]["data"]["augmentation"]["rotation"] == 10
    assert card["parameters"] == 406_778
    assert 0 < card["seconds"]["first_step"] < card["seconds"]["total"] < result.seconds
    source = PairedFolder(slices_folder, target="liver", size=64)
    assert card["data"]["fingerprint"] == source.fingerprint()
    split = card["data"]["split"]
    assert sum(part["slices"] for part in split.values()) == 48
    listed = list(csv.DictReader((out / "split.csv").open()))
    assert {row["id"] for row in listed} == {path.stem for path in (slices_folder / "images").iterdir()}
    for name, part in split.items():
        assert sorted({row["patient"] for row in listed if row["split"] == name}) == part["patients"]
    patients = [set(part["patients"]) for part in split.values()]
    assert not patients[0] & patients[1]
    assert not patients[0] & patients[2]
    assert "keras" in card["versions"]
    assert card["backend"] == keras.backend.backend()
    for name in ("curves.png", "samples.png"):
        assert np.asarray(Image.open(out / name).convert("L")).std() > 10
    assert list((out / "events" / "train").iterdir())
    assert list((out / "events" / "validation").iterdir())


@pytest.mark.backends
def test_history_and_scores_are_of_the_kept_network(trained):
    out, result = trained
    rows = list(csv.DictReader((out / "history.csv").open()))
    assert len(rows) == 3
    best = max(rows, key=lambda row: float(row["val_dice_per_case_positive"]))
    card = result.json
    assert card["best_epoch"] == int(best["epoch"]) + 1
    assert card["validation"]["dice_pooled"] == pytest.approx(float(best["val_dice_pooled"]), abs=1e-5)
    if keras.backend.backend() == "tensorflow":  # draws its batches inside its graph
        assert card["data_wait"] is None
    else:
        assert 0 < card["data_wait"] < 1
        assert all(0 < float(row["data_wait"]) < 1 for row in rows)
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


@pytest.mark.backends
def test_test_score_is_that_of_predict(trained, slices_folder):
    """The printed Dice again, from nothing but the PNG files, the run folder and NumPy."""
    out, result = trained
    model = cafct_keras.load_model(out)
    names = [row["id"] for row in csv.DictReader((slices_folder / "index.csv").open()) if row["split"] == "test"]
    images, masks = (
        np.stack([np.asarray(Image.open(slices_folder / part / f"{name}.png")) for name in names])
        for part in ("images", "masks")
    )
    images, masks = np.repeat(images[..., None].astype("float32") / 255, 3, axis=-1), masks > 0
    predictions = model.predict_on_batch(images)[..., 0] > 0.5
    dice = 2 * (predictions & masks).sum() / (predictions.sum() + masks.sum())
    assert result.json["test"]["dice_pooled"] == pytest.approx(dice, abs=1e-4)


def test_without_validation_all_but_the_test_patients_are_trained_on(trained, slices_folder, tmp_path):
    out = tmp_path / "run"
    recipe = ("--data", slices_folder, *MICRO, "--optimizer", "adamw", "--no-validation", "--out", out)
    result = run("fit", *recipe, "--epochs", 2, "--json")
    assert result.code == 0, result
    split, usual = (card["data"]["split"] for card in (result.json, trained[1].json))
    assert split["train"]["patients"] == sorted(usual["train"]["patients"] + usual["validation"]["patients"])
    assert split["train"]["slices"] == usual["train"]["slices"] + usual["validation"]["slices"]
    assert not split["validation"]["slices"]
    assert split["test"] == usual["test"]
    assert "validation" not in result.json
    assert "last epoch 2" in result.error
    # It goes on, and what is kept is again the last.
    result = run("fit", "--resume", "--out", out, "--epochs", 3, "--json")
    assert result.json["best_epoch"] == 3
    assert {path.name for path in out.iterdir()} == FILES
    assert not any(column.startswith("val_") for column in next(csv.reader((out / "history.csv").open())))
    kept, last = (
        cafct_keras.load_model(out / name).get_weights() for name in ("model.keras", "checkpoints/last.keras")
    )
    for one, other in zip(kept, last, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [path.name for path in (out / "events").iterdir()] == ["train"]
    # Nothing is chosen on slices that it was trained on.
    assert "--no-validation" in fails("evaluate", out, "--threshold", "auto")
    assert "--validation True" in fails("fit", "--resume", "--out", out, "--validation")


@pytest.mark.backends
def test_warm_start_begins_where_the_other_run_ended(slices_folder, tmp_path):
    out = tmp_path / "first"
    recipe = ("--optimizer", "adamw", "--learning-rate", 1e-2, "--epochs", 2)
    result = run("fit", "--data", slices_folder, *MICRO, *recipe, "--out", out, "--json")
    # A learning rate of next to nothing: the scores must be those of the run that it starts from.
    still = ("--optimizer", "sgd", "--learning-rate", 1e-12, "--epochs", 1)
    warm = run("fit", "--data", slices_folder, *MICRO, *still, "--init", out, "--out", tmp_path / "warm", "--json")
    (beginning,) = warm.json["initial_weights"]
    assert beginning["sha256"] == hashlib.sha256((out / "model.keras").read_bytes()).hexdigest()
    # Batch normalisation's statistics move a little even so.
    assert warm.json["validation"]["dice_pooled"] == pytest.approx(result.json["validation"]["dice_pooled"], abs=0.2)
    assert warm.json["validation"]["loss"] == pytest.approx(result.json["validation"]["loss"], rel=0.1)
    first, again = (cafct_keras.load_model(each).trainable_weights for each in (out, tmp_path / "warm"))
    for pair in zip(first, again, strict=True):
        np.testing.assert_allclose(*(keras.ops.convert_to_numpy(w) for w in pair), atol=1e-6)


def test_warm_start_from_another_network(trained, slices_folder, tmp_path):
    out, _ = trained
    other = ("--model-option", "fusion=concat", "--epochs", 1, "--init", out, "--out", tmp_path / "run")
    assert "--init" in fails("fit", "--data", slices_folder, *SMALL, *other)
    assert not (tmp_path / "run").exists()


def test_two_targets(tmp_path):
    """Two channels, liver first; the phantom knows both."""
    small = ("--target", "both", "--size", 32, "--epochs", 1, "--batch-size", 64)
    small = (*small, "--model", "micro", "--preset", "only")
    result = run("fit", *small, "--out", tmp_path / "both", "--json")
    assert result.code == 0, result
    assert result.json["data"]["targets"] == ["liver", "lesion"]
    assert {"liver_dice_pooled", "lesion_dice_pooled", "liver_dice_per_slice_positive"} <= set(result.json["test"])
    model = cafct_keras.load_model(tmp_path / "both")
    assert model.predict(np.zeros((1, 32, 64, 3), "float32"), verbose=0).shape == (1, 32, 64, 2)


def test_nan_stops_the_run_with_step_files_and_cause(slices_folder, tmp_path):
    wild = ("--optimizer", "sgd", "--learning-rate", 1e30, "--schedule", "constant", "--epochs", 5)
    message = fails("fit", "--data", slices_folder, *MICRO, *wild, "--out", tmp_path / "run")
    assert "NaN or infinite at step 1 (slices phantom-" in message
    assert "--learning-rate 1e+29" in message
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "stopped"
    assert not (tmp_path / "run" / "model.keras").exists()


def test_real_slices_are_learnt(shared, tmp_path):
    """The README's recipe for real CT in short: `tiny` at a quarter of the pixels for a few epochs."""
    data = shared / "data" / "msd_liver"
    recipe = ("--optimizer", "adamw", "--learning-rate", 2e-3, "--warmup-epochs", 1, "--epochs", 8, "--batch-size", 8)
    augmentation = ("--flip", "--quarter-turns")
    arguments = ("--target", "liver", "--preset", "tiny", "--size", 128, *recipe, *augmentation)
    result = run("fit", "--data", data, *arguments, "--out", tmp_path / "run", "--json")
    assert result.code == 0, result
    assert result.json["data"]["split"]["test"]["slices"] == 63
    assert result.json["test"]["dice_pooled"] > 0.7


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--size", 100), "--size 100: must be a multiple of 32"),
        (("--crop", 100), "--crop 100: must be a multiple of 32"),
        (("--crop", 288), "--crop 288: must be a multiple of 32, and at most 64, as slices are"),
        (("--crop", -32), "--crop -32: give pixels, or 0"),
        (("--lesions", 0.5), "--lesions 0.5: needs --target both"),
        (("--model", "unet3000"), "--model unet3000: unknown; choose"),
        (("--preset", "huge"), "--preset huge: unknown; choose tiny, mini, small, base, large"),
        (("--model", "h_dense_unet"), "--model h_dense_unet: needs neighbouring slices; use --context 3"),
        (("--target", "spleen"), "--target spleen: unknown; choose lesion, liver, both"),
        (("--precision", "float8"), "--precision float8: unknown; choose float32"),
        (("--optimizer", "lion"), "--optimizer lion: unknown; choose"),
        (("--optimizer", "optax:nonsense"), "--optimizer optax:nonsense"),
        (("--batch-size", 5000), "--batch-size 5000: must be at most"),
        (("--epochs", 0), "--epochs 0"),
        (("--seed", -1), "--seed -1"),
        (("--rotation", 500), "rotation 500"),
        (("--schedule", "linear"), "--schedule linear"),
        (("--model-option", "colour=red"), "colour"),
        (("--init", "nowhere"), "nowhere"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_mistaken_options(options, words, slices_folder, tmp_path):
    arguments = {"--data": slices_folder, "--out": tmp_path / "run"} | dict([options])
    flat = [
        item for pair in ({"--target": "liver", "--preset": "tiny", "--size": 64} | arguments).items() for item in pair
    ]
    assert words in fails("fit", *flat)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--momentum", 2), "--momentum 2: must be at least 0 and below 1"),
        (("--learning-rate", -1), "--learning-rate -1: must be above 0"),
        (("--batch-size", 0), "--batch-size 0: must be at least 1"),
        (("--foreground-fraction", 7), "--foreground-fraction 7: must be above 0 and below 1"),
        (("--cache", "tape"), "--cache tape: unknown; choose ram, none, disk"),
        (("--optimizer", "adam", "--weight-decay", 0.1), "--weight-decay 0.1: --optimizer adam has none; leave it out"),
        (("--optimizer", "adamw", "--momentum", 0.5), "--momentum 0.5: --optimizer adamw has none; leave it out"),
        (("--window", 250, -200), "--window 250 -200: must be a lower and a higher number of HU"),
    ],
)
def test_options_are_checked_before_any_data_are_read(options, words, tmp_path):
    assert words in fails("fit", "--data", tmp_path / "nowhere", *options)


@pytest.mark.parametrize(
    "options",
    [
        ("--epochs", "many"),
        ("--nonsense",),
        ("--model-option", "fusion"),
        ("--optimizer", ""),
        ("--learning-rate", "nan"),
    ],
)
def test_options_that_do_not_parse(options):
    assert options[0].strip("-") in fails("fit", *options, code=2).replace("_", "-")


def test_out_folder_that_exists_is_left_alone(slices_folder, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("years of work")
    message = fails("fit", "--data", slices_folder, *SMALL, "--out", tmp_path / "run")
    assert "already exists; choose another name" in message
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.txt"]


def test_run_folder_of_another_version(trained, slices_folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(trained[0], other)
    card = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps({**card, "format": 99}))
    message = fails("fit", "--data", slices_folder, *SMALL, "--init", other, "--out", tmp_path / "run")
    assert "run.json: a run folder of another version (format 99, this version reads 2)" in message
    assert f"use cafct-keras {cafct_keras.__version__}" in message
    assert not (tmp_path / "run").exists()
    # The network itself may still be read, for whoever wants that.
    weights = cafct_keras.load_model(other / "model.keras").trainable_weights
    assert sum(np.prod(weight.shape) for weight in weights) == card["parameters"]
    for damaged in ("", "[]", "{}"):
        (other / "run.json").write_text(damaged)
        assert "not the card of a run" in fails("export", other, "--out", tmp_path / "served")


def test_broken_data_is_named_and_nothing_is_written(tmp_path):
    folder = write_folder(tmp_path / "data", cases=6, slices=1, size=64)
    victim = sorted((folder / "masks").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:60])
    message = fails("fit", "--data", folder, *SMALL, "--out", tmp_path / "run")
    assert victim.name in message
    assert not (tmp_path / "run").exists()


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(ValueError, match="nowhere"):
        run("fit", "--data", "nowhere", "--out", tmp_path / "run", "--debug")
