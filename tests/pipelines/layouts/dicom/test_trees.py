"""Trees of patients, studies and series, and masks that lie elsewhere or are called otherwise."""

import shutil

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pipelines import DataError, detect_layout
from pipelines.layouts import verify
from pipelines.layouts.dicom.reader import Dicom
from pipelines.scans import find_scans
from tests.pipelines.layouts.dicom.folders import (
    array_and_affine,
    edit,
    label_map,
    nifti,
    same,
    slice_paths,
    tiny,
    write,
)
from tests.pipelines.skipped import skipped


@pytest.fixture
def tree(tmp_path):
    """Three patients with a study each of a CT series and a series of the segmentation, as TCIA has them."""
    root = tmp_path / "tcia"
    for number, folder in enumerate(write(tmp_path / "flat", *map(tiny, range(3)))):
        study = root / f"P{number}" / "study"
        (study / "seg").mkdir(parents=True)
        (folder / "masks.dcm").rename(study / "seg" / "1-1.dcm")
        folder.rename(study / "ct")
    shutil.rmtree(tmp_path / "flat")
    return root


def read(folder, **options):
    assert detect_layout(folder) == "dicom"
    assert [one for one in verify(folder, **options) if one.severity == "error"] == []
    source = Dicom(folder, **options)
    return source, list(source.cases())


def phase(tree, number, name, seed=9):
    """Adds a series of a patient without masks."""
    made = tiny(seed, patient=f"P{number}")
    (folder,) = write(tree.parent / "more", made)
    (folder / "masks.dcm").unlink()
    folder.rename(tree / f"P{number}" / name)
    shutil.rmtree(tree.parent / "more")
    return tree / f"P{number}" / name


def test_segmentations_belong_to_the_series_that_they_refer_to(tree):
    source, cases = read(tree)
    assert [case.name for case in cases] == ["P0_study_ct", "P1_study_ct", "P2_study_ct"]
    assert [case.patient for case in cases] == ["P0", "P1", "P2"]
    assert all(same(case, tiny(number)) for number, case in enumerate(cases))
    assert skipped(source.notes) == {}
    assert [scan.name for scan in find_scans([tree]).scans] == [case.name for case in cases]


def test_other_phases_of_a_study_are_named(tree):
    phase(tree, 1, "study/arterial")
    source, cases = read(tree)
    assert [case.patient for case in cases] == ["P0", "P1", "P2"]
    assert sum(skipped(source.notes).values()) == 1
    assert {(one.severity, one.file) for one in verify(tree) if one.code == "skipped"} == {
        ("warning", "P1/study/arterial")
    }
    assert len(Dicom(tree, labelled=False).parts) == 4


def test_a_patient_without_any_mask_is_an_error(tree):
    shutil.rmtree(tree / "P1" / "study" / "seg")
    with pytest.raises(DataError, match=r"P1/study/ct: has no mask"):
        Dicom(tree)


def test_a_segmentation_of_slices_that_are_not_here_is_an_error(tree):
    shutil.rmtree(tree / "P1" / "study" / "ct")
    with pytest.raises(DataError, match=r"P1/study/seg/1-1.dcm: no CT series of this segmentation"):
        Dicom(tree)


def test_a_series_in_two_folders_is_an_error(tree):
    ct = tree / "P2" / "study" / "ct"
    (ct.parent / "ct2").mkdir()
    for path in slice_paths(ct)[3:]:
        path.rename(ct.parent / "ct2" / path.name)
    assert {one.code for one in verify(tree) if one.severity == "error"} >= {"series-split"}


