"""`cafct-keras score` of files of every kind, under every name."""

import pathlib
import subprocess
import sys

import nibabel
import nrrd
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from pipelines.layouts.dicom.reader import Dicom
from pipelines.targets import target_of
from tests.cli import fails, run
from tests.evaluating import hounsfield, labels_of, save_nifti
from tests.pipelines.layouts.dicom.folders import array_and_affine, label_map, nifti, tiny, turned, write, write_nrrd

SHARED = pathlib.Path(__file__).parents[3] / "shared"
LABELS = ("--label", "liver=1,2", "--label", "lesion=2")


def scored(root, *options, code=0):
    arguments = ("--prediction", root / "prediction", "--reference", root / "reference", *options)
    result = run("score", *arguments, "--json")
    assert result.code == code, result
    return result


def dice(result):
    """Pooled Dice of each target."""
    summary = result.json["results"][0]["summary"]
    return {name: target["overlap"]["pooled"]["dice"]["value"] for name, target in summary["targets"].items()}


def line_of(result, start):
    """The only warning that starts so."""
    (line,) = (line for line in result.json["data"]["warnings"] if line.startswith(start))
    assert f"warning: {line}" in result.error
    return line


@pytest.fixture
def root(tmp_path):
    for side in ("prediction", "reference"):
        (tmp_path / side).mkdir()
    return tmp_path


def as_nrrd(path, array, affine):
    write_nrrd(path.with_suffix(".nrrd"), *turned(array, affine, (2, 0, 1), (-1, 1, -1)))


def as_ras_nrrd(path, array, affine):
    write_nrrd(path.with_suffix(".nrrd"), array, affine, "right-anterior-superior")


def as_segments(path, array, affine):
    """3D Slicer's: named, other numbers, cropped to their extent."""
    box = tuple(
        slice(low, high) for low, high in zip(np.argwhere(array).min(0), np.argwhere(array).max(0) + 1, strict=True)
    )
    moved = affine.copy()
    moved[:3, 3] = (affine @ [*(side.start for side in box), 1])[:3]
    names = {"Segment0_Name": "Tumor", "Segment0_LabelValue": "7", "Segment1_Name": "Liver"}
    write_nrrd(
        path.with_suffix(".seg.nrrd"),
        np.array([0, 3, 7], np.uint8)[array[box]],
        moved,
        **names,
        Segment1_LabelValue="3",
    )


def as_mha(path, array, affine):
    sitk = pytest.importorskip("SimpleITK", reason="the extra mha is not installed")
    array, affine = turned(array, affine, (1, 0, 2), (1, -1, 1))
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(path.with_suffix(".mha")), useCompression=True)


def as_seg(path, array, affine):
    """A folder of a scan with its segmentation, whose liver includes the lesion."""
    (folder,) = write(path.parent / "made", tiny())
    folder.rename(path.parent / "case")
    (path.parent / "made" / "index.csv").unlink()
    (path.parent / "made").rmdir()


@pytest.mark.parametrize("form", [as_nrrd, as_ras_nrrd, as_segments, as_mha, as_seg])
def test_a_prediction_of_any_kind_fits_a_reference_in_nifti(form, root):
    array, affine = array_and_affine(label_map(tiny().masks))
    nifti(root / "reference" / "case.nii.gz", array, affine)
    form(root / "prediction" / "case", array, affine)
    labels = LABELS if form is not as_seg else ("--label", "liver=1", "--label", "lesion=2")
    if form is as_seg:
        nifti(root / "reference" / "case.nii.gz", (array == 2).astype(np.uint8) * 2, affine)
        labels = ("--label", "lesion=2")
    result = scored(root, *labels)
    assert set(dice(result).values()) == {1.0}
    assert result.json["results"][0]["summary"]["slices"] == 5
    # The other way round, and against the lesion in another place.
    (root / "prediction").rename(root / "other")
    (root / "reference").rename(root / "prediction")
    (root / "other").rename(root / "reference")
    assert set(dice(scored(root, *labels)).values()) == {1.0}
    moved = affine.copy()
    moved[0, 3] += 40
    nifti(root / "prediction" / "case.nii.gz", array, moved)
    assert "lies elsewhere in the patient" in fails(
        "score", "--prediction", root / "prediction", "--reference", root / "reference", *labels
    )


def test_two_segmentations_need_no_scan(root):
    for side in ("prediction", "reference"):
        as_seg(root / side / "case", None, None)
    result = scored(root, "--label", "liver=1", "--label", "tumour=2")
    assert dice(result) == {"liver": 1.0, "lesion": 1.0}
    assert "5 passed over, not masks" not in result.error
    assert line_of(result, "files: ").startswith("files: 10 passed over, not masks")  # the slices of the scans
    seg = dcmread(root / "prediction" / "case" / "masks.dcm")
    seg.save_as(root / "prediction" / "case.dcm")
    assert "has the same name; keep one" in fails(
        "score", "--prediction", root / "prediction", "--reference", root / "reference", "--label", "liver=1"
    )


