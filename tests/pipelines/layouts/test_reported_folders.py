"""Folders as users have them on their disks: no case goes without a word."""

import pytest

from pipelines import detect_layout, open_source
from pipelines.layouts import verify
from tests.reported import reported

CASES = [f"case{number}" for number in range(7)]
LIVER, BOTH = ("liver",), ("liver", "lesion")
# Generator and its folder: layout, names of the cases, targets.
FOLDERS = {
    ("09", "09-totalseg-layout"): ("nifti", [f"s000{n}" for n in range(4)], LIVER),
    ("10", "10-nnunet-names"): ("nifti", [f"liver_{n}" for n in range(4)], BOTH),
    ("11", "11-symlinks"): ("nifti", CASES[:4], LIVER),
    ("11", "11-symlinks-lits"): ("nifti", [f"volume-{n}" for n in range(4)], BOTH),
    ("26", "26-extras"): (
        "dicom",
        [
            *("case0-sc", "case1-localizer", "case2-sr", "case3-rtstruct", "case4-dicomdir"),
            *("case5-localizer-same-series", "case6-sc-ot"),
        ],
        BOTH,
    ),
    ("28", "28-no-preamble"): ("dicom", CASES[:3], BOTH),
    ("30", "30-tcia-tree"): ("dicom", [f"HCC_00{n}_1-study_2-series" for n in range(3)], BOTH),
    ("30", "30-ircad"): ("dicom", [f"3Dircadb1.{n}_PATIENT_DICOM" for n in (1, 2, 3)], LIVER),
    ("31", "31-mixed-depth"): ("dicom", [*CASES[:4], "series1"], BOTH),
    ("31", "31-capitals"): ("nifti", [f"volume-{n}" for n in range(5)], BOTH),
    ("31", "31-nii-upper"): ("nifti", [f"volume-{n}" for n in range(4)], BOTH),
    ("35", "35-liver-tumor-name"): ("dicom", CASES[:4], BOTH),
    ("36", "36-dicom-liver-nii"): ("dicom", CASES[:3], BOTH),
    ("36", "36-dicom-one-nii"): ("dicom", CASES[:3], BOTH),
}
# Voxels of the liver of all made patients, and of the lesions of each.
LIVER_VOXELS, LESION_VOXELS = 2051, (187, 185, 185, 189, 182, 188, 185)
HEALTHY = {("35-liver-tumor-name", 2), ("36-dicom-one-nii", 0)}


@pytest.mark.parametrize(("number", "name"), FOLDERS)
def test_every_case_is_read_with_its_masks(number, name):
    folder = reported(number) / name
    layout, names, targets = FOLDERS[number, name]
    assert detect_layout(folder) == layout
    source = open_source(folder)
    cases = list(source.cases())
    assert [case.name for case in cases] == names
    assert source.targets == targets
    for index, case in enumerate(cases):
        assert case.images.shape == (8, 64, 64)
        assert case.masks["liver"].sum() == LIVER_VOXELS
        if "lesion" in targets:
            assert case.masks["lesion"].sum() == (0 if (name, index) in HEALTHY else LESION_VOXELS[index])
    findings = verify(folder)
    assert [one for one in findings if one.severity != "note"] == []


def test_a_multi_frame_scan_is_named():
    findings = verify(reported("26") / "26-multiframe")
    assert ("error", "case0/enh.dcm") in {(one.severity, one.file) for one in findings}
