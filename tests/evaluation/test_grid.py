"""Evaluation on the pixels of the data and on those of the network."""

import csv
import json

import keras
import nibabel
import numpy as np
import pytest
from PIL import Image

from pipelines.grid import SquareGrid, covered
from pipelines.orientation import reorient
from tests.cli import fails
from tests.evaluating import BACKGROUND, LESION, LIVER, evaluated, make_run, save_nifti

SHAPE = (4, 45, 38)  # slices, rows, columns: odd, not square, and the padding is not the same on both sides
SPACING = (5.0, 0.8, 0.7)
SIZE = 32


def write(folder, parts=("test", "validation", "train")):
    """Noisy scans of ellipses, so that a mask that lies a pixel beside its place scores otherwise."""
    folder.mkdir()
    rows = ["id,split"]
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    for number, part in enumerate(parts):
        rng = np.random.default_rng(number)
        labels = np.zeros(SHAPE, np.uint8)
        for index in range(1, 4):
            labels[index, ((y - 19) / 15) ** 2 + ((x - 16 - index) / 12) ** 2 < 1] = 1
            labels[index, (y - 14 - number) ** 2 + (x - 20) ** 2 < 4 + 12 * index] = 2
        hu = np.array([BACKGROUND, LIVER, LESION])[labels] + rng.normal(0, 25, SHAPE)
        save_nifti(folder / f"volume-{number}.nii.gz", hu.astype(np.int16), spacing=SPACING)
        save_nifti(folder / f"segmentation-{number}.nii.gz", labels, spacing=SPACING)
        rows.append(f"volume-{number},{part}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return write(tmp_path_factory.mktemp("odd") / "scans")


@pytest.fixture(scope="module", params=["SPL", "IAR"])
def network(odd, tmp_path_factory, request):
    """Trained on slices that lie as those of the scans, or the other way round along every axis."""
    run = make_run(tmp_path_factory.mktemp("runs") / "run", odd, size=SIZE)
    card = json.loads((run / "run.json").read_text())
    card["data"]["orientation"] = request.param
    (run / "run.json").write_text(json.dumps(card))
    return run


def read(scans):
    """Hounsfield units and labels of the test case, `(slices, H, W)`."""
    return [
        np.asarray(nibabel.load(scans / f"{kind}-0.nii.gz").dataobj).transpose(2, 1, 0)
        for kind in ("volume", "segmentation")
    ]


def expected(run, scans, grid):
    """Prediction and reference of the test case, target to bool `(slices, H, W)`, made with arrays alone."""
    hu, labels = read(scans)
    seen = json.loads((run / "run.json").read_text())["data"]["orientation"]
    square = SquareGrid(height=SHAPE[1], width=SHAPE[2], size=SIZE)
    grey = np.rint(255 * (np.clip(reorient(hu, "SPL", seen), -200, 250).astype(np.float32) + 200) / 450)
    pixels = square.images(grey.astype(np.uint8), outside=0) / np.float32(255)
    model = keras.saving.load_model(run / "model.keras")
    probability = model.predict(np.repeat(pixels[..., None], 3, axis=-1), verbose=0)
    masks = {"liver": labels > 0, "lesion": labels == 2}
    result = {}
    for channel, (target, mask) in enumerate(masks.items()):
        each = np.ascontiguousarray(probability[..., channel])
        if grid == "native":
            each = square.restore(each)
        else:
            mask = reorient(covered(square.coverage(reorient(mask, "SPL", seen))), seen, "SPL")
        result[target] = reorient(each, seen, "SPL") > 0.5, mask
    return result


@pytest.mark.parametrize("grid", ["native", "network"])
def test_every_pixel_of_the_grid_counts_where_it_lies(odd, network, grid, tmp_path):
    document = evaluated(network, "--grid", grid, "--out", tmp_path / "out").json
    (found,) = document["results"]
    assert document["data"]["grid"] == found["summary"]["options"]["grid"] == grid
    assert {row["grid"] for row in csv.DictReader((tmp_path / "out" / "cases.csv").open())} == {grid}
    lesions = [row for row in csv.DictReader((tmp_path / "out" / "lesions.csv").open()) if row["kind"] == "lesion"]
    assert {row["intensity"] for row in lesions} == {"HU" if grid == "native" else "grey"}
    if grid == "native":
        hu, labels = read(odd)
        (lesion,) = lesions
        assert float(lesion["mean_intensity"]) == pytest.approx(hu[labels == 2].mean(), abs=1e-3)
    step = 1.0 if grid == "native" else SHAPE[1] / SIZE
    for row in found["cases"]:
        prediction, reference = expected(network, odd, grid)[row["target"]]
        assert 0 < np.sum(prediction != reference) < np.sum(reference)
        assert row["pixels"] == prediction.size
        counts = [np.sum(each) for each in (prediction & reference, prediction & ~reference, ~prediction & reference)]
        assert [row[name] for name in ("tp", "fp", "fn")] == counts
        assert row["reference_ml"] == pytest.approx(reference.sum() * np.prod(SPACING) * step**2 / 1000)
    # Calibration counts the same pixels.
    lesion = document["calibration"]["lesion"]
    assert sum(lesion["reliability"]["pixels"]) == prediction.size
    (row,) = (row for row in found["cases"] if row["target"] == "lesion")
    assert lesion["sweep"]["pooled_dice"][499] == pytest.approx(row["dice"])


def test_what_is_chosen_is_chosen_on_the_grid_that_is_scored(odd, tmp_path):
    network = make_run(tmp_path / "run", odd, size=SIZE, cuts=(0.3, 0.7))
    choose = ("--threshold", "auto", "--postprocess", "auto")
    native, resized = (evaluated(network, *choose, "--grid", grid).json for grid in ("native", "network"))
    assert native["threshold"]["value"] != resized["threshold"]["value"]
    for document in (native, resized):
        assert document["threshold"]["chosen_on"] == "validation"
        sweep = evaluated(network, "--split", "validation", "--grid", document["data"]["grid"]).json["calibration"]
        dice = np.mean([sweep[target]["sweep"]["pooled_dice"] for target in ("liver", "lesion")], axis=0)
        assert dice[round(1000 * document["threshold"]["value"]) - 1] == pytest.approx(dice.max())


def test_runs_of_different_sizes_are_compared_on_the_pixels_of_the_data(odd, tmp_path):
    runs = [make_run(tmp_path / str(size), odd, size=size) for size in (32, 64)]
    _, second = evaluated(*runs).json
    dice = second["comparison"]["targets"]["lesion"]["dice_per_case_lits"]
    assert 0 < dice["a"] < dice["b"]  # the larger network blurs less
    assert "another size" in fails("evaluate", *runs, "--grid", "network")
    assert "--grid fine: unknown; give native or network" in fails("evaluate", *runs, "--grid", "fine")


def test_slices_in_files_are_scored_on_the_pixels_of_the_files(tmp_path):
    mask = np.zeros((40, 30), np.uint8)
    mask[8:21, 5:18] = 255
    rows = ["id,patient,split"]
    for part in ("train", "validation", "test"):
        for folder in ("images", "masks"):
            (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(tmp_path / "data" / folder / f"{part}_1.png")
        rows.append(f"{part}_1,{part},{part}")
    (tmp_path / "data" / "index.csv").write_text("\n".join(rows) + "\n")
    network = make_run(tmp_path / "run", tmp_path / "data", target="lesion", cuts=(0.5,), size=SIZE)
    (row,) = evaluated(network).json["results"][0]["cases"]
    assert (row["pixels"], row["tp"] + row["fn"]) == (40 * 30, 13 * 13)
    assert row["dice"] > 0.9
