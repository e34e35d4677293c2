"""Runs trained on grey slices of a known window, and grey data of another window than the training's."""

import json

import nibabel
import numpy as np
import pytest
from PIL import Image

from pipelines import open_source
from pipelines.layouts.paired_folder.writer import write_paired_folder
from pipelines.loading.slices import load_slices
from tests.cli import fails, run
from tests.evaluating import SIZE, evaluated, labels_of, make_run

WIDE = (-200.0, 250.0)


def pooled_dice(document):
    return document["results"][0]["summary"]["targets"]["lesion"]["overlap"]["pooled"]["dice"]["value"]


@pytest.fixture(scope="module")
def grey(scans, tmp_path_factory):
    """The scans as grey slices in the window that the run of `perfect` has, in the order of their files."""
    folder = tmp_path_factory.mktemp("grey") / "data"
    write_paired_folder(open_source(scans), folder, target="both", window=WIDE)
    return folder


@pytest.fixture(scope="module")
def grey_run(grey, tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("runs") / "grey", grey)
    card = json.loads((folder / "run.json").read_text())
    seen = load_slices(open_source(grey, target="both"), target="both", size=SIZE)["train"].preprocessing
    (folder / "run.json").write_text(json.dumps({**card, "preprocessing": seen.to_dict()}))
    return folder


def test_a_run_on_grey_slices_segments_a_scan(grey_run, scans, tmp_path):
    result = run("predict", grey_run, "--input", scans / "volume-2.nii.gz", "--out", tmp_path / "out")
    assert result.code == 0, result
    assert "window" not in result.out + result.error
    (mask,) = (tmp_path / "out").rglob("*.nii.gz")
    assert np.array_equal(np.asarray(nibabel.load(mask).dataobj).transpose(2, 1, 0), labels_of(2))


def test_case_patient_and_slice_scores_of_labels(grey_run):
    (result,) = evaluated(grey_run).json["results"]
    assert {case["case"] for case in result["cases"]} == {"volume-2", "volume-3", "volume-5"}
    for target in ("liver", "lesion"):
        for rule in ("per_case_positive", "per_slice_positive", "pooled"):
            assert result["summary"]["targets"][target]["overlap"][rule]["dice"]["value"] == pytest.approx(1)


def test_grey_slices_of_another_window_are_shown_in_that_of_the_run(perfect, scans, grey_run, tmp_path):
    write_paired_folder(open_source(scans), tmp_path / "wider", target="both", window=(-1000.0, 1000.0))
    write_paired_folder(open_source(scans), tmp_path / "narrow", target="both", window=(-40.0, 160.0))
    for trained in (perfect, grey_run):
        document = evaluated(trained, "--data", tmp_path / "wider").json
        assert not any("window" in warning or "intensity" in warning for warning in document["data"]["warnings"])
        assert pooled_dice(document) == pytest.approx(1)
    (tmp_path / "wider" / "paired_folder.toml").unlink()
    unstated = evaluated(perfect, "--data", tmp_path / "wider").json
    assert any("intensity: grey" in warning for warning in unstated["data"]["warnings"])
    assert pooled_dice(unstated) < 0.5
    stated = evaluated(perfect, "--data", tmp_path / "wider", "--grey-window", -1000, 1000, "--orientation", "SPL").json
    assert pooled_dice(stated) == pytest.approx(1)
    narrow = evaluated(perfect, "--data", tmp_path / "narrow").json
    assert any("show -40 to 160 HU, the run was trained on -200" in warning for warning in narrow["data"]["warnings"])


def test_grey_slices_of_a_stated_window_are_segmented_by_networks_of_hounsfield_units(perfect, scans, tmp_path):
    write_paired_folder(open_source(scans), tmp_path / "wider", target="both", window=(-1000.0, 1000.0))
    for path in (tmp_path / "wider" / "images").iterdir():  # more grey levels than a mask has, all of them air
        image = np.array(Image.open(path))
        image[:3] = np.arange(3 * SIZE).reshape(3, SIZE)
        Image.fromarray(image).save(path)
    arguments = ("predict", perfect, "--input", tmp_path / "wider", "--out", tmp_path / "out")
    result = run(*arguments)
    assert result.code == 0, result
    masks = {path.name: np.asarray(Image.open(path)) for path in (tmp_path / "wider" / "masks").iterdir()}
    assert any(mask.any() for mask in masks.values())
    (tmp_path / "wider" / "paired_folder.toml").unlink()
    given = ("--grey-window", -1000, 1000, "--orientation", "SPL")
    assert run(*arguments[:-1], tmp_path / "given", *given).code == 0
    for name, mask in masks.items():
        for out in ("out", "given"):
            np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / out / name)), mask)
    assert "or what the slices show, --grey-window" in fails(*arguments, "--overwrite")
    volumes = ("predict", perfect, "--input", scans, "--out", tmp_path / "volumes", *given)
    assert "--grey-window: is about PNG slices, and these scans are none; leave it out" in fails(*volumes)