def test_grids_that_differ_by_rounding_fit(root):
    array, affine = array_and_affine(label_map(tiny().masks))
    nifti(root / "reference" / "case.nii.gz", array, affine)
    for beside, warned in ((0.05, False), (0.3, True), (0.7, None)):
        moved = affine.copy()
        moved[0, 3] += beside * 0.8  # the step along the patient's left
        nifti(root / "prediction" / "case.nii.gz", array, moved)
        if warned is None:
            scored(root, *LABELS, code=1)
            continue
        result = scored(root, *LABELS)
        assert dice(result)["lesion"] == 1.0
        assert ("geometry: predictions lie up to 0.30 of a voxel" in result.error) == warned


def test_labels_that_nobody_named_are_background(root):
    for side in ("prediction", "reference"):
        many = np.arange(25, dtype=np.uint8).repeat(40).reshape(1, 25, 40)
        save_nifti(root / side / "case.nii.gz", many)
    result = scored(root, "--label", "liver=5")
    assert dice(result) == {"liver": 1.0}
    assert line_of(result, "labels ") == (
        "labels that belong to no target count as background: 1, 2, 3, 4, 6, 7, ... (in 1 case)"
    )
    result = scored(root, "--label", "lesion=30")
    assert "warning: targets: no reference shows lesion, so that its scores tell of false positives" in result.error
    message = fails("score", "--prediction", root / "prediction", "--reference", root / "reference")
    assert "25 levels" in message
    assert "need --label, such as liver=5" in message


def test_labels_that_went_through_a_scale_factor(root):
    save_nifti(root / "reference" / "case.nii.gz", labels_of(0))
    save_nifti(root / "prediction" / "case.nii.gz", labels_of(0).astype(np.float32) * 1.00002)
    assert set(dice(scored(root, *LABELS)).values()) == {1.0}


def save_slices(root, make):
    for number in (1, 2, 3):
        labels = labels_of(0)[number]
        Image.fromarray(labels).save(root / "reference" / f"a_{number}.png")
        make(labels).save(root / "prediction" / f"a_{number}.png")


def palette(labels):
    image = Image.fromarray(labels, mode="P")
    image.putpalette([10, 10, 10, 200, 30, 30, 30, 200, 30])
    return image


@pytest.mark.parametrize("make", [palette, lambda labels: Image.fromarray(labels.astype(np.uint16))])
def test_palette_and_16_bits(make, root):
    save_slices(root, make)
    assert set(dice(scored(root, *LABELS)).values()) == {1.0}


def test_names_by_pattern_or_table(root):
    for number in (1, 2):
        save_nifti(root / "reference" / f"gt_{number}.nii.gz", labels_of(number))
        save_nifti(root / "prediction" / f"scan-{number}_pred.nii.gz", labels_of(number))
    save_nifti(root / "prediction" / "readme.nii.gz", labels_of(0))
    result = scored(root, *LABELS, "--match", r"(?:gt_|scan-)(\d)")
    assert [row["case"] for row in result.json["results"][0]["cases"]][::2] == ["1", "2"]
    assert line_of(result, "files: ") == "files: 1 passed over, not masks (readme.nii.gz)"
    table = root / "pairs.csv"
    table.write_text("prediction,reference\nscan-2_pred.nii.gz, gt_2.nii.gz\nscan-1_pred, gt_1\n")
    result = scored(root, *LABELS, "--pairs", table)
    assert [row["case"] for row in result.json["results"][0]["cases"]][::2] == ["gt_1", "gt_2"]
    table.write_text("scan-2_pred,gt_2\nscan-3_pred,gt_3\n")
    arguments = ("--prediction", root / "prediction", "--reference", root / "reference")
    assert "scan-3_pred is not in" in fails("score", *arguments, "--pairs", table)
    table.write_text("scan-2_pred gt_2\n")
    assert "row 1 is not two names" in fails("score", *arguments, "--pairs", table)
    assert "--match: does not go with --pairs" in fails("score", *arguments, "--pairs", table, "--match", "(.)")
    assert "no group; put the name in brackets" in fails("score", *arguments, "--match", ".")
    assert "--match (x): finds nothing" in fails("score", *arguments, "--match", "(x)")


def test_a_missing_prediction_may_count_as_empty(root):
    for number in (1, 2):
        save_nifti(root / "reference" / f"case_{number}.nii.gz", labels_of(number))
    save_nifti(root / "prediction" / "case_1.nii.gz", labels_of(1))
    arguments = ("--prediction", root / "prediction", "--reference", root / "reference", *LABELS)
    assert "reference/case_2.nii.gz: no prediction of this name" in fails("score", *arguments)
    result = scored(root, *LABELS, "--missing", "miss")
    overlap = result.json["results"][0]["summary"]["targets"]["lesion"]["overlap"]
    assert (overlap["per_case_lits"]["dice"]["value"], overlap["per_case_lits"]["dice"]["units"]) == (0.5, 2)
    assert line_of(result, "missing ") == "missing predictions that count as empty: 1 (case_2)"


