import numpy as np
import pytest

from pipelines.scans import find_scans
from tests.pipelines.layouts.dicom.folders import slice_paths
from tests.pipelines.scans.volumes import AFFINE, SHAPE, dicom, hu, metaimage, nifti, nrrd_file


def read(path):
    (scan,) = find_scans([path]).scans
    return scan, scan.read()


WRITTEN = {
    "nifti": lambda folder, values: nifti(folder / "ct.nii.gz", values),
    "nifti of floats": lambda folder, values: nifti(folder / "ct.nii", values.astype(np.float64) + 0.25),
    "nifti of four axes": lambda folder, values: nifti(folder / "ct.nii", values[..., None]),
    "nrrd": lambda folder, values: nrrd_file(folder / "ct.nrrd", values),
    "nrrd with a file of voxels": lambda folder, values: nrrd_file(folder / "ct.nhdr", values.astype(np.int32)),
    "metaimage": lambda folder, values: metaimage(folder / "ct.mha", values),
    "metaimage with a file of voxels": lambda folder, values: metaimage(folder / "ct.mhd", values.astype(np.float32)),
    "dicom": lambda folder, values: dicom(folder / "data", values),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_volume_is_the_same_in_every_format(form, tmp_path):
    scan, case = read(WRITTEN[form](tmp_path, hu()))
    assert (scan.name, scan.format, scan.intensity, scan.orientation) == ("ct", form.split()[0], "hu", "SPL")
    assert np.array_equal(case.images, hu().transpose(2, 1, 0))
    assert (case.images.dtype, case.images.flags.c_contiguous) == (np.int16, True)
    assert np.allclose(case.spacing, (2.5, 0.7, 0.8), rtol=0, atol=1e-6)
    assert case.frame.shape == SHAPE
    np.testing.assert_allclose(case.frame.affine, AFFINE, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "write",
    [lambda path, values: nifti(path / "a.nii.gz", values), lambda path, values: metaimage(path / "a.mha", values)],
)
def test_voxels_of_8_bits_are_grey(write, tmp_path):
    grey = (hu() // 16 + 80).astype(np.uint8)
    scan, case = read(write(tmp_path, grey))
    assert scan.intensity == "grey"
    assert case.images.dtype == np.uint8
    assert np.array_equal(case.images, grey.transpose(2, 1, 0))


def test_voxels_of_8_bits_that_are_rescaled_are_hounsfield_units(tmp_path):
    import nibabel

    stored = (hu() // 16 + 80).astype(np.uint8)
    image = nibabel.Nifti1Image(stored, AFFINE)
    image.header.set_slope_inter(16, -1280)
    image.set_data_dtype(np.uint8)
    nibabel.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[112:120] = np.array([16, -1280], "<f4").tobytes()  # nibabel writes a slope of its own
    raw[352:] = stored.tobytes(order="F")
    (tmp_path / "a.nii").write_bytes(raw)
    scan, case = read(tmp_path / "a.nii")
    assert scan.intensity == "hu"
    assert np.array_equal(case.images, (stored.astype(np.int16) * 16 - 1280).transpose(2, 1, 0))


@pytest.mark.parametrize("name", ["ct.mhd", "ct.nhdr"])
def test_the_file_of_voxels_belongs_to_the_content(name, tmp_path):
    write = metaimage if name == "ct.mhd" else nrrd_file
    (scan,) = find_scans([write(tmp_path / name, hu())]).scans
    before = scan.fingerprint()
    assert len(scan.files) == 2
    data = scan.files[1].read_bytes()
    scan.files[1].write_bytes(data[:100] + b"\7" + data[101:])
    assert scan.fingerprint() != before


def test_slices_without_a_preamble_are_read(tmp_path):
    series = dicom(tmp_path / "data", hu())
    for number, path in enumerate(slice_paths(series)):
        data = path.read_bytes()
        length = int.from_bytes(data[140:144], "little")  # of the file meta information
        path.rename(series / f"IM{number}").write_bytes(data[144 + length :])
    (series / "VERSION").write_bytes(b"1")
    (series / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    _, case = read(series)
    assert np.array_equal(case.images, hu().transpose(2, 1, 0))
