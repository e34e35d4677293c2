import re
import shutil

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite

from pipelines.errors import DataError
from pipelines.layouts.dicom.reader import Dicom, read_series
from tests.pipelines.layouts.agreement import agree
from tests.pipelines.layouts.dicom.folders import (
    array_and_affine,
    edit,
    label_map,
    nifti,
    slice_paths,
    tiny,
    write,
    write_nrrd,
)


def change(**values):
    """Changes the middle slice; `{file}` in the expected message is its name."""
    return lambda folder, paths: edit(paths[2], **values)


def move(mm):
    def act(folder, paths):
        x, y, z = dcmread(paths[2]).ImagePositionPatient
        edit(paths[2], ImagePositionPatient=[x, y + mm[0], z + mm[1]])

    return act


def all_slices(**values):
    return lambda folder, paths: [edit(path, **values) for path in paths]


def cut(keep):
    def act(folder, paths):
        data = paths[2].read_bytes()
        paths[2].write_bytes(data[: int(len(data) * keep) if keep <= 1 else keep])

    return act


def two_series(folder, paths):
    for path in paths[3:]:
        edit(path, SeriesInstanceUID="1.2.3")


def two_lone_slices(folder, paths):
    """Two slices, each a series of its own in the same orientation."""
    for path in paths[2:]:
        path.unlink()
    edit(paths[0], SeriesInstanceUID="1.2.3")


def copy_with(**values):
    def act(folder, paths):
        shutil.copy(paths[2], folder / "copy.dcm")
        edit(folder / "copy.dcm", **values)

    return act


def mask(spoil):
    """Puts what `spoil` writes in the place of the segmentation."""

    def act(folder, paths):
        (folder / "masks.dcm").rename(folder / "removed")
        spoil(folder, *array_and_affine(label_map(tiny().masks)))
        (folder / "removed").unlink()

    return act


def shifted(affine, mm):
    moved = affine.copy()
    moved[0, 3] += mm
    return moved


def rename_segments(folder, *_):
    segmentation = dcmread(folder / "removed")
    for item in segmentation.SegmentSequence:
        item.SegmentLabel = "kidney"
        item.SegmentedPropertyTypeCodeSequence[0].CodeMeaning = "Kidney"
    dcmwrite(folder / "seg.dcm", segmentation)


def shift_segmentation(folder, *_):
    segmentation = dcmread(folder / "removed")
    segmentation.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient[2] += 1.25
    dcmwrite(folder / "seg.dcm", segmentation)


def fractions(folder, *_):
    segmentation = dcmread(folder / "removed")
    pixels = segmentation.pixel_array.astype(np.uint8) * 100
    segmentation.SegmentationType, segmentation.MaximumFractionalValue = "FRACTIONAL", 200
    segmentation.BitsAllocated = segmentation.BitsStored = 8
    segmentation.HighBit = 7
    segmentation.PixelData = pixels.tobytes()
    dcmwrite(folder / "seg.dcm", segmentation)


def two_livers(folder, array, affine):
    nifti(folder / "a_liver.nii", array, affine)
    nifti(folder / "b_liver.nii", array, affine)


def truncated_nifti(folder, array, affine):
    nifti(folder / "liver.nii.gz", array, affine)
    (folder / "liver.nii.gz").write_bytes((folder / "liver.nii.gz").read_bytes()[:-40])


