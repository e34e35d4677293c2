import shutil

import nibabel
import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.layouts.nifti import detect
from pipelines.layouts.nifti.reader import Nifti, read_labels, read_volume
from tests.pipelines.layouts.agreement import agree

AFFINE = np.diag([-0.8, -0.8, 5, 1.0])
SHAPE = (6, 5, 4)
IMAGE, MASK = "volume-1.nii.gz", "segmentation-1.nii.gz"
PATIENTS = [f"volume-{number}" for number in range(3)]


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(3):
        save(tmp_path / f"volume-{number}.nii.gz", rng.integers(-1000, 1000, SHAPE).astype(np.int16))
        save(tmp_path / f"segmentation-{number}.nii.gz", rng.integers(0, 3, SHAPE).astype(np.uint8))
    return tmp_path


def save(path, array, affine=AFFINE):
    path.parent.mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)


def write(name, array, affine=AFFINE):
    return lambda folder: save(folder / name, array, affine)


def shifted(by, axis=0):
    affine = AFFINE.copy()
    affine[axis, 3] += by
    return affine


def unset(*names):
    """Leaves the headers without sform and qform."""

    def act(folder):
        for name in names:
            save(folder / name, np.zeros(SHAPE, np.int16), None)

    return act


def with_sform(affine):
    """Writes an affine that nibabel's own way of saving would refuse."""

    def act(folder):
        image = nibabel.load(folder / IMAGE)
        for row, name in enumerate(("srow_x", "srow_y", "srow_z")):
            image.header[name] = affine[row]
        nibabel.save(nibabel.Nifti1Image(image.dataobj, None, image.header), folder / IMAGE)

    return act


def cut(name, keep):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def damage(folder):
    data = bytearray((folder / IMAGE).read_bytes())
    data[-40:-20] = bytes(20)
    (folder / IMAGE).write_bytes(data)


def uncompressed_and_cut(folder):
    (folder / IMAGE).unlink()
    save(folder / "volume-1.nii", np.zeros(SHAPE, np.int16))
    cut("volume-1.nii", 400)(folder)


def plain(*names, zeros=True):
    """Folders of the third form in place of what is there."""

    def act(folder):
        for path in folder.iterdir():
            path.unlink()
        for name in names:
            save(folder / name, np.zeros(SHAPE, np.uint8) if zeros else np.full(SHAPE, 2, np.uint8))

    return act


def table(*lines):
    return lambda folder: (folder / "index.csv").write_text("\n".join(lines) + "\n")


