"""Cross-validation on the command line: training of all folds, resuming, and scores over all patients."""

import csv
import json
import os
import signal
from unittest import mock

import numpy as np
import pytest

from cafct_keras.training.progress import TrainingProgress
from tests.cli import fails, run
from tests.trained import write_folder
from tests.training import micro

RECIPE = ("--target", "liver", "--model", micro.micro.__name__, "--size", 32, "--batch-size", 4, "--epochs", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "slices", cases=5, slices=4, size=32)


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "cv"
    result = run("fit", "--data", folder, *RECIPE, "--folds", 2, "--out", out, "--json")
    assert result.code == 0, result
    return out, result


def test_every_fold_is_a_run(whole, folder):
    out, result = whole
    assert sorted(path.name for path in out.iterdir()) == ["fold-0", "fold-1"]
    parts = [card["data"]["split"] for card in result.json]
    assert parts[0]["validation"]["patients"] + parts[0]["train"]["patients"] != []
    assert set(parts[0]["validation"]["patients"]) == set(parts[1]["train"]["patients"])
    assert set(parts[1]["validation"]["patients"]) == set(parts[0]["train"]["patients"])
    assert parts[0]["test"] == parts[1]["test"]
    assert f"cafct-keras evaluate {out} --split validation" in result.error
    assert f"cafct-keras predict {out}/fold-0 {out}/fold-1" in result.error
    assert "already exists" in fails("fit", "--data", folder, *RECIPE, "--folds", 2, "--out", out)


def test_interrupted_in_the_first_fold_and_resumed_by_the_folder_alone(whole, folder, tmp_path):
    """The fold that had not begun is trained with the options of the first."""
    out = tmp_path / "cv"

    def interrupted(self, batch, logs=None):
        os.kill(os.getpid(), signal.SIGTERM)

    with mock.patch.object(TrainingProgress, "on_train_batch_begin", interrupted):
        message = fails("fit", "--data", folder, *RECIPE, "--folds", 2, "--out", out, code=75)
    assert message.strip().endswith(f"cafct-keras fit --resume --out {out}")
    assert [path.name for path in out.iterdir()] == ["fold-0"]
    assert "--folds 3: the cross-validation in" in fails("fit", "--resume", "--folds", 3, "--out", out)
    assert "--seed 1: the run in" in fails("fit", "--resume", "--seed", 1, "--out", out)
    result = run("fit", "--resume", "--out", out, "--json")
    assert result.code == 0, result
    for index, card in enumerate(result.json):
        assert card["config"]["data"]["fold"] == f"{index}/2"
        for name in ("validation", "test", "best_epoch"):
            assert card[name] == whole[1].json[index][name]
        states = [sorted((each / f"fold-{index}" / "checkpoints").glob("step-*"))[-1] for each in (out, whole[0])]
        with np.load(states[0] / "state.npz") as one, np.load(states[1] / "state.npz") as other:
            for name in other:
                np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_scores_are_joined_over_the_folds(whole, tmp_path):
    """Each patient is scored once, by the network that has not seen it."""
    out, result = whole
    joined = run("evaluate", out, "--split", "validation", "--out", tmp_path / "report", "--json")
    assert joined.code == 0, joined
    document = joined.json
    (target,) = document["results"][0]["summary"]["targets"].values()
    everyone = {patient for card in result.json for patient in card["data"]["split"]["validation"]["patients"]}
    assert target["patients"] == len(everyone) == 4
    assert target["overlap"]["per_case_positive"]["dice"]["low"] is not None
    rows = list(csv.DictReader((tmp_path / "report" / "cases.csv").open()))
    alone = [run("evaluate", out / f"fold-{index}", "--split", "validation", "--json").json for index in range(2)]
    dice = {row["case"]: row["dice"] for each in alone for row in each["results"][0]["cases"]}
    assert {row["case"]: float(row["dice"]) for row in rows} == pytest.approx(dice)
    assert "names of patients that the run was trained on" not in json.dumps(document)
    assert "2 folds" in document["title"]


def test_what_cannot_be_said_of_folds(whole, folder, tmp_path):
    out, _ = whole
    assert "--split test" in fails("evaluate", out)
    kept = fails("evaluate", out, "--split", "validation", "--threshold", "kept")
    assert "keep no common choice" in kept
    new = ("--out", tmp_path / "new")
    assert "--fold 0/9: there are 4 training and validation" in fails(
        "fit", "--data", folder, *RECIPE, "--fold", "0/9", *new
    )
    assert "--fold 9: give K/N" in fails("fit", "--data", folder, *RECIPE, "--fold", "9", *new)
    both = fails("fit", "--data", folder, *RECIPE, "--fold", "0/2", "--no-validation", *new)
    assert "--fold 0/2: is validated on, and --validation is off" in both
    assert "--folds 1: give" in fails("fit", "--data", folder, *RECIPE, "--folds", 1, *new)
    assert not (tmp_path / "new").exists()