def test_what_is_no_ct_has_no_say(tree):
    """Series of other modalities, multi-frame images and dose reports, in folders of their own and beside slices."""
    ct = tree / "P0" / "study" / "ct"
    first = slice_paths(ct)[0]
    for name, changes in {
        "mr/1": {"Modality": "MR", "SeriesInstanceUID": "1.2.3"},
        "ct/pet": {"Modality": "PT", "SeriesInstanceUID": "1.2.4"},
        "ct/enhanced": {"NumberOfFrames": 3, "SeriesInstanceUID": "1.2.5"},
        "ct/screen": {"ImagePositionPatient": None, "SeriesInstanceUID": "1.2.6"},
        "ct/raw": {"Rows": None, "PixelData": None, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66"},
        "pr/1": {"Modality": "PR", "Rows": None, "PixelData": None},
        "sr/1": {"Modality": "SR", "Rows": None, "PixelData": None},
    }.items():
        path = ct.parent / f"{name}.dcm"
        path.parent.mkdir(exist_ok=True)
        shutil.copy(first, path)
        edit(path, **changes)
    source, cases = read(tree)
    assert len(cases) == 3
    assert skipped(source.notes) == {
        "MR images": 1,
        "PT images": 1,
        "SR objects": 1,
        "PR objects": 1,
        "objects that are no images": 1,
        "images without a place in the patient": 1,
        "multi-frame images, which must be converted to one file per slice": 1,
    }


def as_files(tree, number, names, folder="study"):
    """Puts NIfTI files in the place of a segmentation."""
    study = tree / f"P{number}" / "study"
    shutil.rmtree(study / "seg")
    for name, mask in names.items():
        path = tree / f"P{number}" / folder / name
        path.parent.mkdir(exist_ok=True)
        nifti(path, *array_and_affine(mask))


@pytest.mark.parametrize("folder", ["study/masks", "study/ct", "."])
def test_files_of_masks_belong_to_the_nearest_series(tree, folder):
    masks = tiny(1).masks
    as_files(tree, 1, {"liver.nii.gz": masks["liver"], "tumor.nii.gz": masks["lesion"]}, folder)
    source, cases = read(tree)
    assert all(same(case, tiny(number)) for number, case in enumerate(cases))
    assert "masks: liver in liver.nii.gz, lesion in tumor.nii.gz" in source.notes


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("liver.nii.gz", "metastases.nii.gz"), ()),
        (("Hepar.nii", "HCC.nii"), ()),
        (("liver.nii", "hepatic_tumor.nii"), ()),
        (("LiverMask.nii", "Liver_Tumour_Mask.nii"), ()),
        (("Leber.nii", "Metastase.nii"), ("liver=Leber", "lesion=Metastase,Herd")),
        (("foie.nii.gz", "lesion hepatique.nii.gz"), ("liver=foie",)),
        (("肝臓.nii.gz", "腫瘍.nii.gz"), ("liver=肝臓", "lesion=腫瘍")),
    ],
)
def test_masks_by_their_names(tree, names, labels):
    masks = tiny(1).masks
    as_files(tree, 1, dict(zip(names, (masks["liver"], masks["lesion"]), strict=True)))
    source = Dicom(tree, labels=labels)
    assert all(same(case, tiny(number)) for number, case in enumerate(source.cases()))
    roles = {f"liver in {names[0]}", f"lesion in {names[1]}"}
    assert roles in [set(note.removeprefix("masks: ").split(", ")) for note in source.notes]


def test_masks_of_other_structures_and_scans_beside_slices_are_left_aside(tree):
    masks = tiny(1).masks
    as_files(
        tree,
        1,
        {
            "liver_tumor.nii.gz": label_map(masks),
            "liver_vessels.nii.gz": masks["lesion"],
            "ct.nii.gz": masks["liver"],
            "right_lung_tumor.nii.gz": masks["liver"],
        },
        "study/ct",
    )
    source, cases = read(tree)
    assert all(same(case, tiny(number)) for number, case in enumerate(cases))
    assert skipped(source.notes) == {"masks of other structures": 2, "volumes beside DICOM slices": 1}


def test_label_maps_with_labels_of_the_users(tree):
    masks = tiny(1).masks
    as_files(tree, 1, {"labels.nii.gz": masks["liver"] * 6 + masks["lesion"] * np.uint8(3)})
    with pytest.raises(DataError, match="P1/study/ct"):
        list(Dicom(tree).cases())
    cases = list(Dicom(tree, labels=("liver=6,9", "lesion=9")).cases())
    assert same(cases[1], tiny(1))


