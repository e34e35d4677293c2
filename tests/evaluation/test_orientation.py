"""Evaluation of a network on slices that lie another way than those it was trained on."""

import json

import keras
import numpy as np
import pytest

from pipelines.layouts.lits_png.writer import write_lits_png
from pipelines.layouts.phantom import Phantom
from tests.evaluating import SIZE, evaluated, make_run, write_scans


def oriented_run(folder, data, *, card=None, **options):
    """A run whose network predicts a bright pixel in the upper half of a slice only."""
    run = make_run(folder, data, target="liver", cuts=(0.45,), **options)
    model = keras.saving.load_model(run / "model.keras")
    upper = keras.layers.Cropping2D(((0, SIZE // 2), (0, 0)))(model.outputs[0])
    keras.Model(model.inputs, keras.layers.ZeroPadding2D(((0, SIZE // 2), (0, 0)))(upper)).save(run / "model.keras")
    if card is not None:
        content = json.loads((run / "run.json").read_text())
        content["data"] |= card
        (run / "run.json").write_text(json.dumps(content))
    return run


@pytest.fixture(scope="module")
def lits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lits") / "lits"
    write_lits_png(Phantom(cases=3, slices=2, size=SIZE), folder)
    return folder


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """Scans whose liver lies in the lower half, which is the upper half of slices that lie spine up."""

    def keep_lower_half(number, hu):
        hu[:, : SIZE // 2] = -100

    return write_scans(tmp_path_factory.mktemp("half") / "scans", spoil=keep_lower_half)


def true_positives(result):
    (found,) = result.json["results"]
    return [row["tp"] > 0 for row in found["cases"]], [row["fp"] for row in found["cases"]]


def test_slices_are_flipped_to_the_orientation_of_training(lits, half, tmp_path):
    """The card of an older run has the layout only: lits_png lies spine up, NIfTI spine down."""
    run = oriented_run(tmp_path / "run", lits, card={"intensity": "hu", "orientation": None})
    result = evaluated(run, "--data", half, "--split", "all")
    found, false_positives = true_positives(result)
    assert all(found)
    assert not any(false_positives)
    assert "orientation" not in result.error
    # Evaluated on what it was trained on, nothing is flipped, and nothing is warned of.
    assert "orientation" not in evaluated(run, "--split", "all").error


def test_context_follows_the_orientation(lits, tmp_path):
    """A network that predicts from the slice below: bright there, whichever end the scan is read from."""
    scans = write_scans(tmp_path / "scans")
    runs = []
    for name, orientation in (("feet", "SPL"), ("head", "IPL")):
        run = make_run(tmp_path / name, scans, target="liver", cuts=(0.45,), context=1)
        model = keras.saving.load_model(run / "model.keras")
        kernel, bias = model.layers[-1].get_weights()
        model.layers[-1].set_weights([np.roll(kernel, -1, axis=2), bias])  # from the middle channel to the first
        model.save(run / "model.keras")
        content = json.loads((run / "run.json").read_text())
        content["data"]["orientation"] = orientation
        (run / "run.json").write_text(json.dumps(content))
        runs.append(run)
    tables = []
    for run in runs:
        evaluated(run, "--out", tmp_path / f"{run.name}-out")
        tables.append((tmp_path / f"{run.name}-out" / "slices.csv").read_text().splitlines()[1:7])
    first, second = ([[int(value) for value in line.split(",")[6:9]] for line in table] for table in tables)
    # Livers fill slices 1 to 4: seen from one end slices 1 to 5 are predicted, from the other 0 to 4.
    assert [tp + fp > 0 for tp, fp, _ in first] == [False, False, True, True, True, True]
    assert [tp + fp > 0 for tp, fp, _ in second] == [True, True, True, True, False, False]


def test_unknown_orientations_and_rescaled_slices_are_reported(lits, scans, tmp_path):
    network = make_run(tmp_path / "run", lits)
    warnings = evaluated(network, "--data", scans).json["data"]["warnings"]
    assert any("rescaled slice by slice" in line for line in warnings)
    assert not any("orientation" in line for line in warnings)
    other = oriented_run(tmp_path / "other", scans, card={"layout": "paired_folder", "fingerprint": "other"})
    result = evaluated(other)
    assert "orientation: unknown for the training slices" in result.error
    assert result.json["data"]["orientation"] == "SPL"
