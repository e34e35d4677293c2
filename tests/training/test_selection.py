"""Choice of the best epoch."""

import csv
import itertools
import math
import os
import signal
from unittest import mock

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cafct_keras import evaluation
from cafct_keras.metrics import SliceCounts
from cafct_keras.training.progress import TrainingProgress
from cafct_keras.training.selection import Selection, dice_per_case, of_shown
from pipelines.loading.slices import Slices
from pipelines.preprocessing import Preprocessing
from tests.cli import fails, run
from tests.trained import write_folder
from tests.training import micro

BATCH = 4
MICRO = ("--target", "liver", "--model", micro.micro.__name__, "--size", 32, "--batch-size", 4, "--optimizer", "adamw")


def slices_of(masks, cases):
    """Slices with these bool masks `(N, H, W, C)`."""
    return Slices(
        images=np.zeros(masks.shape[:3], np.uint8),
        masks=masks.astype(np.uint8) * 255,
        names=tuple(map(str, range(len(masks)))),
        patients=tuple(map(str, cases)),
        cases=cases,
        preprocessing=Preprocessing(size=8, targets=("liver", "lesion"), intensity="grey", window=(0, 1)),
    )


def counted(metric, masks, predictions):
    """Adds slices to a metric in batches that are padded as in an evaluation, and returns their counts."""
    padded = -(-len(masks) // BATCH) * BATCH
    for batch in np.arange(padded).reshape(-1, BATCH):
        inside = batch < len(masks)
        indices = np.where(inside, batch, 0)
        metric.update_state(masks[indices].astype("float32"), predictions[indices], inside.astype("float32"))
    return keras.ops.convert_to_numpy(metric.counts)[-padded:][: len(masks)]


def test_scores_of_a_target_that_is_not_shown_are_undefined():
    masks = np.zeros((2, 8, 8, 2), bool)
    masks[0, 2:4, 2:4, 0] = True
    counts = np.stack([masks.sum((1, 2))] * 3, axis=-1)
    scores = {"loss": 1.0, "liver_dice_pooled": 0.5, "lesion_dice_pooled": 1.0, "lesion_iou_pooled": 1.0}
    found = of_shown(scores, counts, slices_of(masks, np.array([0, 0])))
    assert {name for name, value in found.items() if math.isnan(value)} == {"lesion_dice_pooled", "lesion_iou_pooled"}
    assert (
        Selection(score="lesion_dice_pooled").value({f"val_{name}": value for name, value in found.items()}, []) is None
    )


@pytest.mark.backends
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_dice_per_case_is_the_evaluation_s(lengths, seed):
    """Whatever was counted before, and however the cases lie in batches."""
    random = np.random.default_rng(seed)
    shape = (sum(lengths), 8, 8, 2)
    cases = np.repeat(np.arange(len(lengths)), lengths)
    # Half of the cases show a target.
    shown = random.random(shape) < random.choice([0, 0.2], size=(len(lengths), 1, 1, 2))[cases]
    logits = random.normal(-1, 1, shape).astype("float32")
    slices = slices_of(shown, cases)
    metric = SliceCounts(slices=24, classes=2, from_logits=True)
    counted(metric, ~shown, logits)
    found = dice_per_case(counted(metric, shown, logits), slices)
    expected = evaluation.summarize(
        [
            evaluation.score(
                {
                    name: (logits > 0)[slices.cases == case, ..., index]
                    for index, name in enumerate(("liver", "lesion"))
                },
                {name: shown[slices.cases == case, ..., index] for index, name in enumerate(("liver", "lesion"))},
                case=str(case),
            )
            for case in range(len(lengths))
        ],
        resamples=1,
    )
    for target, scores in expected.targets.items():
        value = scores.overlap["per_case_positive"]["dice"].value
        assert found.get(f"{target}_dice_per_case_positive") == (None if value is None else pytest.approx(value))


def test_training_batches_are_not_counted():
    metric = SliceCounts(slices=4, classes=1)
    metric.update_state(np.ones((2, 3, 3, 1), "float32"), np.ones((2, 3, 3, 1), "float32"))
    assert not keras.ops.convert_to_numpy(metric.counts).any()
    assert metric.result() == {}


def rows(*scores):
    return [{"logs": {"val_dice": score, "val_loss": 1.0}} for score in scores]


@pytest.mark.parametrize(
    ("average", "before", "now", "value"),
    [
        (1, [0.9], 0.3, 0.3),
        (2, [0.1, 0.9], 0.3, 0.6),
        (3, [0.9], 0.3, None),  # no three epochs yet
        (2, [math.nan], 0.3, None),
        (1, [math.nan], 0.3, 0.3),
    ],
)
def test_epochs_are_judged_by_the_mean_of_the_last_ones(average, before, now, value):
    selection = Selection(score="dice", average=average, cases=1, patients=1)
    assert selection.value(rows(now)[0]["logs"], rows(*before)) == (None if value is None else pytest.approx(value))
    assert selection.value({"val_dice": now, "val_loss": math.inf}, rows(*before)) is None
    # Smaller slices were another task.
    resized = Selection(score="dice", average=average, first_epoch=len(before))
    assert resized.value(rows(now)[0]["logs"], rows(*before)) == (now if average == 1 else None)
    assert Selection(score=None).value(rows(now)[0]["logs"], []) is None


def test_the_best_epoch_is_the_end_of_the_best_ones(slices_folder, tmp_path):
    recipe = ("--data", slices_folder, *MICRO, "--learning-rate", 0.3, "--epochs", 4, "--select-average", 2)
    result = run("fit", *recipe, "--out", tmp_path / "run", "--json")
    assert result.code == 0, result
    history = list(csv.DictReader((tmp_path / "run" / "history.csv").open()))
    scores = [float(row["val_dice_per_case_positive"]) for row in history]
    means = [row["val_selection_score"] for row in history]
    assert means[0] == ""
    assert list(map(float, means[1:])) == pytest.approx([sum(pair) / 2 for pair in itertools.pairwise(scores)])
    best = 1 + int(np.argmax(list(map(float, means[1:]))))
    assert result.json["best_epoch"] == best + 1
    assert result.json["validation"]["dice_per_case_positive"] == pytest.approx(scores[best], abs=1e-5)
    assert result.json["selection"] == {
        "score": "dice_per_case_positive",
        "average": 2,
        "cases": 1,
        "patients": 1,
        "first_epoch": 0,
        "value": float(means[best]),
    }
    assert "best epoch by dice_per_case_positive, mean of 2 epochs: 1 validation case of 1 patient" in result.error

    def interrupted(self, batch, logs=None):
        if self._epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with mock.patch.object(TrainingProgress, "on_train_batch_begin", interrupted):
        fails("fit", *recipe, "--out", tmp_path / "again", code=75)
    again = run("fit", "--resume", "--out", tmp_path / "again", "--json").json
    for name in ("selection", "best_epoch", "validation", "test"):
        assert again[name] == result.json[name]


def test_nothing_is_chosen_by_a_part_that_does_not_show_the_target(tmp_path):
    """A network that predicts nothing would have the best Dice there."""
    data = write_folder(tmp_path / "data", cases=4, slices=4, size=32)
    listed = list(csv.DictReader((data / "index.csv").open()))
    patient = listed[0]["patient"]
    with (data / "index.csv").open("w") as file:
        file.write("id,patient,split\n")
        for row in listed:
            part = "validation" if row["patient"] == patient else row["split"]
            file.write(f"{row['id']},{row['patient']},{part}\n")
            if part == "validation":
                Image.fromarray(np.zeros((32, 32), np.uint8)).save(data / "masks" / f"{row['id']}.png")
    out = tmp_path / "run"
    result = run("fit", "--data", data, *MICRO, "--epochs", 2, "--select-by", "pooled", "--out", out, "--json")
    assert result.code == 0, result
    assert "warning: validation: no slice shows liver, so that no epoch can be chosen by it; add" in result.error
    assert "last epoch 2" in result.error
    assert result.json["best_epoch"] == 2
    assert result.json["selection"]["score"] is None
    assert "dice_per_case_positive" not in result.json["validation"]
    assert result.json["validation"]["dice_pooled"] is None
    assert result.json["validation"]["loss"] > 0


def test_options_that_do_not_fit(slices_folder, tmp_path):
    out = ("--out", tmp_path / "run")
    message = fails("fit", "--data", slices_folder, *MICRO, "--epochs", 2, "--select-average", 3, *out)
    assert "--select-average 3: must be at most --epochs, 2" in message
    assert "--select-by dice: unknown; choose per_case_positive" in fails("fit", "--select-by", "dice", *out)