def test_masks_in_slices(tree):
    """3D-IRCADb: folders of DICOM slices, one for each structure."""
    for number in range(3):
        patient, made = tree / f"3Dircadb1.{number + 1}", tiny(number)
        (tree / f"P{number}").rename(patient)
        shutil.rmtree(patient / "study" / "seg")
        (patient / "study" / "ct").rename(patient / "PATIENT_DICOM")
        for name, mask in {
            "liver": made.masks["liver"],
            "livertumor01": made.masks["lesion"],
            "bone": ~made.masks["liver"],
            "livercyst": made.masks["liver"],
        }.items():
            (folder,) = write(tree / "new", tiny(number, images=(mask * 255).astype(np.int16), masks={}))
            (patient / "MASKS_DICOM").mkdir(exist_ok=True)
            folder.rename(patient / "MASKS_DICOM" / name)
            shutil.rmtree(tree / "new")
    source, cases = read(tree)
    assert all(same(case, tiny(number)) for number, case in enumerate(cases))
    assert source.targets == ("liver", "lesion")
    assert len(source.fingerprint()) == 64
    assert skipped(source.notes) == {"masks of other structures": 6}


def test_a_shorter_step_lacks_no_slice(one):
    paths = slice_paths(one)
    for path, height in zip(paths, (0.0, 2.5, 5.0, 7.5, 8.5), strict=True):
        edit(path, ImagePositionPatient=[0, 0, height])
    (message,) = [finding.message for finding in verify(one) if finding.code == "slice-gap"]
    assert "missing" not in message


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize(
    ("cut", "name"), [("preamble", "{}.1"), ("preamble and length", "{}.IMA"), ("preamble and meta", "{}")]
)
def test_slices_that_are_plainly_dicom(one, syntax, cut, name):
    for number, path in enumerate(slice_paths(one)):
        dataset = dcmread(path)
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=True)
        content = path.read_bytes()
        meta = 144 + int.from_bytes(content[140:144], "little")
        path.unlink()
        start = {"preamble": 132, "preamble and length": 144, "preamble and meta": meta}[cut]
        (one / name.format(number)).write_bytes(content[start:])
    _, (case,) = read(one)
    assert same(case, tiny())


@pytest.mark.parametrize("name", ["7.12", "image_7"])
def test_a_file_of_no_known_format_may_be_a_slice(one, name):
    (one / name).write_bytes(b"\x01\x02\x00\x03" * 300)
    assert {(one.severity, one.file) for one in verify(one) if one.code == "skipped"} == {("warning", name)}
    source, _ = read(one)
    assert skipped(source.notes) == {"files of no known format": 1}


def test_what_lies_on_the_disk_of_a_viewer_is_no_scan(one):
    for name in ("viewer.exe", "lib.dll", "autorun.inf", "VERSION"):
        (one / name).write_bytes(b"MZ" + bytes(100) if name != "VERSION" else b"1")
    source, _ = read(one)
    assert skipped(source.notes) == {"other files": 4}


@pytest.mark.parametrize("name", ["{}.nii.gz", "{}_seg.nii", "{}-label.nii.gz"])
def test_label_maps_that_are_called_after_cases(tmp_path, name):
    folders = write(tmp_path / "data" / "scans", *map(tiny, range(3)))
    (tmp_path / "data" / "masks").mkdir()
    for number, folder in enumerate(folders):
        (folder / "masks.dcm").unlink()
        path = tmp_path / "data" / "masks" / name.format(folder.name.upper())
        nifti(path, *array_and_affine(label_map(tiny(number).masks)))
    source, cases = read(tmp_path / "data")
    assert all(same(case, tiny(number)) for number, case in enumerate(cases))
    assert skipped(source.notes) == {}
