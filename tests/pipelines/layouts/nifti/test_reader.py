import csv
import gzip
import json
import struct

import nibabel
import numpy as np
import pytest
from nibabel.quaternions import quat2mat

from pipelines.errors import DataError
from pipelines.files.nifti import open_volume
from pipelines.findings import Report
from pipelines.frame import frame_of_stack
from pipelines.layouts.nifti import detect
from pipelines.layouts.nifti.reader import Nifti, read_labels, read_volume
from pipelines.layouts.nifti.writer import write_nifti
from pipelines.layouts.phantom import Phantom
from pipelines.placement import apart
from tests.pipelines.skipped import skipped

PHANTOM = Phantom(cases=4, slices=5, size=32)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folders = {form: tmp_path_factory.mktemp("nifti") / form for form in ("nifti", "msd")}
    for form, folder in folders.items():
        write_nifti(PHANTOM, folder, form=form)
    return folders


def put(path, array, affine=None, dtype=np.int16):
    affine = np.diag([-0.8, -0.8, 5, 1]) if affine is None else affine
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.asarray(array, dtype), affine), path)


@pytest.mark.parametrize(("length", "read"), [(1 + 3e-7, True), (1 + 3e-4, True), (1.01, False)])
def test_quaternions_that_are_slightly_too_long(length, read, tmp_path):
    """As NIfTI's own library reads them, and ITK with it: normalized."""
    image = nibabel.Nifti1Image(np.zeros((4, 5, 3), np.int16), np.diag([-0.8, -0.8, 5, 1]))
    image.set_qform(image.affine, code=1)
    image.set_sform(None, code=0)
    content = bytearray(image.to_bytes())
    struct.pack_into("<fff", content, 256, 0, 0.6 * length, 0.8 * length)
    (tmp_path / "scan.nii").write_bytes(content)
    expected = quat2mat([0, 0, 0.6, 0.8]) @ np.diag([0.8, 0.8, 5])
    volume = open_volume(tmp_path / "scan.nii", Report(tmp_path))
    assert (volume is not None) == read
    if volume is not None:
        np.testing.assert_allclose(volume.frame.affine[:3, :3], expected, atol=1e-6)


@pytest.mark.parametrize("name", ["ct.nii.gz", "ct.NII.GZ", "ct.nii"])
def test_voxels_are_those_that_nibabel_reads(name, tmp_path):
    """Also of several gzip members, as pigz and bgzip write them, and scaled ones."""
    rng = np.random.default_rng(0)
    image = nibabel.Nifti1Image(rng.integers(-1000, 1000, (20, 30, 7)).astype(np.int16), np.diag([-0.8, -0.8, 5, 1]))
    image.header.set_slope_inter(2, -24)
    data = image.to_bytes()
    if name.lower().endswith(".gz"):
        data = b"".join(gzip.compress(data[start : start + 3000]) for start in range(0, len(data), 3000))
    (tmp_path / name).write_bytes(data)
    values, frame = read_volume(tmp_path / name)
    expected = nibabel.load(tmp_path / name)
    np.testing.assert_array_equal(values, expected.get_fdata())
    np.testing.assert_array_equal(frame.affine, expected.affine)


@pytest.mark.parametrize(("form", "first"), [("nifti", "volume-0"), ("msd", "liver_0")])
def test_phantom_comes_back_the_other_way_up(written, form, first):
    source = Nifti(written[form])
    assert detect(written[form])
    assert (source.layout, source.intensity, source.targets) == ("nifti", "hu", ("liver", "lesion"))
    cases, drawn = list(source.cases()), list(PHANTOM.cases())
    assert [case.patient for case in cases] == [case.patient for case in drawn]  # by index.csv
    assert cases[0].name == first
    assert cases[0].slice_names[:2] == (f"{first}_000", f"{first}_001")
    for case, made in zip(cases, drawn, strict=True):
        assert (case.images.dtype, case.masks["liver"].dtype) == (np.int16, bool)
        assert np.array_equal(case.images, made.images[::-1])  # the phantom begins at the head
        for target, mask in case.masks.items():
            assert np.array_equal(mask, made.masks[target][::-1])
        assert case.spacing == pytest.approx(made.spacing, abs=1e-4)
        canonical = frame_of_stack(made.images.shape, made.spacing, head_first=False)
        assert np.allclose(case.frame.slices_affine, canonical.affine, rtol=0, atol=1e-4)
        assert case.split == made.split
    assert source.notes == ["split: by index.csv"]


def test_masks_go_back_into_the_file(written):
    orientations = set()
    for number, case in enumerate(Nifti(written["nifti"]).cases()):
        image = nibabel.load(written["nifti"] / f"volume-{number}.nii.gz")
        labels = np.asarray(nibabel.load(written["nifti"] / f"segmentation-{number}.nii.gz").dataobj)
        assert np.array_equal(case.frame.from_slices(case.images), np.asarray(image.dataobj))
        assert np.array_equal(case.frame.from_slices(case.masks["lesion"]), labels == 2)
        assert np.allclose(case.frame.affine, image.affine)
        orientations.add(nibabel.aff2axcodes(image.affine))
    assert len(orientations) == 4


