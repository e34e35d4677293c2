"""Warm start from a run of other targets, and what is said about it."""

import csv
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

import cafct_keras
from tests.cli import fails, run

MICRO = ("--model", "micro", "--preset", "only", "--size", 32, "--batch-size", 16, "--epochs", 1)
# Of next to nothing: the weights stay the initial ones.
STILL = ("--optimizer", "sgd", "--learning-rate", 1e-12)


@pytest.fixture(scope="module")
def first(slices_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "liver"
    recipe = ("--target", "liver", "--learning-rate", 0.1, "--seed", 1)
    result = run("fit", "--data", slices_folder, *MICRO, *recipe, "--out", out)
    assert result.code == 0, result
    return out


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """A folder of both targets, whose patients have other names."""
    folder = tmp_path_factory.mktemp("data") / "labels"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    rows = ["id,patient,split"]
    generator = np.random.default_rng(0)
    for number in range(12):
        mask = np.zeros((32, 32), "uint8")
        mask[4:24, 4:24] = 1
        mask[8:14, 8:14] = 2
        Image.fromarray(generator.integers(0, 255, mask.shape, "uint8")).save(folder / "images" / f"{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
        rows.append(f"{number},p{number // 2},{'test' if number > 9 else 'train'}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return folder


def weights(run):
    return {v.path: keras.ops.convert_to_numpy(v) for v in cafct_keras.load_model(run).weights}


@pytest.mark.backends
@pytest.mark.parametrize("target", ["both", "lesion"])
def test_channels_are_taken_by_their_targets(first, labels, tmp_path, target):
    options = ("--target", target, *STILL, "--batch-size", 2, "--context", 2, "--init", first)
    result = run("fit", "--data", labels, *MICRO, *options, "--out", tmp_path / "run", "--json")
    assert result.code == 0, result
    taken = "output channel of liver initialized from it, that" if target == "both" else "that"
    notes = [
        f"{first}: sees 3 channels, this model 5: first kernels are adapted",
        f"{first}: segments liver: {taken} of lesion at random",
    ]
    assert result.json["initial_weights"][0]["notes"] == notes
    assert result.json["initial_weights"][0]["seconds"] > 0
    assert all(note in result.error for note in notes)
    old, new = weights(first), weights(tmp_path / "run")
    for path in ("branch/kernel", "norm/gamma", "norm/beta", "stem/bias"):
        np.testing.assert_allclose(new[path], old[path], atol=1e-6)
    stem = np.repeat(old["stem/kernel"].sum(2, keepdims=True) / 5, 5, axis=2)
    np.testing.assert_allclose(new["stem/kernel"], stem, atol=1e-6)
    for path in ("logits/kernel", "logits/bias"):
        if target == "both":
            np.testing.assert_allclose(new[path][..., 0], old[path][..., 0], atol=1e-6)
        assert not np.allclose(new[path][..., -1], old[path][..., 0], atol=1e-3)


def test_patients_of_both_are_reported(first, slices_folder, tmp_path):
    rows = list(csv.DictReader((first / "split.csv").open()))
    seen = sorted({row["patient"] for row in rows if row["split"] == "validation"})
    trained = sorted({row["patient"] for row in rows if row["split"] == "train"})
    tested = sorted({row["patient"] for row in rows if row["split"] == "test"})
    fit = ("fit", "--data", slices_folder, *MICRO, *STILL, "--target", "liver", "--init", first, "--json", "--out")
    result = run(*fit, tmp_path / "same")
    assert f"chosen on {len(seen)} of the validation patients ({', '.join(seen)})" in result.error
    assert "of the test patients" not in result.error
    table = tmp_path / "same.csv"
    table.write_text(f"init,patient\n{trained[0]},{tested[0]}\n")
    result = run(*fit, tmp_path / "renamed", "--init-patients", table)
    assert f"chosen on 1 of the test patients ({tested[0]})" in result.error
    table.write_text(f"a,b\n{trained[0]},{tested[0]}\n")
    alone = ("--init", shutil.copy(first / "model.keras", tmp_path))
    result = run(*fit, tmp_path / "alone", *alone)
    assert f"{alone[1]}: has no list of the patients that it was trained on; see that none is in a part" in result.error
    assert f"--init-patients {table}: {alone[1]} has no list of its patients to rename; leave it out" in fails(
        *fit, tmp_path / "bad", *alone, "--init-patients", table
    )
    assert f"{table}: must be a CSV file with the columns init and" in fails(
        *fit, tmp_path / "bad", "--init-patients", table
    )
    assert "--init-patients x: goes with --init only" in fails(
        "fit", *MICRO, "--init-patients", "x", "--out", tmp_path / "bad"
    )
    assert not (tmp_path / "bad").exists()
