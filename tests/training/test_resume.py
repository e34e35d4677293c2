"""Runs that are cut off and go on: they end with the bits of one that was left alone."""

import contextlib
import csv
import json
import os
import random
import shutil
import signal
from unittest import mock

import keras
import numpy as np
import pytest
from PIL import Image

import cafct_keras
from cafct_keras.errors import UserError
from cafct_keras.models import registry
from cafct_keras.runs.lock import lock
from cafct_keras.runs.run import Run
from cafct_keras.training import DataConfig, FitConfig, ModelConfig, OptimizerConfig, fit
from cafct_keras.training.loop import TrainingLoop
from cafct_keras.training.progress import TrainingProgress
from tests.cli import fails, run
from tests.trained import write_folder
from tests.training import micro

RECIPE = ("--target", "liver", "--model", "micro", "--size", 64, "--batch-size", 4, "--epochs", 2)
# All that is random in training, the network's own draws, order, augmentation, what changes between epochs, and an
# average of the weights.
RANDOM = ("--optimizer", "adamw", "--flip", "--rotation", 20, "--ema-decay", 0.9)
RANDOM += ("--first-size", 32, "--first-epochs", 1, "--patient-exponent", 0, "--size-exponent", 0.5)
RANDOM += ("--hard-negative-weight", 3, "--hard-negative-epochs", 1)
MOMENTS = 12 if keras.backend.backend() == "jax" else 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    written = write_folder(tmp_path_factory.mktemp("data") / "slices", cases=5, slices=4, size=32)
    for mask in sorted((written / "masks").iterdir())[::2]:  # for hard negatives
        Image.fromarray(np.zeros((32, 32), np.uint8)).save(mask)
    return written


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """A run that was left alone, and copies of its folder at moments at which it might have been killed.

    What a killed process leaves is what was on the disk, so a copy is as good as a kill, and costs no process.
    """
    root = tmp_path_factory.mktemp("runs")
    out = root / "whole"
    copies, calls = [], 0
    # A checkpoint at each of the 6 steps with some 6 flushes, beside those of networks and cards.
    chosen = set(random.Random(0).sample(range(5, 40), MOMENTS))
    fsync = os.fsync

    def flush(handle):
        nonlocal calls
        calls += 1
        if calls in chosen:
            copies.append(root / f"copy{calls}")
            with contextlib.suppress(shutil.Error):  # the other thread may have renamed something meanwhile
                shutil.copytree(out, copies[-1])
        fsync(handle)

    with mock.patch.object(os, "fsync", flush):
        result = run("fit", "--data", folder, *RECIPE, *RANDOM, "--checkpoint-every", 1, "--out", out, "--json")
    assert result.code == 0, result
    assert len(copies) == MOMENTS
    return out, copies


def end_of(out):
    """All arrays of the last checkpoint, its weights, generators and optimiser."""
    last = max((out / "checkpoints").glob("step-*"))
    with np.load(last / "state.npz") as state:
        return {name: state[name] for name in state if not name.startswith("metrics/")}


def history_of(out):
    rows = list(csv.DictReader((out / "history.csv").open()))
    return [{name: value for name, value in row.items() if name != "data_wait"} for row in rows]


def assert_same(out, whole):
    for name, value in end_of(whole).items():
        np.testing.assert_array_equal(end_of(out)[name], value, err_msg=name)
    assert history_of(out) == history_of(whole)
    cards = [json.loads((each / "run.json").read_text()) for each in (out, whole)]
    for name in ("status", "validation", "test", "best_epoch"):
        assert cards[0][name] == cards[1][name]
    for part in ("train", "validation"):
        assert len(list((out / "events" / part).iterdir())) == 1


