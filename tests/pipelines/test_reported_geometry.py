"""Masks that lie nearly, partly or not at all on the grids of their images, in folders as users have them."""

import importlib.util

import numpy as np
import pytest

from pipelines import open_source
from pipelines.errors import DataError
from pipelines.layouts import verify
from pipelines.layouts.dicom.reader import Dicom
from tests.reported import CASES, reported


def anatomy(seed):
    """What the generators draw: HU and labels, `(slices, H, W)` from the feet up."""
    spec = importlib.util.spec_from_file_location("shared_cases_common", CASES / "common.py")
    common = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(common)
    return common.anatomy(seed)


def shows(case, seed):
    """Whether a case is what the generators drew, slice by slice."""
    hu, labels = anatomy(seed)
    return (
        np.array_equal(case.images, hu)
        and np.array_equal(case.masks["liver"], labels > 0)
        and np.array_equal(case.masks["lesion"], labels == 2)
    )


def found(folder, *severities):
    return {(one.code, one.file) for one in verify(folder) if one.severity in (severities or ("error", "warning"))}


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("01", "sform-qform"),
        ("02", "quaternion"),
        ("03", "label-scaled"),
        ("04", "4d-single"),
        ("08", "affine-rounding"),
    ],
)
def test_nifti_as_tools_round_it_is_read_exactly(number, name):
    folder = reported(number) / f"{number}-{name}"
    source = open_source(folder)
    assert [shows(source.case(f"volume-{seed}"), seed) for seed in range(4)] == [True] * 4
    assert not found(folder, "error")
    assert {code for code, _ in found(folder)} == ({"forms-differ"} if number == "01" else set())


def dicom_case(folder, name):
    return Dicom(folder / name).case(name)


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 9, 10])
def test_segmentations_of_the_series_itself_are_exact(seed):
    """In any order, of fractions of 0 and 1, as a LABELMAP, and with the names that other tools give segments."""
    assert shows(dicom_case(reported(29) / "29-seg", f"case{seed:02d}"), seed)


def test_lesions_of_two_segmentations_are_put_together():
    case, (_, labels) = dicom_case(reported(29) / "29-seg", "case11"), anatomy(11)
    lesion = labels == 2
    lesion[5, 20:23, 20:23] = True
    assert np.array_equal(case.masks["lesion"], lesion)


def test_segmentations_that_do_not_fit_are_named():
    findings = found(reported(29) / "29-seg")
    assert ("mask-values", "case03/s.dcm") in findings  # fractions
    assert ("series-differs", "case05/s.dcm") in findings  # another phase
    assert ("patient-mixed", "case07/s.dcm") in findings
    with pytest.raises(DataError, match="somebody else"):
        Dicom(reported(29) / "29-seg" / "case07")
    named = {file.partition("/")[0] for _, file in findings}
    assert named == {"case03", "case05", "case06", "case07", "case08", "case10"}  # 06 and 08 have no mask


@pytest.mark.parametrize("seed", range(4))
def test_rounded_positions_and_names_of_public_sets(seed):
    folder = reported(32) / "32-seg-more"
    assert shows(dicom_case(folder, f"case{seed}"), seed)
    assert not found(folder)


@pytest.mark.parametrize("seed", range(4))
def test_nrrd_of_slicer(seed):
    """In layers, in another space, and cropped to the extent of the segments."""
    assert shows(dicom_case(reported(37) / "37-nrrd", f"case{seed}"), seed)


def test_segments_without_a_name_that_is_known():
    folder = reported(37) / "37-nrrd"
    findings = found(folder)
    assert {file.partition("/")[0] for _, file in findings} == {"case4", "case5"}
    source = Dicom(folder / "case4", labels=["liver=Segment_1,Segment_2", "lesion=Segment_2"])
    assert source.case("case4").masks["lesion"].sum() == (anatomy(4)[1] == 2).sum()
    assert shows(Dicom(folder / "case5", labels=["liver=Leber"]).case("case5"), 5)


def test_headers_that_claim_terabytes():
    folder = reported(74) / "74-huge-dim"
    assert found(folder) == {("truncated", "volume-0.nii"), ("truncated", "volume-1.nii.gz")}
    source = open_source(folder)
    assert shows(source.case("volume-2"), 2)
    for seed in range(2):
        with pytest.raises(DataError, match="damaged"):
            source.case(f"volume-{seed}")
