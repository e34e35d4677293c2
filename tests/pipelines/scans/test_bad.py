"""Bad input: one line with the file, what is wrong and what to do, and other scans go on."""

import gzip
import struct

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  (its own convention)
from PIL import Image

from pipelines import DataError
from pipelines.scans import find_scans
from tests.pipelines.layouts.dicom.folders import edit, slice_paths
from tests.pipelines.scans.volumes import AFFINE, SHAPE, dicom, hu, metaimage, nifti, nrrd_file

CORONAL = np.array([[-0.8, 0, 0, 0], [0, 0, -5, 0], [0, 0.8, 0, 0], [0, 0, 0, 1]])  # the third axis runs to the back
ANGLE = np.radians(40)
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = [[1, 0, 0], [0, np.cos(ANGLE), -np.sin(ANGLE)], [0, np.sin(ANGLE), np.cos(ANGLE)]]


def with_nan():
    values = hu().astype(np.float32)
    values[2, 2, 2] = np.nan
    return values


def labels():
    mask = np.zeros(SHAPE, np.int16)
    mask[2:5, 2:5, 1:3], mask[3, 3, 2] = 1, 2
    return mask


def colored(path):
    values = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), path / "ct.nii")


def colored_metaimage(path):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((5, 7, 8, 3), np.uint8), isVector=True), str(path / "ct.mha"))


def huge_nifti(path):
    raw = bytearray(nifti(path / "plain.nii", hu()).read_bytes())
    struct.pack_into("<hhh", raw, 42, 30000, 30000, 1000)
    (path / "plain.nii").unlink()
    (path / "ct.nii.gz").write_bytes(gzip.compress(bytes(raw)))


def replaced(path, old, new):
    path.write_bytes(path.read_bytes().replace(old, new))


def cut(path, keep=0.5):
    path.write_bytes(path.read_bytes()[: int(len(path.read_bytes()) * keep)])


def unplaced(path):
    nifti(path / "ct.nii", hu(), code=0)


def png(path, values, name="ct.png"):
    Image.fromarray(values).save(path / name)


def series(spoil):
    def write(path):
        spoil(slice_paths(dicom(path / "data", hu())))

    return write


def each(**values):
    return lambda paths: [edit(path, **values) for path in paths]


