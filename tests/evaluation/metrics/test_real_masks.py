"""Real masks: what is perfect scores perfectly, and nothing scores what the table says."""

import csv

import nibabel
import nrrd
import numpy as np
import pytest
from PIL import Image

from cafct_keras import evaluation
from tests.evaluation.drawn import figures, higher_is_better, summarize


@pytest.fixture(scope="module")
def slices(shared):
    """Patient to names and masks `(slices, 256, 256)` of the Decathlon's liver slices, one patient in three."""
    folder = shared / "data" / "msd_liver"
    names = {}
    with (folder / "index.csv").open() as file:
        for row in csv.DictReader(file):
            names.setdefault(row["patient"], []).append(row["id"])
    return {
        patient: (ids, np.stack([np.asarray(Image.open(folder / "masks" / f"{each}.png")) > 0 for each in ids]))
        for patient, ids in list(names.items())[::3]
    }


@pytest.fixture(scope="module", params=["nifti_ct", "dicom_ct3"])
def volume(shared, request):
    """Mask `(slices, H, W)` and spacing of a volume."""
    folder = shared / "data" / "volumes" / request.param
    if request.param == "nifti_ct":
        image = nibabel.load(folder / "liver.nii.gz")
        return np.moveaxis(np.asarray(image.dataobj) > 0, 2, 0), tuple(map(float, image.header.get_zooms()[::-1]))
    array, _ = nrrd.read(str(folder / "liver_seg.nrrd"))
    return np.moveaxis(np.squeeze(array), -1, 0) > 0, (1.0, 0.81, 0.81)


def assert_perfect(result):
    for path, figure in figures(result):
        assert figure["value"] in (None, 1.0 if higher_is_better(path) else 0.0), path


def assert_nothing(result):
    for path, figure in figures(result):
        if path[-1] != "precision" or path[0] == "overlap":
            assert figure["value"] == pytest.approx(figure["predict_nothing"]), path


def test_slices_of_many_patients(slices):
    def summary(predict):
        cases = [
            evaluation.score(predict(mask), mask, case=patient, slice_names=ids, contiguous=False)
            for patient, (ids, mask) in slices.items()
        ]
        return summarize(cases, resamples=20)

    result = summary(lambda mask: mask)
    assert result["patients"] == len(slices)
    assert_perfect(result)
    result = summary(np.zeros_like)["targets"]["lesion"]
    assert_nothing(result)
    assert result["surface"]["missed"] == result["positive_slices"] == result["slices"]
    assert result["surface"]["positive"]["hd95_px"]["value"] == pytest.approx(256 * 2**0.5)
    values = {rule: measures["dice"]["value"] for rule, measures in result["overlap"].items()}
    two_class = values.pop("two_class_mean")
    assert set(values.values()) == {0.0}  # every slice of this set shows its target
    assert 0.4 < two_class < 0.5


def test_volumes(volume):
    mask, spacing = volume
    scored = {
        name: summarize(
            [evaluation.score(prediction, mask, case="scan", spacing=spacing, target="organ")], resamples=2
        )["targets"]["organ"]
        for name, prediction in (("perfect", mask), ("nothing", np.zeros_like(mask)))
    }
    assert scored["perfect"]["lesions"]["lesions"] > 0
    assert_perfect(scored["perfect"])
    assert_nothing(scored["nothing"])
    worst = float(np.linalg.norm(np.multiply(mask.shape, spacing)))
    assert scored["nothing"]["surface"]["all"]["assd_mm"]["value"] == pytest.approx(worst)
    empty = np.count_nonzero(~mask.any(axis=(1, 2)))
    assert scored["nothing"]["overlap"]["per_slice_all_one"]["dice"]["value"] == pytest.approx(empty / len(mask))


def test_a_shifted_volume_is_off_by_its_shift(volume):
    mask, spacing = volume
    shifted = np.roll(mask, 2, axis=2)
    found = evaluation.surface_distances(shifted, mask, spacing=spacing)
    assert 0 < found["assd"] <= found["rmsd"] <= found["hd"]
    assert max(found["hd95"], found["assd"]) <= 2 * spacing[2] + 1e-6
    for kind in ("nsd", "surfel_nsd"):
        assert found[f"{kind}_1"] <= found[f"{kind}_2"] <= found[f"{kind}_3"]
