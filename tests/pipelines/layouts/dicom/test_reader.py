import io
import shutil

import nibabel
import nrrd
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.fileset import FileSet
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from pipelines.errors import DataError
from pipelines.frame import Frame, frame_of_stack
from pipelines.layouts import verify
from pipelines.layouts.dicom import detect
from pipelines.layouts.dicom.reader import Dicom, read_series
from pipelines.layouts.dicom.writer import write_dicom
from pipelines.layouts.phantom import Phantom
from tests.pipelines.layouts.dicom.folders import SHAPE, SPACING, edit, same, slice_paths, tiny, write
from tests.pipelines.skipped import skipped


def test_phantom_comes_back_as_it_was(tmp_path):
    phantom = Phantom(cases=3, slices=6, size=40)
    write_dicom(phantom, tmp_path / "ct")
    source = Dicom(tmp_path / "ct")
    assert (source.layout, source.intensity, source.targets) == ("dicom", "hu", ("liver", "lesion"))
    assert source.notes == ["patients: by PatientID", "split: by index.csv"]
    for case, made in zip(source.cases(), phantom.cases(), strict=True):
        assert same(case, made)
        assert (case.images.dtype, case.masks["liver"].dtype) == (np.int16, bool)
        assert (case.name, case.patient, case.split) == (made.name, made.patient, made.split)
        assert case.slice_names == tuple(f"{made.name}_{k:03d}" for k in range(6))
        np.testing.assert_allclose(case.spacing, made.spacing, rtol=0, atol=1e-4)
        upright = frame_of_stack(made.images.shape, made.spacing, head_first=False)
        np.testing.assert_allclose(case.frame.slices_affine, upright.affine, rtol=0, atol=1e-4)
        assert case.masks["lesion"].any()


def test_neither_names_nor_numbers_give_the_order(one):
    paths = slice_paths(one)
    numbers = [int(dcmread(path).InstanceNumber) for path in paths]
    for order in (paths, numbers):
        assert list(order) not in (sorted(order), sorted(order, reverse=True))


def test_writing_twice_gives_the_same_files_and_never_over_others(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, *(tiny(k) for k in range(3)))
    assert Dicom(tmp_path / "a").fingerprint() == Dicom(tmp_path / "b").fingerprint()
    with pytest.raises(DataError, match="already exists"):
        write(tmp_path / "a", tiny(0))
    with pytest.raises(DataError, match="spacing is not known"):
        write(tmp_path / "c", tiny(0, spacing=None))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_fingerprint_follows_slices_masks_and_index(one):
    prints = {Dicom(one.parent).fingerprint()}
    edit(slice_paths(one)[2], RescaleIntercept="-1000")
    prints.add(Dicom(one.parent).fingerprint())
    edit(one / "masks.dcm", ContentLabel="OTHER")
    prints.add(Dicom(one.parent).fingerprint())
    (one.parent / "index.csv").unlink()
    prints.add(Dicom(one.parent).fingerprint())
    assert len(prints) == 4


def test_padding_below_the_usual_and_empty_lesions(tmp_path):
    made = tiny()
    made.images[0, 0, 0], made.images[0, 0, 1] = -3024, 30000
    made.masks["lesion"][:] = False
    folder = write(tmp_path / "data", made)[0]
    source = Dicom(folder)
    assert source.targets == ("liver", "lesion")
    assert same(next(source.cases()), made)


def test_a_single_slice(tmp_path):
    made = tiny(masks={}, images=tiny().images[:1], slice_names=("only",))
    (case,) = Dicom(write(tmp_path / "data", made)[0], labelled=False).cases()
    assert same(case, made)
    np.testing.assert_allclose(case.spacing, SPACING, rtol=0, atol=1e-4)


def test_frame_of_the_source_is_kept(tmp_path):
    # Oblique, and with slices along the file's first axis from the head down.
    turn = nibabel.eulerangles.euler2mat(0.2, -0.1, 0.3)
    affine = nibabel.affines.from_matvec(turn @ np.array([[0, 0, 0.8], [0, 0.7, 0], [-2.5, 0, 0]]), [10, -20, 30])
    frame = Frame(shape=SHAPE, affine=affine)
    array = tiny().images
    made = tiny(images=frame.to_slices(array), masks={}, frame=frame)
    (case,) = Dicom(write(tmp_path / "data", made)[0], labelled=False).cases()
    assert np.array_equal(case.images, made.images)
    np.testing.assert_allclose(case.frame.slices_affine, frame.slices_affine, rtol=0, atol=1e-4)