noise = np.random.default_rng(0).integers(0, 255, (6, 8, 3)).astype(np.uint8)
# What writes a file or a series called ct, and what the line says.
BAD = {
    "not axial": (
        lambda path: nifti(path / "ct.nii", hu(), CORONAL),
        "not axial, its axial slices have pixels of 5 x 0.8",
    ),
    "oblique": (
        lambda path: nrrd_file(path / "ct.nrrd", hu(), OBLIQUE @ AFFINE),
        "not axial, its slices stand 40 degrees",
    ),
    "two series": (series(lambda paths: edit(paths[0], SeriesInstanceUID="1.2.3")), "several series, "),
    "missing slices": (series(lambda paths: paths[1].unlink()), "add the slices that are missing"),
    "slices of different size": (
        series(lambda paths: edit(paths[1], Rows=4, PixelData=bytes(64))),
        "other rows and col",
    ),
    "no slope": (series(each(RescaleSlope=None)), "has no RescaleSlope"),
    "cut slice": (series(lambda paths: cut(paths[1], 0.95)), "cannot be read"),
    "colored NIfTI": (colored, "not one number per voxel"),
    "colored MetaImage": (colored_metaimage, "not one number per voxel"),
    "colored PNG": (lambda path: png(path, noise), "colored pixels; save it as 8-bit grey PNG"),
    "16-bit PNG": (lambda path: png(path, noise[..., 0].astype(np.uint16) * 200), "more than 8 bits; window it"),
    "4-D NIfTI": (lambda path: nifti(path / "ct.nii", np.stack([hu()] * 2, -1)), "4-D (8x7x5x2); save one 3-D volume"),
    "4-D NRRD": (
        lambda path: nrrd_file(
            path / "ct.nrrd", np.stack([hu()] * 2), **{"space directions": np.vstack([[np.nan] * 3, np.eye(3)])}
        ),
        "4-D (2 layers); save one 3-D volume",
    ),
    "NaN": (lambda path: nifti(path / "ct.nii", with_nan()), "1 voxels are NaN or infinite"),
    "NaN in NRRD": (lambda path: nrrd_file(path / "ct.nrrd", with_nan()), "1 voxels are NaN or infinite"),
    "NaN in MetaImage": (lambda path: metaimage(path / "ct.mha", with_nan()), "1 voxels are NaN or infinite"),
    "normalized": (
        lambda path: metaimage(path / "ct.mha", (hu() / 2000).astype(np.float32)),
        "normalized, not Hounsfield units; export the CT again",
    ),
    "beyond HU": (lambda path: nrrd_file(path / "ct.nrrd", hu() * np.int32(100)), "not Hounsfield units"),
    "a mask": (lambda path: nifti(path / "ct.nii", labels()), "a mask, with labels 0, 1, 2; give the image"),
    "a mask as PNG": (lambda path: png(path, np.uint8(labels()[:, :, 2] * 127)), "a mask, with labels 0, 127, 254"),
    "blank": (lambda path: nrrd_file(path / "ct.nrrd", np.full(SHAPE, -1000, np.int16)), "every voxel is -1000"),
    "no place": (unplaced, "sides are unknown; export it again"),
    "no place in NRRD": (lambda path: nrrd_file(path / "ct.nrrd", hu(), space=None), "does not say where it lies"),
    "cut NIfTI": (lambda path: cut(nifti(path / "ct.nii", hu()), 0.8), "ends early or is damaged"),
    "cut NRRD": (lambda path: cut(nrrd_file(path / "ct.nrrd", hu()), 0.8), "cannot be read"),
    "cut MetaImage": (
        lambda path: cut(metaimage(path / "ct.mha", hu()), 0.8),
        "not a MetaImage file, or a damaged one",
    ),
    "cut PNG": (
        lambda path: (png(path, noise[..., 0]), cut(path / "ct.png")),
        "truncated or damaged PNG; copy it again",
    ),
    "a header of terabytes": (huge_nifti, "ends early or is damaged; copy it again"),
    "NRRD of terabytes": (
        lambda path: replaced(nrrd_file(path / "ct.nrrd", hu()), b"sizes: 8 7 5", b"sizes: 30000 30000 1000"),
        "ends early",
    ),
    "MetaImage of terabytes": (
        lambda path: replaced(metaimage(path / "ct.mha", hu()), b"DimSize = 8 7 5", b"DimSize = 30000 30000 1000"),
        "ends early or is damaged; copy it again",
    ),
    "nothing": (lambda path: (path / "ct.nii.gz").write_bytes(b""), "not a NIfTI file, or a damaged one"),
    "no MetaImage": (lambda path: (path / "ct.mha").write_bytes(b"abc"), "not a MetaImage file"),
    "JPEG called PNG": (lambda path: (path / "ct.png").write_bytes(b"\xff\xd8\xff"), "not a PNG but JPEG data"),
}


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize("defect", BAD)
def test_one_line_names_the_file_and_the_fix(defect, tmp_path):
    write, message = BAD[defect]
    (tmp_path / "in").mkdir()
    write(tmp_path / "in")
    nifti(tmp_path / "in" / "good.nii", hu())
    found = find_scans([tmp_path / "in"], keep_going=True)
    lines = [failure["message"] for failure in found.failures]
    good = 0
    for scan in found.scans:
        try:
            good += scan.read().images.shape == SHAPE[::-1]
        except DataError as error:
            lines.append(str(error))
    assert good == 1
    (line,) = lines
    assert line.startswith(str(tmp_path / "in"))
    assert message in line
    assert "\n" not in line
    assert len(line.removeprefix(str(tmp_path))) < 400


def test_a_mask_that_was_given_by_name_is_an_error(tmp_path):
    path = nrrd_file(tmp_path / "a.seg.nrrd", labels(), Segment0_Name="liver", Segment0_LabelValue="1")
    with pytest.raises(
        DataError, match=r"a.seg.nrrd: a segmentation of 3D Slicer; give the image that it was drawn on"
    ):
        find_scans([path])
    (scan,) = find_scans([metaimage(tmp_path / "b_Rad01.mha", labels().astype(np.uint8))]).scans
    with pytest.raises(DataError, match=r"b_Rad01.mha: a mask, with labels 0, 1, 2; give the image"):
        scan.read()
