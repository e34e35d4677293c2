"""Forms of NIfTI folders other than the writers'."""

import json

import nibabel
import numpy as np
import pytest

from pipelines import DataError, detect_layout, open_source
from pipelines.layouts import verify
from pipelines.scans import find_scans
from tests.pipelines.skipped import skipped

SHAPE = (6, 5, 4)
AFFINE = np.diag([-0.8, -0.8, 5, 1.0])


def scan(path, number):
    save(path, np.random.default_rng(number).integers(-1000, 1000, SHAPE).astype(np.int16))


def labels(path, number, liver=1, lesion=2, other=0):
    """A liver of 20 voxels and a lesion of as many as the number, and one."""
    array = np.zeros(SHAPE, np.uint8)
    array[1:5, 1, :] = liver
    array[1:5, 2, 0] = liver
    array.flat[np.flatnonzero(array)[: number + 1]] = lesion
    array[0, 0, 0] = other
    save(path, array)


def binary(path, number, target):
    labels(path, number)
    array = np.asanyarray(nibabel.load(path).dataobj)
    save(path, ((array == 2) if target == "lesion" else (array > 0)).astype(np.uint8))


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, AFFINE), path)


def pairs(root, image, label, **values):
    for number in range(3):
        scan(root / image.format(number), number)
        labels(root / label.format(number), number, **values)


def described(**content):
    return lambda root: (root / "dataset.json").write_text(json.dumps(content))


def lesions(folder, **options):
    """Name of each case to its numbers of liver and lesion voxels, after a comparison with `verify` and `predict`."""
    assert detect_layout(folder) == "nifti"
    assert [one for one in verify(folder, **options) if one.severity == "error"] == []
    source = open_source(folder, **options)
    found = {case.name: tuple(int(case.masks[target].sum()) for target in source.targets) for case in source.cases()}
    assert len(find_scans([folder]).scans) == len(found)
    return found


NNUNET = ("imagesTr/liver_{:03d}_0000.nii.gz", "labelsTr/liver_{:03d}.nii.gz")
EXPECTED = [(20, 1), (20, 2), (20, 3)]


@pytest.mark.parametrize(
    ("image", "label", "values", "describe", "names"),
    [
        (*NNUNET, {}, None, ["liver_0", "liver_1", "liver_2"]),
        (*NNUNET, {}, described(labels={"background": 0, "liver": 1, "tumor": 2}), ["liver_0", "liver_1", "liver_2"]),
        (
            "imagesTr/FLARE_{}_0000.nii.gz",
            "labelsTr/FLARE_{}.nii.gz",
            {"liver": 6, "lesion": 9, "other": 3},
            described(labels={"background": 0, "spleen": 3, "liver": [6, 9], "cancer": 9}),
            ["FLARE_0", "FLARE_1", "FLARE_2"],
        ),
        (
            "imagesTr/a_{}.nii",
            "labelsTr/a_{}.nii",
            {"liver": 2, "lesion": 1},
            described(labels={"0": "background", "1": "Tumour", "2": "Liver"}),
            ["a_0", "a_1", "a_2"],
        ),
        ("Task03/ImagesTr/Liver_{}.NII.GZ", "Task03/labelstr/liver_{}.nii.gz", {}, None, [f"liver_{n}" for n in "012"]),
        ("images/p{}.nii.gz", "masks/p{}.nii.gz", {}, None, ["p0", "p1", "p2"]),
        ("img/p{}.nii.gz", "label/p{}.nii.gz", {}, None, ["p0", "p1", "p2"]),
        ("image/img{:04d}.nii", "label/label{:04d}.nii", {}, None, ["0000", "0001", "0002"]),
        ("a/b/Volume-{}.nii.gz", "c/SEGMENTATION-{}.nii", {}, None, ["volume-0", "volume-1", "volume-2"]),
        ("c{}/CT.nii.gz", "c{}/Liver_Tumor.nii", {}, None, ["c0", "c1", "c2"]),
        ("c{}/image.nii.gz", "c{}/seg.nii.gz", {}, None, ["c0", "c1", "c2"]),
        ("g{}/c/imaging.nii.gz", "g{}/c/segmentation.nii.gz", {}, None, ["g0_c", "g1_c", "g2_c"]),
    ],
)
def test_scans_and_label_maps(image, label, values, describe, names, tmp_path):
    pairs(tmp_path, image, label, **values)
    if describe:
        describe(tmp_path)
    found = lesions(tmp_path)
    assert list(found) == names
    assert list(found.values()) == EXPECTED