def test_a_missing_slice_may_count_as_empty(root):
    save_slices(root, Image.fromarray)
    (root / "prediction" / "a_2.png").unlink()
    result = scored(root, *LABELS, "--missing", "miss")
    (liver, _) = result.json["results"][0]["cases"]
    assert (liver["slices"], liver["fn"]) == (3, int((labels_of(0)[2] > 0).sum()))


def test_scans_beside_masks_are_passed_over(root):
    for side in ("prediction", "reference"):
        save_nifti(root / side / "segmentation-0.nii.gz", labels_of(0))
    save_nifti(root / "reference" / "volume-0.nii.gz", hounsfield(labels_of(0)))
    result = scored(root, *LABELS)
    assert line_of(result, "files: ") == "files: 1 passed over, not masks (volume-0.nii.gz)"
    assert result.json["results"][0]["summary"]["cases"] == 1


def test_names_of_targets(root):
    for side in ("prediction", "reference"):
        save_nifti(root / side / "case.nii.gz", labels_of(0))
    result = scored(root, "--label", "Liver=1,2", "--label", "hepatic tumor=2")
    assert set(result.json["data"]["labels"]) == {"liver", "lesion"}
    assert result.json["results"][0]["summary"]["burden"] is not None
    result = scored(root, "--label", "liver=1", "--label", "cyst=2")
    assert "cyst: neither liver nor lesion by name; no tumour burden" in line_of(result, "targets: ")
    arguments = ("--prediction", root / "prediction", "--reference", root / "reference")
    assert "lesion is named twice" in fails("score", *arguments, "--label", "tumour=1", "--label", "lesions=2")


@pytest.mark.parametrize(
    ("name", "target"),
    [("tumour", "lesion"), ("Tumors", "lesion"), ("lesions", "lesion"), ("hepatic tumor", "lesion"), ("LIVER", "liver"),
     ("liver_mask", "liver"), ("liver vessels", None), ("spleen", None), ("", None)],
)  # fmt: skip
def test_vocabulary(name, target):
    assert target_of(name) == target


def test_real_masks_in_other_formats(root):
    folder = SHARED / "data" / "volumes" / "mha_ct"
    if not folder.is_dir():
        pytest.skip("../shared/data/volumes/mha_ct is not here")
    pytest.importorskip("SimpleITK", reason="the extra mha is not installed")
    first, second = sorted(folder.glob("Patient01*Rad*.mha"))[:2]
    for side, path in (("reference", first), ("prediction", second)):
        (root / side / "Patient01.mha").symlink_to(path)
    (root / "reference" / "Patient01Homo.mha").symlink_to(folder / "Patient01Homo.mha")
    result = scored(root)
    (row,) = result.json["results"][0]["cases"]
    assert (row["tp"] + row["fn"], row["tp"] + row["fp"]) == (1286, 1373)
    assert line_of(result, "files: ").endswith("(Patient01Homo.mha)")


@pytest.fixture(scope="module")
def slicer(tmp_path_factory):
    """Scans with 3D Slicer's segmentations beside them."""
    made = SHARED / "cases" / "make_37.py"
    if not made.is_file():
        pytest.skip("../shared/cases is not here")
    folder = tmp_path_factory.mktemp("cases")
    environment = {"CASES": str(folder), "PATH": "/usr/bin"}
    subprocess.run([sys.executable, made], env=environment, cwd=made.parent, check=True, capture_output=True)
    return folder / "37-nrrd"


@pytest.mark.parametrize("case", ["case1", "case3"])
def test_masks_beside_public_scans(case, slicer, root):
    """In two layers, and cropped to their extent; against the reader of data folders."""
    folder = slicer / case
    masks = next(Dicom(folder).cases())
    labels = masks.masks["liver"].astype(np.uint8) + masks.masks["lesion"]
    image = nibabel.Nifti1Image(masks.frame.from_slices(labels), masks.frame.affine)
    nibabel.save(image, root / "reference" / "case.nii")
    (root / "prediction" / "case.seg.nrrd").symlink_to(folder / "s.seg.nrrd")
    result = scored(root, "--label", "liver=1,2", "--label", "lesion=2")
    assert dice(result) == {"liver": 1.0, "lesion": 1.0}


def test_a_damaged_file_of_each_kind_is_named(root):
    array, affine = array_and_affine(label_map(tiny().masks))
    nifti(root / "reference" / "case.nii.gz", array, affine)
    arguments = ("--prediction", root / "prediction", "--reference", root / "reference", *LABELS)
    for name in ("case.nrrd", "case.mha"):
        if name.endswith("mha"):
            pytest.importorskip("SimpleITK", reason="the extra mha is not installed")
        (root / "prediction" / name).write_bytes(b"NRRD0004\n\0\0")
        assert f"prediction/{name}: " in fails("score", *arguments)
        (root / "prediction" / name).unlink()
    nrrd.write(str(root / "prediction" / "case.nrrd"), array)
    assert "does not say where it lies" in fails("score", *arguments)
