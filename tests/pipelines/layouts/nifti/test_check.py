import shutil

import numpy as np
import pytest

from pipelines.layouts import verify
from pipelines.layouts.nifti.reader import read_labels
from tests.pipelines.layouts.planting import (
    both,
    copy_to,
    crop,
    cut,
    notes,
    problems,
    replace,
    resave,
    unlink,
    with_sform,
    with_value,
)

IMAGE, MASK = "volume-1.nii.gz", "segmentation-1.nii.gz"
SINGULAR = np.diag([1.0, 1.0, 0.0, 1.0])


def error(code, *files):
    return {("error", code, file) for file in files}


def warning(code, *files):
    return {("warning", code, file) for file in files}


def shift(affine):
    affine[0, 3] += 5
    return affine


def unsigned(array):
    return np.clip(array.astype(np.int32) + 1024, 0, None).astype(np.int16)


def padded(value):
    def change(array):
        array = array.copy()
        array[:3] = value
        return array

    return change


def lone_lesion(array):
    """A lesion of eight voxels in a corner without liver."""
    array = np.where(array == 2, 1, array).astype(np.uint8)
    assert not array[:3, :3, :3].any()
    array[:2, :2, :2] = 2
    return array


def broken_end(folder):
    data = bytearray((folder / IMAGE).read_bytes())
    data[-6] ^= 0xFF
    (folder / IMAGE).write_bytes(bytes(data))


def batch(folder):
    (folder / "batch2").mkdir()
    for name in (IMAGE, MASK):
        shutil.copy(folder / name, folder / "batch2" / name)


def ircad(folder):
    for kind in ("volume", "segmentation"):
        (folder / f"{kind}-4.nii.gz").rename(folder / f"{kind}-30.nii.gz")
    replace("index.csv", "volume-4,", "volume-30,")(folder)
    (folder / "3Dircadb1.7.zip").touch()


