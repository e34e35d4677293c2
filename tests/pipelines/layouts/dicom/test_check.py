import shutil

import nibabel
import numpy as np
import pytest
from pydicom import dcmread

from pipelines.layouts import verify
from pipelines.layouts.dicom.reader import Dicom
from tests.pipelines.layouts.planting import append, notes, problems, replace

CASE = "phantom-003"
MASKS = f"{CASE}/masks.dcm"


def slices(folder, case=CASE):
    """The files of a case, the lowest slice first."""
    paths = [path for path in (folder / case).glob("*.dcm") if path.name != "masks.dcm"]
    return sorted(paths, key=lambda path: float(dcmread(path).ImagePositionPatient[2]))


@pytest.fixture
def second(clean):
    """Name of the second slice of four, counted from the feet."""
    return f"{CASE}/{slices(clean / 'dicom')[1].name}"


def edit(change):
    """Lets `change` work on the dataset of the second slice."""

    def act(folder):
        path = slices(folder)[1]
        dataset = dcmread(path)
        change(dataset)
        dataset.save_as(path)

    return act


def set_tag(**tags):
    return edit(lambda dataset: [setattr(dataset, *tag) for tag in tags.items()])


def cut_second(folder):
    path = slices(folder)[1]
    path.write_bytes(path.read_bytes()[:-500])


def cut_header(folder):
    path = slices(folder)[1]
    path.write_bytes(path.read_bytes()[:700])


def move_onto_first(folder):
    place = dcmread(slices(folder)[0]).ImagePositionPatient
    set_tag(ImagePositionPatient=place)(folder)


def copy_pixels(folder):
    pixels = dcmread(slices(folder)[2]).PixelData
    set_tag(PixelData=pixels)(folder)


def copy_case(folder):
    shutil.copytree(folder / CASE, folder / "phantom-009")
    append("index.csv", "phantom-009,phantom-009,train")(folder)


def two_series(folder):
    for path in slices(folder)[2:]:
        dataset = dcmread(path)
        dataset.SeriesInstanceUID = "1.2.3"
        dataset.save_as(path)


def unsigned(folder):
    for path in slices(folder):
        dataset = dcmread(path)
        dataset.RescaleIntercept = "0"
        pixels = dataset.pixel_array.copy()
        pixels[0, 0] = 3000
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(path)


def as_nifti(change, name="labels.nii.gz", shift=0.0):
    """Puts a label map in the place of the segmentation."""

    def act(folder):
        case = next(Dicom(folder / CASE).cases())
        (folder / MASKS).unlink()
        labels = np.where(case.masks["lesion"], 2, case.masks["liver"]).astype(np.uint8)
        affine = case.frame.affine.copy()
        affine[0, 3] += shift
        nibabel.save(nibabel.Nifti1Image(case.frame.from_slices(change(labels)), affine), folder / CASE / name)

    return act


def with_corner(label):
    def change(labels):
        labels[0, 0, 0] = label
        return labels

    return change


def empty_segment(number):
    """Leaves a segment of the segmentation without a pixel."""

    def act(folder):
        dataset = dcmread(folder / MASKS)
        size = dataset.Rows * dataset.Columns // 8
        pixels = bytearray(dataset.PixelData)
        for k, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
                pixels[k * size : (k + 1) * size] = bytes(size)
        dataset.PixelData = bytes(pixels)
        dataset.save_as(folder / MASKS)

    return act