def test_what_is_written(written, tmp_path):
    image = nibabel.load(written["msd"] / "imagesTr" / "liver_2.nii.gz")
    assert image.get_data_dtype() == np.int16
    assert np.allclose(image.get_qform(), image.get_sform(), atol=1e-4)
    description = json.loads((written["msd"] / "dataset.json").read_text())
    assert description["labels"] == {"0": "background", "1": "liver", "2": "cancer"}
    assert description["numTraining"] == len(description["training"]) == 4
    assert all((written["msd"] / pair[kind]).is_file() for pair in description["training"] for kind in pair)
    with (written["nifti"] / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {"id": "volume-1", "patient": "phantom-001", "split": "test"}
    # A source with frames is written in them, so that a second generation has the files of the first.
    write_nifti(Nifti(written["nifti"]), tmp_path / "again")
    for number in range(4):
        first, again = (
            read_volume(root / f"volume-{number}.nii.gz") for root in (written["nifti"], tmp_path / "again")
        )
        assert np.array_equal(first[0], again[0])
        assert apart(first[1].shape, first[1].affine, again[1].affine) < 1e-4


def test_writer_leaves_what_is_there_and_refuses_grey(written, tmp_path):
    with pytest.raises(DataError, match="already exists"):
        write_nifti(PHANTOM, written["nifti"])
    with pytest.raises(DataError, match="`form` nrrd: unknown"):
        write_nifti(PHANTOM, tmp_path / "x", form="nrrd")
    grey = Phantom(cases=3, slices=1, size=32)
    grey.intensity = "grey"
    with pytest.raises(DataError, match="no Hounsfield units"):
        write_nifti(grey, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_cases_in_batch_folders_in_the_order_of_their_numbers(written, tmp_path):
    for number, batch in enumerate(("batch 2/x", "batch 1", "batch 1", "batch 2")):
        for kind, folder in (("volume", "volumes"), ("segmentation", "masks")):
            goal = tmp_path / batch / folder / f"{kind}-{10 - number}.nii.gz"
            goal.parent.mkdir(parents=True, exist_ok=True)
            goal.write_bytes((written["nifti"] / f"{kind}-{number}.nii.gz").read_bytes())
            goal.with_name(f"._{goal.name}").write_bytes(b"left by macOS")
    source = Nifti(tmp_path)
    cases = list(source.cases())
    assert [case.name for case in cases] == ["volume-7", "volume-8", "volume-9", "volume-10"]
    assert np.array_equal(cases[-1].images, next(PHANTOM.cases()).images[::-1])
    assert {case.split for case in cases} == {"train", "validation", "test"}
    assert "70:15:15" in source.notes[0]


def test_folders_of_binary_masks(tmp_path):
    rng = np.random.default_rng(0)
    for number, (lesion, scale) in enumerate((("lesion", 1), ("tumor", 255), ("tumour", 1))):
        folder = tmp_path / "site" / f"p{number}"
        put(folder / "ct.nii", rng.integers(-1000, 1000, (6, 5, 4)))
        liver, spot = np.zeros((6, 5, 4)), np.zeros((6, 5, 4))
        liver[1:3] = spot[2:4, 1, 1] = scale
        put(folder / "liver.nii.gz", liver, dtype=np.uint8)
        put(folder / f"{lesion}.nii.gz", spot, dtype=np.float32)
    source = Nifti(tmp_path)
    assert source.targets == ("liver", "lesion")
    for number, case in enumerate(source.cases()):
        assert (case.name, case.patient) == (f"p{number}", f"p{number}")
        assert list(case.masks) == ["liver", "lesion"]
        assert (case.masks["liver"].sum(), case.masks["lesion"].sum()) == (2 * 20 + 1, 2)
        assert case.images.flags.c_contiguous


def test_images_alone(written, tmp_path):
    (tmp_path / "imagesTr").mkdir()
    (tmp_path / "dataset.json").write_text("{}")
    (tmp_path / "imagesTr" / "liver_3.nii.gz").write_bytes((written["nifti"] / "volume-3.nii.gz").read_bytes())
    put(tmp_path / "imagesTs" / "liver_9.nii.gz", np.zeros((2, 2, 2)))
    source = Nifti(tmp_path, labelled=False)
    (case,) = source.cases()
    assert (source.targets, case.masks, case.split, case.name) == ((), {}, "test", "liver_3")
    assert source.notes[0] == "split: fewer than 3 patients, all of them in test"
    assert skipped(source.notes) == {"test scans": 1}


def test_padding_and_rescaling_are_exact(tmp_path):
    stored = np.array([[[-2048, -3024, 0, 1, 3071, 32767, -32768]]], np.int16)
    put(tmp_path / "plain.nii", stored)
    assert np.array_equal(read_volume(tmp_path / "plain.nii")[0], stored)
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint16)
    image = nibabel.Nifti1Image(np.array([[[0, 1024, 4095]]], np.uint16), np.eye(4) * 2, header)
    image.header.set_slope_inter(1, -1024)
    nibabel.save(image, tmp_path / "rescaled.nii.gz")
    hu, frame = read_volume(tmp_path / "rescaled.nii.gz")
    expected = nibabel.load(tmp_path / "rescaled.nii.gz").get_fdata()
    assert np.array_equal(hu, np.rint(expected))
    assert frame.shape == (1, 1, 3)
    put(tmp_path / "float.nii", [[[-1000.4, 12.5, 13.5, 40.6]]], dtype=np.float32)
    assert read_volume(tmp_path / "float.nii")[0].tolist() == [[[-1000, 12, 14, 41]]]
    big_endian = nibabel.Nifti1Image(stored, np.eye(4) * 2, nibabel.Nifti1Header(endianness=">"))
    nibabel.save(big_endian, tmp_path / "big.nii")
    hu, _ = read_volume(tmp_path / "big.nii")
    assert np.array_equal(hu, stored)
    assert hu.dtype.isnative


def test_header_that_nobody_filled_in_yields_to_the_other(tmp_path):
    true = np.diag([-0.8, -0.8, 5, 1.0])
    true[:3, 3] = 100, 90, -300
    labels = np.zeros((4, 4, 3))
    labels[0] = 1
    for number, (ours, theirs) in enumerate(((true, np.eye(4)), (np.eye(4), true), (np.eye(4), np.eye(4)))):
        put(tmp_path / f"volume-{number}.nii", np.arange(48).reshape(4, 4, 3), ours)
        put(tmp_path / f"segmentation-{number}.nii", labels, theirs, np.uint8)
    source = Nifti(tmp_path)
    assert len(source.notes) == 1
    for _ in range(2):
        cases = list(source.cases())
        assert {note.rpartition(" (")[2] for note in source.notes[1:]} == {
            "segmentation-0.nii, segmentation-1.nii)",
            "volume-2.nii)",
            "volume-0.nii, volume-1.nii, volume-2.nii)",  # their values are no CT's
        }
        assert source.warnings == [note.removeprefix("warning: ") for note in source.notes[1:]]
    assert np.array_equal(cases[0].images, cases[1].images)
    assert cases[1].spacing == pytest.approx((5, 0.8, 0.8))
    assert cases[2].spacing == (1, 1, 1)


def test_header_without_orientation_yields_to_the_masks(tmp_path):
    put(tmp_path / "volume-0.nii", np.zeros((4, 4, 3)))
    put(tmp_path / "segmentation-0.nii", np.zeros((4, 4, 3)))
    image = nibabel.Nifti1Image(np.zeros((4, 4, 3), np.int16), None)
    image.header.set_zooms((0.8, 0.8, 5))
    nibabel.save(image, tmp_path / "volume-0.nii")
    (case,) = Nifti(tmp_path).cases()
    assert np.allclose(case.frame.affine, np.diag([-0.8, -0.8, 5, 1]))


def test_fingerprint_follows_the_files_that_are_read(written, tmp_path):
    for path in written["nifti"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    prints = [Nifti(written["nifti"]).fingerprint(), Nifti(written["nifti"], labelled=False).fingerprint()]
    assert Nifti(tmp_path).fingerprint() == prints[0]
    (tmp_path / "notes.txt").write_text("not read")
    assert Nifti(tmp_path).fingerprint() == prints[0]
    (tmp_path / "index.csv").unlink()
    prints.append(Nifti(tmp_path).fingerprint())
    put(tmp_path / "segmentation-1.nii.gz", np.zeros((5, 32, 32)))
    prints.append(Nifti(tmp_path).fingerprint())
    assert len(set(prints)) == 4


def test_real_scan(shared):
    folder = shared / "data" / "volumes" / "nifti_ct"
    source = Nifti(folder)
    (case,) = source.cases()
    assert (case.name, case.split, source.targets) == ("nifti_ct", "test", ("liver",))
    assert (case.images.shape, case.images.min(), case.images.max()) == ((30, 101, 122), -1100, 1207)
    assert case.spacing == pytest.approx((3, 3, 3))
    liver = case.masks["liver"]
    assert liver.sum() == 38_634
    hu, mask = (nibabel.load(folder / f"{name}.nii.gz").get_fdata() for name in ("ct", "liver"))
    assert case.images[liver].mean() == pytest.approx(hu[mask > 0].mean(), abs=1e-9)
    assert np.argwhere(liver)[:, 2].mean() < 61  # on the image's left
    assert read_labels(folder / "liver.nii.gz")[0].sum() == 38_634
    assert not detect(shared / "data" / "msd_liver")