DEFECTS = {
    "mask missing": (unlink(MASK), error("mask-missing", IMAGE)),
    "image missing": (
        both(unlink(IMAGE), replace("index.csv", "volume-1,phantom-001,test\n", "")),
        error("mask-orphan", MASK),
    ),
    "another size": (resave(MASK, crop), error("size-mismatch", MASK)),
    "another place": (resave(MASK, affine=shift), error("geometry-mismatch", MASK)),
    "header of the mask never filled in": (
        resave(MASK, affine=lambda affine: np.eye(4)),
        warning("geometry-mismatch", MASK),
    ),
    "header of both never filled in": (
        both(*(resave(name, affine=lambda affine: np.eye(4)) for name in (IMAGE, MASK))),
        warning("header-unfilled", IMAGE),
    ),
    "singular affine": (with_sform(IMAGE, SINGULAR), error("affine-singular", IMAGE)),
    "zero affine": (with_sform(MASK, np.zeros((4, 4))), error("affine-singular", MASK)),
    "affine unset in the image alone": (
        with_sform(IMAGE, np.eye(4), codes=(0, 0)),
        warning("geometry-mismatch", MASK),
    ),
    "affine unset": (
        both(*(with_sform(name, np.eye(4), codes=(0, 0)) for name in (IMAGE, MASK))),
        error("affine-unset", IMAGE),
    ),
    "metres": (
        both(
            *(resave(name, affine=lambda affine: np.diag([0.001, 0.001, 0.001, 1]) @ affine) for name in (IMAGE, MASK))
        ),
        warning("spacing-implausible", IMAGE),
    ),
    "labels": (resave(MASK, with_value(5)), error("mask-values", MASK)),
    "labels that are no whole numbers": (
        resave(MASK, with_value(0.5), dtype=np.float32),
        error("mask-values", MASK),
    ),
    "NaN in a mask": (resave(MASK, with_value(np.nan), dtype=np.float32), error("nan", MASK)),
    "NaN in an image": (resave(IMAGE, with_value(np.nan), dtype=np.float32), error("nan", IMAGE)),
    "beyond 16 bits": (resave(IMAGE, with_value(70000), dtype=np.float32), error("hu-range", IMAGE)),
    "no liver": (
        resave(MASK, np.zeros_like),
        warning("mask-empty", MASK) | warning("target-missing", "."),  # of the one test patient
    ),
    "no lesion in any case": (
        both(*(resave(f"segmentation-{n}.nii.gz", lambda array: np.minimum(array, 1)) for n in range(5))),
        warning("mask-empty", "."),
    ),
    "stored without intercept": (
        resave(IMAGE, lambda array: unsigned(with_value(2000)(array))),
        warning("hu-unsigned", IMAGE),
    ),
    "grey values": (
        resave(IMAGE, lambda array: np.clip(array // 8 + 128, 0, 255).astype(np.uint8)),
        warning("hu-range", IMAGE),
    ),
    "blank image": (resave(IMAGE, np.zeros_like), warning("image-blank", IMAGE)),
    "lesion without liver": (resave(MASK, lone_lesion), warning("lesion-outside-liver", MASK)),
    "duplicate volume": (
        both(*(copy_to(f"{kind}-3.nii.gz", f"{kind}-0.nii.gz") for kind in ("volume", "segmentation"))),
        error("duplicate-volume", "volume-3.nii.gz"),
    ),
    "duplicate slice": (
        resave("volume-0.nii.gz", lambda array: array[:, :, [0, 1, 1, 3]]),  # RAS: slices along k, feet first
        warning("duplicate-slice", "volume-0_002"),
    ),
    "truncated gzip": (cut(IMAGE), error("truncated", IMAGE)),
    "gzip without its checksum": (cut(IMAGE, -5), error("truncated", IMAGE)),
    "gzip with a wrong checksum": (broken_end, error("truncated", IMAGE)),
    "no NIfTI": (
        both(unlink(MASK), lambda folder: (folder / MASK.removesuffix(".gz")).write_text("labels")),
        error("unreadable", "segmentation-1.nii"),
    ),
    "4-D": (resave(IMAGE, lambda array: np.stack([array] * 2, -1)), error("unreadable", IMAGE)),
    "nii beside nii.gz": (
        lambda folder: resave(IMAGE)(folder) or shutil.copy(folder / IMAGE, folder / "volume-01.nii.gz"),
        error("name-twice", IMAGE),
    ),
    "two batches": (batch, error("name-twice", f"batch2/{IMAGE}", f"batch2/{MASK}")),
    "row without file": (
        lambda folder: (folder / "index.csv").open("a").write("volume-9,p,train\n"),
        error("row-without-file", "index.csv"),
    ),
    "file without row": (
        replace("index.csv", "volume-1,phantom-001,test\n", ""),
        error("file-without-row", "index.csv"),
    ),
    "patient on both sides": (
        replace("index.csv", "phantom-001,test", "phantom-000,test"),
        error("split-leak", "index.csv"),
    ),
    "unknown part": (replace("index.csv", "test", "exam"), error("csv-cell", "index.csv")),
    "index without id": (replace("index.csv", "id,patient", "name,who"), error("csv-unreadable", "index.csv")),
    "3D-IRCADb beside LiTS": (ircad, warning("ircad-overlap", "3Dircadb1.7.zip")),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_defect_is_found_and_nothing_else(copy, name):
    spoil, expected = DEFECTS[name]
    folder = copy("nifti")
    spoil(folder)
    assert problems(folder) == expected


@pytest.mark.parametrize("value", [-2048, -3024])
def test_padding_is_a_note(copy, value):
    folder = copy("nifti")
    resave(IMAGE, padded(value))(folder)
    assert problems(folder) == set()
    assert ("padding", IMAGE) in notes(folder)
    assert any(str(value) in one.message for one in verify(folder) if one.code == "padding")


def test_a_healthy_patient_is_a_note_unless_it_is_all_that_a_part_has(copy):
    folder = copy("nifti")
    resave(MASK, lambda array: np.minimum(array, 1))(folder)
    assert problems(folder) == warning("target-missing", ".")
    table = folder / "index.csv"
    table.write_text(table.read_text().replace("train", "test", 1))
    assert problems(folder) == set()
    assert ("lesion-empty", MASK) in notes(folder)


def test_labels_are_named(copy):
    folder = copy("nifti")
    resave(MASK, with_value(5))(folder)
    (message,) = [one.message for one in verify(folder) if one.code == "mask-values"]
    assert message.startswith("labels 0, 1, 2, 5 instead of 0, 1, 2;")


def test_a_lesion_at_the_liver_is_inside(copy):
    """Whole lesions count, not their voxels: the labels exclude each other."""
    folder = copy("nifti")
    labels, _ = read_labels(folder / MASK)
    assert (labels == 2).any()
    assert problems(folder) == set()


def test_description_of_the_decathlon(copy):
    folder = copy("msd")
    replace("dataset.json", "imagesTr/liver_2.nii.gz", "imagesTr/liver_7.nii.gz")(folder)
    assert problems(folder) == {
        ("warning", "row-without-file", "dataset.json"),
        ("warning", "file-without-row", "dataset.json"),
    }
    (folder / "dataset.json").write_text("{")
    assert problems(folder) == {("error", "json-unreadable", "dataset.json")}


def plain(folder):
    """The form with a folder for each scan, made from the other."""
    out = folder.parent / "plain"
    for number in range(5):
        case = out / f"case{number}"
        case.mkdir(parents=True)
        shutil.copy(folder / f"volume-{number}.nii.gz", case / "ct.nii.gz")
        for kind, low in (("liver", 1), ("tumor", 2)):
            shutil.copy(folder / f"segmentation-{number}.nii.gz", case / f"{kind}.nii.gz")
            resave(f"{kind}.nii.gz", lambda array, low=low: (array >= low).astype(np.uint8))(case)
    return out


def test_folder_for_each_scan(copy):
    folder = plain(copy("nifti"))
    assert problems(folder) == set()
    lesion = "case2/tumor.nii.gz"
    resave(lesion, with_value(1))(folder)
    (one,) = [one for one in verify(folder) if one.severity != "note"]
    assert (one.code, one.file) == ("lesion-outside-liver", lesion)
    assert one.message.startswith("1 of ")
    unlink("case1/tumor.nii.gz", "case0/liver.nii.gz")(folder)
    assert problems(folder) - {("warning", "lesion-outside-liver", lesion)} == error(
        "mask-missing", "case0/ct.nii.gz", "case1/ct.nii.gz"
    )


def test_two_forms_in_one_folder(copy):
    folder = copy("nifti")
    unlink("index.csv")(folder)
    shutil.move(plain(folder) / "case0", folder / "case0")
    assert ("error", "forms-mixed", "case0/ct.nii.gz") in problems(folder)
    assert ("error", "duplicate-volume", "volume-0.nii.gz") in problems(folder)
