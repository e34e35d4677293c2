"""`predict` and `score` give every figure of `evaluate`, to the last bit."""

import csv
import shutil

import numpy as np
from PIL import Image

from pipelines import open_source
from tests.cli import run
from tests.evaluating import evaluated, make_run

LABELS = ("--label", "liver=1,2", "--label", "lesion=2")
SHEET = ("--sheet", "lits")  # of volumes
SCORED = ("--connectivity", 6, "--tolerance", 1, "--tolerance", 3)
STEPS = ("--largest-liver", "--lesions-inside-liver", "--smallest-lesion", 20)
ENGINE = ("--engine", "keras")  # that of `evaluate`
# What `evaluate` alone knows: names of patients, and the scans.
ONLY_NAMED = {"result", "case", "patient", "grid", "slice", "patients", "mean_intensity", "intensity"}


def succeeds(*arguments):
    result = run(*arguments)
    assert result.code == 0, result
    return result


def write_phantom(layout, folder):
    succeeds("data", "phantom", "--layout", layout, "--cases", 7, "--slices", 6, "--size", 48, "--out", folder)
    return folder


def copy_volumes(data, numbers, out):
    """Folders with the volumes of these cases, and with their labels."""
    for kind in ("volume", "segmentation"):
        (out / kind).mkdir(parents=True)
        for number in numbers:
            shutil.copy(data / f"{kind}-{number}.nii.gz", out / kind / f"volume-{number}.nii.gz")
    return out / "volume", out / "segmentation"


def copy_slices(data, numbers, out):
    """Folders with the slices of these cases, and with their labels, of which the layout has a file for each target."""
    images, reference = out / "images", out / "reference"
    images.mkdir(parents=True)
    reference.mkdir()
    for number in numbers:
        for path in data.rglob(f"volume-{number}_*.png"):
            shutil.copy(path, images)
            labels = 0
            for value, target in enumerate(("liver", "lesion"), 1):
                name = path.name.replace("volume", "segmentation").replace("_", f"_{target}mask_")
                mask = np.asarray(Image.open(path.with_name(name)).convert("L"))
                labels = np.where(mask > 0, value, labels)
            Image.fromarray(labels.astype(np.uint8)).save(reference / path.name)
    return images, reference


def tables(folder, result):
    """Rows of all tables of a report about one result, without names."""
    found = {}
    for name in ("cases", "slices", "lesions"):
        with (folder / f"{name}.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["result"] == result]
        found[name] = [{key: value for key, value in row.items() if key not in ONLY_NAMED} for row in rows]
    return found


def same_figures(evaluation, out, scored, scored_out):
    """Compares the last result of an evaluation with the masks that were written and scored."""
    result, (masks,) = evaluation["results"][-1], scored["results"]
    for summary in (result["summary"], masks["summary"]):
        del summary["options"]["grid"]
        for point in summary["burden"]["points"]:
            del point["case"]
    assert result["summary"] == masks["summary"]
    assert len(result["cases"]) == len(masks["cases"])
    mine, theirs = tables(out, result["name"]), tables(scored_out, masks["name"])
    for name, rows in theirs.items():
        assert rows, name
        assert mine[name] == rows
    for target in result["summary"]["targets"].values():  # neither trivial
        assert 0.01 < target["overlap"]["per_case_lits"]["dice"]["value"] < 0.99
    assert result["summary"]["targets"]["lesion"]["lesions"]["detection"]["iou_over_0"]["false_positives"] > 1


def test_nifti_with_what_was_chosen_for_the_run(tmp_path):
    data = write_phantom("nifti", tmp_path / "data")
    network = make_run(tmp_path / "run", data, cuts=(0.5, -0.6), size=32, context=1, batch_size=3)
    chosen = ("--threshold", "auto", *STEPS, "--keep")
    evaluation = evaluated(network, *chosen, *SCORED, *SHEET, "--split", "train", "--out", tmp_path / "evaluated").json
    numbers = [name.split("-")[1] for name, part in open_source(data).parts.items() if part == "train"]
    scans, reference = copy_volumes(data, numbers, tmp_path / "copy")
    succeeds("predict", network, *ENGINE, "--input", scans, "--out", tmp_path / "predicted")
    folders = ("--prediction", tmp_path / "predicted", "--reference", reference)
    out = tmp_path / "scored"
    scored = succeeds("score", *folders, *LABELS, *SCORED, *SHEET, "--out", out, "--json").json
    same_figures(evaluation, tmp_path / "evaluated", scored, out)


def test_slices_in_png_files_with_what_is_asked_for(tmp_path):
    data = write_phantom("lits_png", tmp_path / "data")
    network = make_run(tmp_path / "run", data, cuts=(0.74, -0.78), size=32)
    asked = ("--threshold", 0.4, *STEPS)
    evaluation = evaluated(network, *asked, *SCORED, "--split", "train", "--out", tmp_path / "evaluated").json
    numbers = [name.split("-")[1] for name, part in open_source(data).parts.items() if part == "train"]
    slices, reference = copy_slices(data, numbers, tmp_path / "copy")
    succeeds("predict", network, *asked, *ENGINE, "--input", slices, "--out", tmp_path / "predicted")
    folders = ("--prediction", tmp_path / "predicted", "--reference", reference)
    out = tmp_path / "scored"
    scored = succeeds("score", *folders, *LABELS, *SCORED, "--out", out, "--json").json
    same_figures(evaluation, tmp_path / "evaluated", scored, out)