ORIENTATIONS = {
    "prone": [-1, 0, 0, 0, -1, 0],
    "feet first": [-1, 0, 0, 0, 1, 0],
    "oblique": [*nibabel.eulerangles.euler2mat(0.1, 0.2, -0.3)[:, :2].T.ravel()],
    "coronal": [1, 0, 0, 0, 0, -1],
    "sagittal": [0, 1, 0, 0, 0, -1],
}


@pytest.mark.parametrize("name", ORIENTATIONS)
@pytest.mark.parametrize("tilt", [0.0, 0.5], ids=["straight", "tilted"])
def test_every_voxel_keeps_its_place_and_value(one, name, tilt):
    across, down = np.array(ORIENTATIONS[name], float).reshape(2, 3)
    step = 2.5 * np.cross(across, down) + tilt * down
    values = {}
    for k, path in enumerate(slice_paths(one)):
        position = np.round(np.array([5, -7, 11]) + (4 - k) * step, 6)
        edit(path, ImagePositionPatient=list(position), ImageOrientationPatient=list(np.round([*across, *down], 12)))
        dataset = dcmread(path)
        for (row, column), stored in np.ndenumerate(dataset.pixel_array):
            place = position + 0.7 * row * down + 0.8 * column * across
            values[tuple(np.round(place * [-1, -1, 1], 3) + 0.0)] = int(stored) - 1024
    source = Dicom(one, labelled=False)
    (case,) = source.cases()
    assert ("tilted gantry" in source.notes[-1]) == bool(tilt)
    indices = np.argwhere(np.ones(case.images.shape, bool))
    places = np.round(nibabel.affines.apply_affine(case.frame.slices_affine, indices), 3) + 0.0
    missed = [i for i, place in zip(indices, places, strict=True) if values.get(tuple(place)) != case.images[tuple(i)]]
    assert len(missed) < len(indices) / 100  # a few lie between two roundings
    array, frame = read_series(slice_paths(one)[::-1])
    assert (array.dtype, array.shape) == (np.int16, frame.shape) == (np.int16, (8, 6, 5))
    assert np.array_equal(frame.to_slices(array), case.images)


def test_rescaling_is_exact(one):
    for k, path in enumerate(slice_paths(one)):
        edit(path, RescaleSlope=("1.7" if k == 1 else "2"), RescaleIntercept="-500", PixelRepresentation=1)
    (case,) = Dicom(one, labelled=False).cases()
    stored = tiny().images[::-1].astype(int) + 1024
    expected = stored * 2 - 500
    expected[1] = np.rint(stored[1] * 1.7 - 500)
    assert np.array_equal(case.images, expected)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=["RLE", "JPEG-LS", "JPEG 2000"])
def test_compressed_slices(one, syntax):
    for path in slice_paths(one):
        dataset = dcmread(path)
        if syntax == JPEG2000Lossless:  # which pydicom reads but does not write
            stream = io.BytesIO()
            Image.fromarray(dataset.pixel_array).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
            dataset.PixelData = encapsulate([stream.getvalue()])
            dataset.file_meta.TransferSyntaxUID = syntax
        else:
            dataset.compress(syntax, generate_instance_uid=False)
        dcmwrite(path, dataset)
    assert same(next(Dicom(one).cases()), tiny())


def test_positions_rounded_by_the_scanner_pass_with_their_masks(one):
    for k, path in enumerate(slice_paths(one)):
        x, y, _ = dcmread(path).ImagePositionPatient
        edit(path, ImagePositionPatient=[x, y, -5.0 + 2.5 * k + 0.03 * (k % 2)])
    segmentation = dcmread(one / "masks.dcm")
    for item in segmentation.PerFrameFunctionalGroupsSequence:
        position = item.PlanePositionSequence[0].ImagePositionPatient
        position[2] += 0.03 * (round((position[2] + 5) / 2.5) % 2)
    dcmwrite(one / "masks.dcm", segmentation)
    assert same(next(Dicom(one).cases()), tiny())


