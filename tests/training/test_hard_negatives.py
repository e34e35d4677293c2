"""Hard negatives: slices without the target in which the model in training sees it."""

import json
import os
import signal
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from cafct_keras.runs.checkpoints import read_checkpoint
from cafct_keras.training import loop
from cafct_keras.training.progress import TrainingProgress
from tests.cli import fails, run
from tests.trained import write_folder
from tests.training import micro  # noqa: F401  (registers the network)

RECIPE = ("--target", "liver", "--model", "micro", "--size", 32, "--batch-size", 4, "--epochs", 4)
RECIPE += ("--hard-negative-weight", 3, "--hard-negative-epochs", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three training cases of four slices; half of all slices show no liver."""
    written = write_folder(tmp_path_factory.mktemp("data") / "slices", cases=5, slices=4, size=32)
    for mask in sorted((written / "masks").iterdir())[::2]:
        Image.fromarray(np.zeros((32, 32), np.uint8)).save(mask)
    return written


def last_checkpoint(out):
    return read_checkpoint(max((out / "checkpoints").glob("step-*")))


def test_slices_with_false_positives_come_again(folder, tmp_path):
    """They are those that the model of the time predicts liver in, and are searched for every other epoch."""
    streams, predicted = [], []
    training_stream, search = loop.training_stream, loop.TrainingLoop._find_hard_negatives

    def recorded(slices, **options):
        streams.append((options["start_step"], options["steps"], list(options["hard_negatives"])))
        return training_stream(slices, **options)

    def compared(self, epoch):
        train = self._parts["train"]
        # So that it sees liver in some slices only.
        logits = self.trained.predict(train.preprocessing.as_input(train.gather_images(np.arange(12))), verbose=0)
        bias = self.trained.get_layer("logits").bias
        bias.assign(bias - np.median(logits[~train.foreground[:, 0]].max(axis=(1, 2, 3))))
        logits = self.trained.predict(train.preprocessing.as_input(train.gather_images(np.arange(12))), verbose=0)
        search(self, epoch)
        seen = (logits > 0).any(axis=(1, 2, 3)) & ~train.foreground[:, 0]
        predicted.append(np.flatnonzero(seen).tolist())

    with (
        mock.patch.object(loop, "training_stream", recorded),
        mock.patch.object(loop.TrainingLoop, "_find_hard_negatives", compared),
    ):
        result = run("fit", "--data", folder, *RECIPE, "--out", tmp_path / "run", "--json")
    assert result.code == 0, result
    assert len(predicted) == 1
    assert 0 < len(predicted[0]) < 6
    assert streams == [(0, 6, []), (6, 12, predicted[0])]
    assert f"hard negatives: {len(predicted[0])} of 6 training slices without liver" in result.error
    assert last_checkpoint(tmp_path / "run").progress["hard_negatives"] == predicted[0]


def test_stopped_in_a_search_then_resumed(folder, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "run"
    assert run("fit", "--data", folder, *RECIPE, "--out", whole).code == 0
    evaluate = loop.TrainingLoop._evaluate

    def interrupted(self, slices, indices, callbacks):
        if len(indices) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(self, slices, indices, callbacks)

    with mock.patch.object(loop.TrainingLoop, "_evaluate", interrupted):
        for command in (("--data", folder, *RECIPE), ("--resume",)):
            message = fails("fit", *command, "--out", out, code=75)
            assert "stopped by SIGTERM after 0 steps of epoch 3 of 4" in message

    def interrupted_later(self, batch, logs=None):
        if batch == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    # In the epoch after the search, whose order goes by what was found.
    with mock.patch.object(TrainingProgress, "on_train_batch_begin", interrupted_later):
        assert "after 2 steps of epoch 3 of 4" in fails("fit", "--resume", "--out", out, code=75)
    assert run("fit", "--resume", "--out", out).code == 0
    ends = [last_checkpoint(each) for each in (whole, out)]
    assert ends[0].progress["hard_negatives"] == ends[1].progress["hard_negatives"] != []
    for name, value in ends[0].state.items():
        if not name.startswith("metrics/"):
            np.testing.assert_array_equal(ends[1].state[name], value, err_msg=name)
    best = [json.loads((each / "run.json").read_text())["best_epoch"] for each in (whole, out)]
    assert best[0] == best[1]


def test_hard_negatives_need_negatives(tmp_path):
    folder = write_folder(tmp_path / "slices", cases=5, slices=1, size=32)
    message = fails("fit", "--data", folder, *RECIPE, "--batch-size", 2)
    assert "--hard-negative-weight 3: every training slice contains liver; leave it out" in message