def copied(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.backends
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_killed_at_any_moment(whole, tmp_path, moment):
    copy = copied(whole[1][moment], tmp_path)
    result = run("fit", "--resume", "--out", copy)
    assert result.code == 0, result
    assert_same(copy, whole[0])


@pytest.mark.backends
def test_killed_after_the_last_checkpoint(whole, tmp_path):
    """Nothing is left but to score the best network."""
    copy = copied(whole[0], tmp_path)
    card = json.loads((copy / "run.json").read_text())
    for name in ("best_epoch", "validation", "test"):
        del card[name]
    (copy / "run.json").write_text(json.dumps({**card, "status": "running"}))
    result = run("fit", "--resume", "--out", copy)
    assert result.code == 0, result
    assert_same(copy, whole[0])


@pytest.mark.backends
@pytest.mark.parametrize("step", [2, 3], ids=["in mid-epoch", "before the validation"])
def test_sigterm_then_resume(whole, folder, tmp_path, step):
    out = tmp_path / "run"

    def interrupted(self, batch, logs=None):
        if batch == step - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with mock.patch.object(TrainingProgress, "on_train_batch_begin", interrupted):
        message = fails("fit", "--data", folder, *RECIPE, *RANDOM, "--out", out, code=75)
    assert f"stopped by SIGTERM after {step} steps of epoch 1 of 2" in message
    assert f"cafct-keras fit --resume --out {out}" in message
    assert json.loads((out / "run.json").read_text())["status"] == "interrupted"
    result = run("fit", "--resume", "--out", out)
    assert result.code == 0, result
    assert_same(out, whole[0])


def test_fit_again_says_what_is_there(whole, folder):
    out, _ = whole
    message = fails("fit", "--data", folder, *RECIPE, *RANDOM, "--out", out)
    assert f"--out {out}: already exists, a run of 2 epochs started 20" in message
    assert "(finished); add --resume to resume it, or choose another name" in message


def test_resume_of_a_finished_run_leaves_it_alone(whole, folder):
    out, _ = whole
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    result = run("fit", "--data", folder, *RECIPE, *RANDOM, "--out", out, "--resume", "--json")
    assert result.code == 0, result
    assert "already finished; resume it with more epochs" in result.error
    assert result.json["status"] == "finished"
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.backends
def test_resume_where_there_is_nothing_and_the_same_bits_again(whole, folder, tmp_path):
    out = tmp_path / "new"
    assert f"--out {out}: no run here to resume" in fails("fit", "--resume", "--out", out)
    assert "--resume: needs --out" in fails("fit", "--resume")
    out.mkdir()
    (out / "thesis.txt").touch()
    assert "no run.json here" in fails("fit", "--data", folder, *RECIPE, *RANDOM, "--out", out, "--resume")
    (out / "thesis.txt").unlink()
    # One command for a scheduler that may start it any number of times.
    result = run("fit", "--data", folder, *RECIPE, *RANDOM, "--out", out, "--resume")
    assert result.code == 0, result
    assert_same(out, whole[0])


def test_more_epochs_follow_the_ones_that_were(whole, tmp_path):
    """The learning rate's schedule is the run's: the first epochs are what they were, more come at its last rate."""
    grown = copied(whole[0], tmp_path)
    card = json.loads((grown / "run.json").read_text())
    (grown / "run.json").write_text(json.dumps({**card, "choice": {"threshold": 0.3}}))
    assert Run.open(grown).choice.threshold == 0.3
    result = run("fit", "--resume", "--out", grown, "--epochs", 3, "--json")
    assert result.code == 0, result
    assert Run.open(grown).choice is None  # it was of the model before
    assert history_of(grown)[:2] == history_of(whole[0])
    assert len(history_of(grown)) == 3
    assert result.json["config"]["optimizer"]["epochs"] == 3
    again = copied(whole[1][0], tmp_path / "again")
    # As a version wrote it that resized masks by another rule; the augmentation makes the targets differ.
    card = json.loads((again / "run.json").read_text())
    assert card["data"].pop("mask_rule") == "area"
    (again / "run.json").write_text(json.dumps(card))
    resumed = run("fit", "--resume", "--out", again, "--epochs", 3)
    assert resumed.code == 0, resumed
    assert "masks: the run was started on masks resized by the rule 'nearest' and continues on 'area'" in resumed.out
    assert "masks: the run was" not in result.error
    assert_same(again, grown)
    assert "--epochs 2: the run" in fails("fit", "--resume", "--out", grown, "--epochs", 2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--learning-rate", 0.5), "--learning-rate 0.5: the run in"),
        (("--seed", 1), "--seed 1: the run in"),
        (("--noise", 0.5), "augmentation noise=0.5: the run in"),
        (("--model-option", "width=4"), "--model-option width=4: the run in"),
        (("--checkpoint-every", "often"), "--checkpoint-every often: give"),
        (("--time-limit", "0h"), "--time-limit 0h: give"),
    ],
)
def test_another_recipe_is_refused(whole, options, words):
    assert words in fails("fit", "--resume", "--out", whole[1][0], *options)