def test_labels_named_by_the_user_win(tmp_path):
    pairs(tmp_path, *NNUNET, liver=6, lesion=9, other=3)
    with pytest.raises(DataError, match="labels 0, 3, 6, 9 instead of 0, 1, 2"):
        list(open_source(tmp_path).cases())
    assert list(lesions(tmp_path, labels=("liver=6,9", "lesion=9", "spleen=3")).values()) == EXPECTED
    assert open_source(tmp_path, labels=("liver=6", "lesion=9", "x=3")).reading == {
        "labels": ["liver=6", "lesion=9", "x=3"]
    }


def test_labels_without_a_lesion_are_livers(tmp_path):
    pairs(tmp_path, *NNUNET, liver=6, lesion=6)
    described(labels={"background": 0, "liver": 6})(tmp_path)
    assert list(lesions(tmp_path).values()) == [(20,)] * 3


def test_labels_of_other_organs_are_an_error(tmp_path):
    pairs(tmp_path, *NNUNET)
    described(labels={"background": 0, "spleen": 1, "kidney": 2})(tmp_path)
    assert ("error", "dataset.json") in {(one.severity, one.file) for one in verify(tmp_path)}


def test_masks_in_a_folder_of_their_own(tmp_path):
    """As TotalSegmentator has them, of which only some are of the liver."""
    for number in range(3):
        case = tmp_path / f"s{number:04d}"
        scan(case / "ct.nii.gz", number)
        for name in ("liver_vessels", "liver_segment_1", "lung_nodules", "kidney_left", "gallbladder"):
            binary(case / "segmentations" / f"{name}.nii.gz", number, "lesion")
        binary(case / "segmentations" / "liver.nii.gz", number, "liver")
        binary(case / "segmentations" / "liver_lesions.nii.gz", number, "lesion")
    assert lesions(tmp_path) == {f"s{number:04d}": (20, number + 1) for number in range(3)}
    assert skipped(open_source(tmp_path).notes) == {"masks of other structures": 15}


def test_names_of_other_languages(tmp_path):
    for number in range(3):
        case = tmp_path / f"c{number}"
        scan(case / "ct.nii.gz", number)
        binary(case / "Leber.nii.gz", number, "liver")
        binary(case / "Metastase.nii.gz", number, "lesion")
    assert list(lesions(tmp_path, labels=("liver=leber", "lesion=Metastase")).values()) == EXPECTED


def test_the_plain_name_counts_where_there_are_others(tmp_path):
    for number in range(3):
        case = tmp_path / f"c{number}"
        scan(case / "ct.nii.gz", number)
        binary(case / "liver.nii.gz", number, "liver")
        binary(case / "liver_old.nii.gz", number, "lesion")
        labels(case / "labels.nii.gz", number)
    assert list(lesions(tmp_path).values()) == [(20,)] * 3
    assert {one.file for one in verify(tmp_path) if one.code == "skipped"} == {
        f"c{number}/{name}.nii.gz" for number in range(3) for name in ("liver_old", "labels")
    }


def test_folders_of_the_same_name_are_cases_of_their_own(tmp_path):
    for number, group in enumerate("abc"):
        scan(tmp_path / group / "case" / "ct.nii", number)
        binary(tmp_path / group / "case" / "liver.nii", number, "liver")
    assert lesions(tmp_path) == {"a_case": (20,), "b_case": (20,), "c_case": (20,)}


def test_a_scan_in_the_folder_of_another_layout_is_not_the_layout(tmp_path, one):
    """One case of DICOM slices was converted too."""
    scan(one / "ct.nii.gz", 0)
    for name in ("x", "y"):
        (one.parent / name).mkdir()
        for path in one.glob("*.dcm"):
            (one.parent / name / path.name).write_bytes(path.read_bytes())
    assert detect_layout(one.parent) == "dicom"