NAMES = {"Segment0_Name": "spleen", "Segment0_LabelValue": "1"}
# What spoils a case, what the message begins with below the folder, what it says.
BAD = {
    "gap": (lambda f, p: p[2].unlink(), "{below}", "lies 5 mm on, others 2.5 mm; add the slices"),
    "uneven": (move((0, 0.4)), "{below}", "lies 2.9 mm on, others 2.5 mm"),
    "aside": (move((0.3, 0)), "{file}", "mm off the line"),
    "duplicate": (copy_with(InstanceNumber=9), "", "lies in the same place as"),
    "mixed series": (two_series, "", r"several series, (.* and )?1\.2\.3 "),
    "one more series": (copy_with(SeriesInstanceUID="1.2.3"), "", r"several series, .* and 1\.2\.3 .copy\.dcm"),
    "lone slices": (two_lone_slices, "", r"several series, (.* and )?1\.2\.3 "),
    "size": (change(Rows=3, PixelData=bytes(48)), "", "other rows and columns than"),
    "orientation": (change(ImageOrientationPatient=[1, 0, 0, 0, 0.8, 0.6]), "", "another ImageOrientationPatient"),
    "spacing": (change(PixelSpacing=[0.7, 0.81]), "", "another PixelSpacing than"),
    "patient": (change(PatientID="other"), "", "another PatientID than"),
    "no plane": (all_slices(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), "", "is not that of a plane"),
    "no position": (change(ImagePositionPatient=None), "{file}", "has no ImagePositionPatient"),
    "empty orientation": (change(ImageOrientationPatient=""), "{file}", "has no ImageOrientationPatient"),
    "no spacing": (change(PixelSpacing=None), "{file}", "has no PixelSpacing"),
    "short position": (change(ImagePositionPatient=[1, 2]), "{file}", "cannot be read"),
    "no slope": (change(RescaleSlope=None), "{file}", "has no RescaleSlope"),
    "beyond HU": (change(RescaleSlope="100"), "{file}", "beyond Hounsfield units"),
    "MR": (change(Modality="MR"), "{file}", "modality MR, not CT"),
    "frames": (change(NumberOfFrames=2), "{file}", "has 2 frames"),
    "truncated pixels": (cut(0.95), "{file}", "cannot be read"),
    "truncated header": (cut(600), "{file}", "(has no|modality unknown|cannot be read)"),
    "truncated start": (cut(100), "{file}", "is not a DICOM file"),
    "empty": (cut(0), "{file}", "is not a DICOM file"),
    "text": (lambda f, p: (f / "a.dcm").write_text("hello"), "a.dcm", "is not a DICOM file"),
    "only masks": (lambda f, p: [path.unlink() for path in p], "", "has no CT slices; put them beside masks.dcm"),
    "no mask": (lambda f, p: (f / "masks.dcm").unlink(), "", "has no mask; put"),
    "lesion only": (mask(lambda f, a, m: nifti(f / "lesion.nii", a, m)), "", "has no liver mask"),
    "lesion labels": (
        mask(lambda f, a, m: [nifti(f / "lesion.nii", a, m), nifti(f / "liver.nii", a, m)]),
        "lesion.nii",
        "labels 1, 2; save it with 0 and 1 for lesion alone",
    ),
    "labels": (mask(lambda f, a, m: nifti(f / "seg.nii", a * 3, m)), "seg.nii", "labels 3, 6; save it with"),
    "shifted": (mask(lambda f, a, m: nifti(f / "a.nii", a, shifted(m, 0.4))), "a.nii", "elsewhere"),
    "short": (mask(lambda f, a, m: nifti(f / "a.nii", a[:, :, :4], m)), "a.nii", "8x6x4 against 8x6x5"),
    "scaled": (mask(lambda f, a, m: nifti(f / "a.nii", a, m @ np.diag([1, 1, 1.2, 1]))), "a.nii", "elsewhere"),
    "shifted nrrd": (mask(lambda f, a, m: write_nrrd(f / "a.nrrd", a, shifted(m, -0.8))), "a.nrrd", "elsewhere"),
    "nowhere": (mask(lambda f, a, m: write_nrrd(f / "a.nrrd", a, m, "scanner-xyz")), "a.nrrd", "where it lies"),
    "spleen": (mask(lambda f, a, m: write_nrrd(f / "a.nrrd", a, m, **NAMES)), "a.nrrd", "only spleen; rename"),
    "no nrrd": (mask(lambda f, a, m: (f / "a.nrrd").write_text("hello")), "a.nrrd", "cannot be read"),
    "no nifti": (mask(lambda f, a, m: (f / "a.nii").write_text("hello")), "a.nii", "not a NIfTI"),
    "truncated nifti": (mask(truncated_nifti), "liver.nii.gz", "damaged"),
    "two livers": (mask(two_livers), "b_liver.nii", "and so does a_liver.nii; keep one"),
    "kidneys": (mask(rename_segments), "seg.dcm", "no segment called liver or lesion"),
    "shifted seg": (mask(shift_segmentation), "seg.dcm", "elsewhere"),
    "fractions": (mask(fractions), "seg.dcm", "holds fractions"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_case_is_one_line_with_the_file(tmp_path, name):
    spoil, file, message = BAD[name]
    folder = write(tmp_path / "data", tiny())[0]
    paths = slice_paths(folder)
    list(Dicom(folder).cases())  # it was fine before
    spoil(folder, paths)
    with pytest.raises(DataError) as caught:
        list(Dicom(folder).cases())
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(folder / file.format(file=paths[2].name, below=paths[1].name)))
    assert re.search(message, text)
    assert ";" in text  # the fix stands behind it
    agree(folder, "dicom")


def test_a_file_cut_anywhere_is_noticed(tmp_path):
    folder = write(tmp_path / "data", tiny())[0]
    top = slice_paths(folder)[-1]  # whose loss leaves no gap
    data = top.read_bytes()
    for keep in range(0, len(data), 23):
        top.write_bytes(data[:keep])
        with pytest.raises(DataError, match=top.name):
            list(Dicom(folder).cases())


def test_gap_names_both_sides(tmp_path):
    paths = slice_paths(write(tmp_path / "data", tiny())[0])
    with pytest.raises(DataError, match=f"{paths[1].name}: the next slice, {paths[3].name}, lies"):
        read_series([*paths[3:], *paths[:2]])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "no such folder"),
        (lambda f: [shutil.rmtree(path) for path in f.iterdir() if path.is_dir()], "no DICOM files"),
        (lambda f: shutil.copy(next((f / "case0").glob("*.dcm")), f / "a"), "has slices of its own and in case0/"),
        (lambda f: (f / "case1" / "masks.dcm").unlink(), "case1: has no mask"),
        (lambda f: [p.write_bytes(b"") for p in (f / "case1").iterdir()], "is not a DICOM file"),
    ],
)
def test_bad_folder_of_cases(tmp_path, spoil, message):
    write(tmp_path / "data", *(tiny(k) for k in range(3)))
    spoil(tmp_path / "data")
    with pytest.raises(DataError, match=message) as caught:
        Dicom(tmp_path / "data")
    assert str(tmp_path / "data") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_case_without_the_lesion_mask_that_others_have(tmp_path):
    folder = write(tmp_path / "data", *(tiny(k) for k in range(3)))[1]
    (folder / "masks.dcm").unlink()
    nifti(folder / "liver.nii", *array_and_affine(tiny(1).masks["liver"]))
    with pytest.raises(DataError, match="case1: has no lesion mask, as others have; add one"):
        Dicom(tmp_path / "data")


def test_nothing_to_read():
    with pytest.raises(DataError, match="no DICOM files"):
        read_series([])