def test_files_are_told_by_content(one, tmp_path):
    for path in slice_paths(one):
        path.rename(path.with_suffix("" if path.name < "8" else ".5"))
    (one / "._a.dcm").write_bytes(b"x")
    (one / "notes.txt").write_text("x")
    files = FileSet()
    files.add(next(one.glob("*.5")))
    files.write(tmp_path / "disk")
    shutil.copy(tmp_path / "disk" / "DICOMDIR", one / "DICOMDIR")
    shutil.copy(tmp_path / "disk" / "DICOMDIR", one.parent / "DICOMDIR")
    assert same(next(Dicom(one.parent).cases()), tiny())


def test_found(one, tmp_path):
    assert detect(one)
    assert detect(one.parent)
    assert not detect(tmp_path / "nowhere")
    assert detect(tmp_path)
    shutil.rmtree(one.parent)
    (tmp_path / "scan.dcm").write_bytes(bytes(200))
    assert not detect(tmp_path)


def test_patients_share_a_split_and_folders_stand_in_for_them(tmp_path):
    folders = write(tmp_path / "data", *(tiny(k, patient="same" if k < 2 else None) for k in range(6)))
    (tmp_path / "data" / "index.csv").unlink()
    (tmp_path / "data" / "empty").mkdir()
    for path in slice_paths(folders[5]):
        edit(path, PatientID="")
    source = Dicom(tmp_path / "data")
    cases = {case.name: case for case in source.cases()}
    assert [case.patient for case in cases.values()] == ["same", "same", "P2", "P3", "P4", "case5"]
    assert cases["case0"].split == cases["case1"].split
    assert {case.split for case in cases.values()} == {"train", "validation", "test"}
    assert source.notes[0] == "patients: by PatientID, 1 without one by its folder"
    assert next(source.cases()) is not next(source.cases())


def test_the_patients_of_a_table_win_and_a_patient_id_on_two_sides_is_named(tmp_path):
    write(tmp_path / "data", *(tiny(k, patient="same" if k < 2 else None) for k in range(4)))
    parts = ("train", "test", "val", "train")
    rows = (f"case{k},p{k},{part}" for k, part in enumerate(parts))
    (tmp_path / "data" / "index.csv").write_text("\n".join(("id,patient,split", *rows)))
    source = Dicom(tmp_path / "data")
    assert [case.patient for case in source.cases()] == ["p0", "p1", "p2", "p3"]
    warned = {(one.severity, one.code, one.file) for one in verify(tmp_path / "data") if one.severity == "warning"}
    assert ("warning", "split-leak", "index.csv") in warned


def test_localizers_and_things_without_a_picture_are_left_aside(one):
    paths = slice_paths(one)
    for name, changes in {
        "scout": {"SeriesInstanceUID": "1.2.3", "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]},
        "topogram": {"SeriesInstanceUID": "1.2.4", "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        "report": {"Modality": "SR", "Rows": None, "PixelData": None},
    }.items():
        shutil.copy(paths[0], one / f"{name}.dcm")
        edit(one / f"{name}.dcm", **changes)
    source = Dicom(one)
    assert same(next(source.cases()), tiny())
    assert skipped(source.notes) == {"SR objects": 1, "localizers": 1, "slices that are not axial": 1}


def test_unlabelled(one):
    (one / "masks.dcm").unlink()
    source = Dicom(one, labelled=False)
    (case,) = source.cases()
    assert (source.targets, case.masks) == ((), {})
    assert same(case, tiny(), masks=False)


def test_real_slices(shared):
    folder = shared / "data" / "volumes" / "dicom_ct3"
    source = Dicom(folder)
    (case,) = source.cases()
    assert (source.targets, case.patient, case.images.shape) == (("liver",), "99000", (3, 512, 512))
    assert (case.images.min(), case.images.max()) == (-3024, 1381)
    np.testing.assert_allclose(case.spacing, (1.0, 0.810547, 0.810547), rtol=0, atol=1e-6)
    assert case.masks["liver"].sum() == 107_098
    # By hand: the mask's z runs upwards, and 03 is the lowest slice.
    mask, _ = nrrd.read(str(folder / "liver_seg.nrrd"))
    values = [
        dcmread(folder / f"{name}.dcm").pixel_array.T[mask[:, :, k] == 1].astype(int) - 1024
        for k, name in enumerate(("03", "02", "01"))
    ]
    assert case.images[case.masks["liver"]].mean() == np.concatenate(values).mean()
    np.testing.assert_allclose(case.frame.slices_affine[:3, 3], (235.199997, 226.800003, -128.690002), atol=1e-6)