def spoil_masks(folder):
    data = (folder / MASKS).read_bytes()
    (folder / MASKS).write_bytes(data[: len(data) // 3])


def error(code, file):
    return ("error", code, file)


def warning(code, file):
    return ("warning", code, file)


SECOND = "the second slice"
FIRST = "the first slice"
DEFECTS = {
    "no masks": (lambda folder: (folder / MASKS).unlink(), error("mask-missing", CASE)),
    "not DICOM": (lambda folder: (folder / CASE / "x.dcm").write_text("x"), error("not-dicom", f"{CASE}/x.dcm")),
    "pixels cut": (cut_second, error("truncated", SECOND)),
    "slice missing": (lambda folder: slices(folder)[1].unlink(), error("slice-gap", FIRST)),
    "place twice": (move_onto_first, None),
    "another modality": (set_tag(Modality="MR"), None),
    "no spacing": (edit(lambda dataset: delattr(dataset, "PixelSpacing")), None),
    "another patient": (set_tag(PatientID="x"), error("patient-mixed", SECOND)),
    "other spacing": (set_tag(PixelSpacing=[1, 1]), error("geometry-mismatch", SECOND)),
    "two series": (two_series, error("several-series", CASE)),
    "without intercept": (unsigned, warning("hu-unsigned", CASE)),
    "duplicate slice": (copy_pixels, None),
    "duplicate case": (copy_case, error("duplicate-volume", "phantom-009")),
    "labels": (as_nifti(with_corner(7)), error("mask-values", f"{CASE}/labels.nii.gz")),
    "another grid": (as_nifti(lambda labels: labels, shift=6.0), error("geometry-mismatch", f"{CASE}/labels.nii.gz")),
    "lesion without liver": (as_nifti(with_corner(2)), warning("lesion-outside-liver", f"{CASE}/labels.nii.gz")),
    "two livers": (
        lambda folder: shutil.copy(folder / MASKS, folder / CASE / "other.dcm"),
        error("mask-twice", f"{CASE}/other.dcm"),
    ),
    "broken masks": (spoil_masks, error("mask-unreadable", MASKS)),
    "no liver": (empty_segment(1), None),
    "row without file": (append("index.csv", "phantom-008,a,train"), error("row-without-file", "index.csv")),
    "patient on both sides": (
        replace("index.csv", "phantom-001,test", "phantom-000,test"),
        error("split-leak", "index.csv"),
    ),
}
SEVERAL = {
    "place twice": {("error", "position-twice"), ("error", "slice-gap")},
    "another modality": {("error", "not-ct"), ("error", "slice-gap")},
    "no spacing": {("error", "header"), ("error", "slice-gap")},
    "duplicate slice": {("warning", "duplicate-slice")},
    "no liver": {("warning", "mask-empty"), ("warning", "lesion-outside-liver")},
}


@pytest.mark.parametrize("name", DEFECTS)
def test_defect_is_found_and_nothing_else(copy, clean, second, name):
    spoil, expected = DEFECTS[name]
    first = f"{CASE}/{slices(clean / 'dicom')[0].name}"
    folder = copy("dicom")
    spoil(folder)
    found = problems(folder)
    if expected is None:
        assert {one[:2] for one in found} == SEVERAL[name]
        assert {one[2] for one in found} <= {first, second, f"{CASE}/{slices(clean / 'dicom')[2].name}", MASKS, CASE}
    else:
        severity, code, file = expected
        assert found == {(severity, code, {SECOND: second, FIRST: first}.get(file, file))}


def test_a_header_that_ends_early(copy, second):
    folder = copy("dicom")
    cut_header(folder)
    assert {one[1] for one in problems(folder) if one[2] == second} <= {"unreadable", "header"}
    assert {one[2] for one in problems(folder)} >= {second}


def test_an_empty_lesion_is_a_note(copy):
    folder = copy("dicom")
    empty_segment(2)(folder)
    assert problems(folder) == set()
    assert ("lesion-empty", CASE) in notes(folder)


def test_the_number_of_pixels_outside_is_reported(copy):
    folder = copy("dicom")
    empty_segment(1)(folder)
    count = int(next(Dicom(folder / CASE).cases()).masks["lesion"].sum())
    (message,) = [one.message for one in verify(folder) if one.code == "lesion-outside-liver"]
    assert message.startswith(f"{count} lesion voxels")


def test_slices_beside_folders_of_slices(copy):
    folder = copy("dicom")
    shutil.copy(slices(folder)[0], folder)
    assert error("folders-mixed", ".") in problems(folder)