def test_a_finished_run_without_checkpoints_keeps_its_network(whole, folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(whole[0], copy)
    for checkpoint in (copy / "checkpoints").glob("step-*"):
        shutil.rmtree(checkpoint)
    network = (copy / "model.keras").read_bytes()
    message = fails("fit", "--resume", "--out", copy, "--epochs", 3)
    assert f"its checkpoints are gone; start another run with --init {copy}" in message
    assert (copy / "model.keras").read_bytes() == network


def test_other_data_are_refused(whole, folder, tmp_path):
    copy = copied(whole[1][-1], tmp_path)
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    # Elsewhere, but the same.
    first = sorted((other / "images").iterdir())[0]
    content = first.read_bytes()
    first.write_bytes(sorted((other / "images").iterdir())[1].read_bytes())
    assert "other: not the data that the run was started with" in fails(
        "fit", "--resume", "--out", copy, "--data", other
    )
    first.write_bytes(content)
    assert run("fit", "--resume", "--out", copy, "--data", other).code == 0
    assert_same(copy, whole[0])


@pytest.mark.parametrize("known", [True, False], ids=["by its configuration", "by its variables"])
def test_another_network_is_refused(whole, tmp_path, known):
    copy = copied(whole[1][-1], tmp_path)
    if not known:
        card = json.loads((copy / "run.json").read_text())
        card["versions"]["keras"] = "2.0"
        (copy / "run.json").write_text(json.dumps(card))
    with mock.patch.dict(registry._NETWORKS):
        registry.register("micro", presets={"only": {"width": 4}}, default="only")(micro.micro)
        message = fails("fit", "--resume", "--out", copy)
    assert ("the model is not the one" if known else "the checkpoint is of another model") in message


def test_another_backend_is_refused(whole, tmp_path):
    copy = copied(whole[1][-1], tmp_path)
    card = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**card, "backend": "theano"}))
    assert "set KERAS_BACKEND=theano" in fails("fit", "--resume", "--out", copy)


def test_damaged_checkpoint_falls_back_to_the_one_before(whole, tmp_path):
    copy = copied(whole[1][-1], tmp_path)
    last = max((copy / "checkpoints").glob("step-*"))
    (last / "state.npz").write_bytes((last / "state.npz").read_bytes()[:-1])
    result = run("fit", "--resume", "--out", copy)
    assert result.code == 0, result
    assert f"{last.name}: damaged" in result.out
    assert_same(copy, whole[0])


def test_two_processes_on_one_run(whole, tmp_path):
    copy = copied(whole[1][-1], tmp_path)
    with lock(copy):
        assert "another process is training in this run folder" in fails("fit", "--resume", "--out", copy)


def levels(*, width=8, levels, rates, **options):
    """The network of `micro.py`, with arguments that JSON changes."""
    assert isinstance(levels, list)
    assert list(rates) == [4]
    return micro.micro(width=width, **options)


@mock.patch.dict(registry._NETWORKS)
def test_resuming_from_python_with_the_object_that_began_it(folder, tmp_path):
    registry.register("levels", presets={"only": {}}, default="only")(levels)
    config = FitConfig(
        data=DataConfig(path=str(folder), target="liver", size=32),
        model=ModelConfig(name="levels", options={"levels": (3, 4), "rates": {4: (6, 12)}}),
        optimizer=OptimizerConfig(name="adamw", batch_size=4, epochs=1),
        out=str(tmp_path / "run"),
    )
    card = fit(config, quiet=True)
    assert card["command"] is None  # not that of a notebook's kernel
    assert fit(config, resume=True) == card
    more = fit(config.replace(epochs=2), resume=True, quiet=True)
    assert more["config"]["optimizer"]["epochs"] == 2
    assert more["resumed"][0]["command"] is None
    with pytest.raises(UserError, match=r"`model_options` .* was started with"):
        fit(config.replace(model_options={"levels": (3, 5), "rates": {4: (6, 12)}}), resume=True)


def test_all_validation_losses_are_not_finite(folder, tmp_path):
    """The last model is kept, a line says so, and the run can be trained longer."""
    evaluate = TrainingLoop.evaluate

    def diverged(self, part, callbacks=()):
        scores = evaluate(self, part, callbacks)
        if part != "validation":
            return scores
        for variable in self.trained.metrics_variables:
            if variable.dtype == "float32":
                variable.assign(keras.ops.full(variable.shape, float("nan")))
        return {name: float("nan") for name in scores}

    with mock.patch.object(TrainingLoop, "evaluate", diverged):
        result = run("fit", "--data", folder, *RECIPE, "--out", tmp_path / "run", "--json")
    assert result.code == 0, result
    assert "no epoch had a finite validation loss: the last one is kept" in result.error
    assert "last epoch 2" in result.error
    assert result.json["validation"]["loss"] is None
    assert cafct_keras.load_model(tmp_path / "run").name == "micro"
    assert run("fit", "--resume", "--out", tmp_path / "run", "--epochs", 3).code == 0


def test_a_copy_of_a_checkpoint_is_no_checkpoint(whole, tmp_path):
    copy = copied(whole[1][-1], tmp_path)
    last = max((copy / "checkpoints").glob("step-*"))
    backup = shutil.copytree(last, last.with_name("step-00000010.bak"))
    assert run("fit", "--resume", "--out", copy).code == 0
    shutil.rmtree(backup)
    assert_same(copy, whole[0])


def test_time_limit(whole, folder, tmp_path):
    out = tmp_path / "run"
    message = fails("fit", "--data", folder, *RECIPE, *RANDOM, "--out", out, "--time-limit", "0.001s", code=75)
    assert "stopped by its time limit after 0 steps of epoch 1" in message
    assert run("fit", "--resume", "--out", out, "--time-limit", "9h").code == 0
    assert_same(out, whole[0])
