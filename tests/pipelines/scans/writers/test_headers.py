import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK
from scipy.spatial.transform import Rotation

from pipelines.errors import DataError
from pipelines.scans.writers import check_format, write_probability
from tests.pipelines.scans.writers.conftest import labels_by_threshold, only_scan, segment
from tests.pipelines.scans.writers.geometry import largest_gap, oblique, read_by_itk, read_by_nibabel, save_nifti

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
    save_nifti(tmp_path / "little.nii", hu, AFFINE)
    header = nibabel.load(tmp_path / "little.nii").header.as_byteswapped(">")
    with (tmp_path / "ct.nii").open("wb") as file:
        header.write_to(file)
        file.seek(int(header["vox_offset"]))
        file.write(hu.astype(">i2").tobytes(order="F"))
    scan = only_scan(tmp_path / "ct.nii")
    np.testing.assert_array_equal(read_by_nibabel(scan.path)[0], hu)
    for read in (read_by_nibabel, read_by_itk):
        for values, file_format in ((labels_by_threshold(hu), "nifti"), (probability(hu), "probability")):
            path = segment(scan, tmp_path / "out") if file_format == "nifti" else save_probability(scan, tmp_path)
            written, affine = read(path)
            np.testing.assert_array_equal(written, values)
            assert largest_gap(affine, AFFINE, hu.shape) < 2e-4


def probability(hu):
    return (hu > 0).astype(np.float32) / 4


def save_probability(scan, out):
    case = scan.read()
    values = probability(case.images)
    (file,) = write_probability(values, out / "liver", scan=scan, case=case, file_format="nifti")
    return file


def test_an_nrrd_mask_has_the_space_and_the_units_of_its_scan(tmp_path, hu):
    header = {
        "space": "right-anterior-superior",
        "space directions": AFFINE[:3, :3].T,
        "space origin": AFFINE[:3, 3],
        "space units": ["mm", "mm", "mm"],
        "kinds": ["domain"] * 3,
        "encoding": "raw",
    }
    nrrd.write(str(tmp_path / "ct.nrrd"), hu, header)
    values, mask = nrrd.read(str(segment(only_scan(tmp_path / "ct.nrrd"), tmp_path / "out")))
    np.testing.assert_array_equal(values, labels_by_threshold(hu))
    for name in ("space", "space directions", "space origin", "space units", "kinds"):
        np.testing.assert_array_equal(mask[name], header[name], err_msg=name)
    assert [mask[f"Segment{number}_Name"] for number in (0, 1)] == ["liver", "lesion"]
    assert [mask[f"Segment{number}_LabelValue"] for number in (0, 1)] == ["1", "2"]


def test_a_metaimage_mask_has_the_numbers_of_its_scan(tmp_path, hu):
    image = SimpleITK.GetImageFromArray(hu.T)
    image.SetSpacing((0.7123456789, 1 / 3, 2.5000001))
    image.SetOrigin((-100 / 3, 17.1, 0.1 + 0.2))
    image.SetDirection(Rotation.from_euler("xyz", (8, -13, 21), degrees=True).as_matrix().ravel().tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "ct.mha"))
    scan, mask = (
        SimpleITK.ReadImage(str(path))
        for path in (tmp_path / "ct.mha", segment(only_scan(tmp_path / "ct.mha"), tmp_path / "out"))
    )
    for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(mask, name)() == getattr(scan, name)(), name
    assert mask.GetPixelID() == SimpleITK.sitkUInt8


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