ZEROS = np.zeros(SHAPE, np.uint8)
NAN = np.full(SHAPE, np.nan, np.float32)
LISTED = ["volume-0,train", "volume-1,test", "volume-2,validation"]
BAD = {
    "no folder": (shutil.rmtree, "", "no such folder"),
    "nothing": (plain(), "", "no scan in it"),
    "no mask": (lambda f: (f / MASK).unlink(), IMAGE, "volume-1 has no segmentation"),
    "no image": (lambda f: (f / IMAGE).unlink(), MASK, "no image for this mask"),
    "twice": (write("volume-01.nii", ZEROS), IMAGE, "volume-1 has"),
    "twice in folders": (write("batch/volume-1.nii", ZEROS), "batch/volume-1.nii", "volume-1 has"),
    "two forms": (write("x/ct.nii", ZEROS), "x/ct.nii", "another form"),
    "shape": (write(MASK, np.zeros((6, 5, 3), np.uint8)), MASK, "6x5x3 against 6x5x4"),
    "moved": (write(MASK, ZEROS, shifted(0.5)), MASK, "affines differ"),
    "turned": (write(MASK, ZEROS, np.diag([0.8, -0.8, 5, 1])), MASK, "affines differ"),
    "spacing": (write(MASK, ZEROS, np.diag([-0.8, -0.95, 5, 1])), MASK, "affines differ"),
    "4-D image": (write(IMAGE, np.zeros((*SHAPE, 2), np.int16)), IMAGE, "4-D (6x5x4x2)"),
    "4-D mask": (write(MASK, np.zeros((*SHAPE, 1, 2), np.uint8)), MASK, "5-D (6x5x4x1x2)"),
    "2-D": (write(IMAGE, np.zeros((6, 5), np.int16)), IMAGE, "2-D (6x5)"),
    "zero affine": (with_sform(np.zeros((4, 4))), IMAGE, "singular"),
    "singular affine": (with_sform(AFFINE[[0, 0, 2, 3]]), IMAGE, "singular"),
    "NaN affine": (with_sform(AFFINE * np.nan), IMAGE, "singular"),
    "no affine at all": (unset(IMAGE, MASK), IMAGE, "sform and qform are both unset"),
    "label 3": (write(MASK, ZEROS + np.uint8(3)), MASK, "labels 3 instead of 0, 1, 2"),
    "many labels": (write(MASK, np.arange(120, dtype=np.uint8).reshape(SHAPE)), MASK, "labels 0, 1, 2, 3, 4, 5, ..."),
    "half labels": (write(MASK, ZEROS.astype(np.float32) + 0.5), MASK, "labels 0.5"),
    "negative labels": (write(MASK, ZEROS.astype(np.int16) - 1), MASK, "labels -1"),
    "large labels": (write(MASK, ZEROS.astype(np.int16) + 256), MASK, "labels 256"),
    "NaN labels": (write(MASK, NAN), MASK, "labels nan"),
    "NaN": (write(IMAGE, NAN), IMAGE, "not Hounsfield units"),
    "infinite": (write(IMAGE, NAN * 0 + np.float32(np.inf)), IMAGE, "not Hounsfield units"),
    "too large": (write(IMAGE, np.full(SHAPE, 40000, np.uint16)), IMAGE, "from 40000 to 40000"),
    "too small": (write(IMAGE, np.full(SHAPE, -40000, np.int32)), IMAGE, "from -40000"),
    "complex": (write(IMAGE, np.zeros(SHAPE, np.complex64)), IMAGE, "complex64"),
    "colour": (write(IMAGE, np.zeros(SHAPE, [(c, "u1") for c in "RGB"])), IMAGE, "not one number per voxel"),
    "truncated gz": (cut(IMAGE, 200), IMAGE, "damaged"),
    "truncated mask": (cut(MASK, 100), MASK, "damaged"),
    "truncated nii": (uncompressed_and_cut, "volume-1.nii", "damaged"),
    "damaged gz": (damage, IMAGE, "damaged"),
    "ten bytes": (cut(IMAGE, 10), IMAGE, "not a NIfTI"),
    "empty file": (lambda f: (f / IMAGE).write_bytes(b""), IMAGE, "not a NIfTI"),
    "text": (lambda f: (f / IMAGE).write_text("hello" * 200), IMAGE, "not a NIfTI"),
    "a folder": (lambda f: [(f / IMAGE).unlink(), (f / IMAGE).mkdir()], MASK, "no image"),
    "liver without ct": (plain("a/liver.nii"), "a/liver.nii", "no image for this mask"),
    "ct without liver": (plain("a/ct.nii", "a/lesion.nii"), "a/ct.nii", "a has no liver mask"),
    "some lesions": (
        plain("a/ct.nii", "a/liver.nii", "a/lesion.nii", "b/ct.nii", "b/liver.nii"),
        "b/ct.nii",
        "which other cases have",
    ),
    "two lesions": (plain("a/ct.nii", "a/liver.nii", "a/lesion.nii", "a/tumor.nii"), "a/tumor.nii", "a has"),
    "label 2 in a binary mask": (
        plain("a/ct.nii", "a/liver.nii", zeros=False),
        "a/liver.nii",
        "labels 2 instead of 0, 1",
    ),
    "index of others": (table("id,split", *LISTED, "volume-9,train"), "index.csv", "volume-9 is not in the folder"),
    "not in the index": (table("id,split", *LISTED[:2]), "index.csv", "volume-2 is not listed"),
    "listed twice": (table("id,split", *LISTED, LISTED[0]), "index.csv", "volume-0 is listed twice"),
    "no column": (table("name,split", *LISTED), "index.csv", "no column called id or patient"),
    "odd split": (table("id,split", *LISTED[:2], "volume-2,dev"), "index.csv", "line 4 (volume-2) has split 'dev'"),
    "no split": (table("id,split", *LISTED[:2], "volume-2"), "index.csv", "line 4 (volume-2) has no split"),
    "two sides": (
        table("id,split,patient", *(f"{x},p" for x in LISTED)),
        "index.csv",
        "patient p is in test and train",
    ),
    "index not text": (lambda f: (f / "index.csv").write_bytes(b"id,\x81\x8d\n"), "index.csv", "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_folder_is_one_line_with_the_file(folder, name):
    spoil, file, message = BAD[name]
    spoil(folder)
    with pytest.raises(DataError) as caught:
        list(Nifti(folder).cases())
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{folder / file}: ")
    assert message in text
    assert ";" in text  # the fix stands behind it
    agree(folder, "nifti")


def test_a_good_folder_is_good(folder):
    assert len(list(Nifti(folder).cases())) == 3
    assert not detect(folder / "nowhere")


def test_without_labels_masks_are_not_looked_at(folder):
    (folder / MASK).unlink()
    cut("segmentation-0.nii.gz", 10)(folder)
    (folder / "volume-2.nii.gz").unlink()
    assert [case.masks for case in Nifti(folder, labelled=False).cases()] == [{}, {}]


@pytest.mark.parametrize("read", [read_volume, read_labels])
def test_single_files(folder, read):
    unset(IMAGE)(folder)
    for name, message in ((IMAGE, "both unset"), ("nothing.nii", "no such file")):
        with pytest.raises(DataError, match=message) as caught:
            read(folder / name)
        assert str(caught.value).startswith(f"{folder / name}: ")


def test_no_memory_is_taken_for_voxels_that_are_not_there(tmp_path):
    header = nibabel.Nifti1Image(np.zeros(SHAPE, np.int16), AFFINE).header
    header["dim"][1:4] = 32000
    (tmp_path / "scan.nii").write_bytes(header.binaryblock + bytes(300))
    with pytest.raises(DataError, match="ends early"):
        read_volume(tmp_path / "scan.nii")


def test_other_formats_are_refused(folder):
    nibabel.save(nibabel.Spm99AnalyzeImage(np.zeros(SHAPE, np.int16), AFFINE), folder / "scan.img")
    with pytest.raises(DataError, match="not a NIfTI file but Spm"):
        read_volume(folder / "scan.img")


@pytest.mark.parametrize("columns", ["id,split", "patient,split", "id,patient,split"])
def test_index_by_case_or_by_patient(folder, columns):
    rows = [("volume-0", "0", "train"), ("volume-1", "1", "val"), ("volume-2", "2", "Test")]
    wanted = columns.split(",")
    lines = [
        ",".join(cell for name, cell in zip(("id", "patient", "split"), row, strict=True) if name in wanted)
        for row in rows
    ]
    table(columns, *lines)(folder)
    assert [case.split for case in Nifti(folder).cases()] == ["train", "validation", "test"]


def test_validation_is_carved_out_and_a_patient_stays_whole(folder):
    table("id,split", "volume-0,train", "volume-1,train", "volume-2,test")(folder)
    source = Nifti(folder)
    assert sorted(case.split for case in source.cases()) == ["test", "train", "validation"]
    assert "no validation part" in source.notes[0]
    table("id,patient", "volume-0,a", "volume-1,a", "volume-2,b")(folder)
    assert {case.split for case in Nifti(folder).cases()} == {"test"}  # two patients are too few to split
