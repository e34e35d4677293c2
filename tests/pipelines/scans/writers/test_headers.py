import nibabel
import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.scans.writers import check_format
from tests.pipelines.scans.writers.conftest import labels_by_threshold, only_scan, segment
from tests.pipelines.scans.writers.geometry import oblique, save_nifti

AFFINE = oblique(8, -13, 21)
GRID = (
    "dim", "pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d",
    "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "dim_info",
)  # fmt: skip
HEADERS = {
    "both": {},
    "sform alone": {"qform": 0, "sform": 2},
    "qform alone": {"qform": 1, "sform": 0},
    "MNI and scanner": {"qform": 1, "sform": 4},
    "meters and seconds": {"xyzt_units": 1 | 8},
    "NIfTI-2": {"kind": nibabel.Nifti2Image},
    "of a CT that is scaled and described": {
        "descrip": b"kept by nobody", "aux_file": b"other", "cal_max": 300, "cal_min": -100, "intent_code": 1001,
        "slice_duration": 2, "toffset": 3, "dim_info": 57,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_a_nifti_mask_has_the_grid_of_its_scan_and_nothing_else_of_it(tmp_path, hu, name):
    save_nifti(tmp_path / "ct.nii", hu, AFFINE, **HEADERS[name])
    scan, mask = (
        nibabel.load(path) for path in (tmp_path / "ct.nii", segment(only_scan(tmp_path / "ct.nii"), tmp_path))
    )
    assert type(mask) is type(scan)
    for field in GRID:
        np.testing.assert_array_equal(mask.header[field], scan.header[field], err_msg=field)
    assert mask.get_data_dtype() == np.uint8
    assert (mask.dataobj.slope, mask.dataobj.inter) == (1, 0)
    for field in ("descrip", "aux_file", "cal_max", "cal_min", "intent_code", "slice_duration", "toffset"):
        assert not mask.header[field], field
    np.testing.assert_array_equal(mask.dataobj, labels_by_threshold(hu))


def test_sform_and_qform_that_disagree_are_both_kept(tmp_path, hu):
    image = nibabel.Nifti1Image(hu, AFFINE)
    image.set_sform(AFFINE, code=1)
    image.set_qform(AFFINE @ np.diag([-1, 1, 1, 1]), code=1)
    nibabel.save(image, tmp_path / "ct.nii")
    mask = nibabel.load(segment(only_scan(tmp_path / "ct.nii"), tmp_path))
    np.testing.assert_array_equal(mask.get_sform(), image.get_sform())
    np.testing.assert_allclose(mask.get_qform(), image.get_qform(), rtol=0, atol=1e-5)


def test_big_endian(tmp_path, hu):
    image = nibabel.Nifti1Image(hu, AFFINE)
    nibabel.save(image.__class__(hu, AFFINE, image.header.as_byteswapped(">")), tmp_path / "ct.nii")
    mask = nibabel.load(segment(only_scan(tmp_path / "ct.nii"), tmp_path))
    np.testing.assert_array_equal(mask.dataobj, labels_by_threshold(hu))
    np.testing.assert_array_equal(mask.affine, nibabel.load(tmp_path / "ct.nii").affine)


def test_the_same_scan_gives_the_same_bytes(tmp_path, hu):
    save_nifti(tmp_path / "ct.nii", hu, AFFINE)
    for file_format in ("nifti", "nrrd", "metaimage"):
        one, two = (segment(only_scan(tmp_path / "ct.nii"), tmp_path / out, file_format) for out in "ab")
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("file_format", "message"),
    [("dicom-seg", "refers to DICOM slices"), ("nii", "unknown; choose one of nifti, nrrd, metaimage, png, dicom-seg")],
)
def test_a_format_that_cannot_hold_the_mask(tmp_path, hu, file_format, message):
    save_nifti(tmp_path / "ct.nii", hu, AFFINE)
    with pytest.raises(DataError, match=message):
        check_format(only_scan(tmp_path / "ct.nii"), file_format)
    with pytest.raises(DataError, match=message):
        segment(only_scan(tmp_path / "ct.nii"), tmp_path / "out", file_format)
    assert not list((tmp_path / "out").iterdir())
