import dataclasses
import io
import shutil

import highdicom
import nibabel
import nrrd
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.fileset import FileSet
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.geometry import Frame, frame_of_stack
from pipelines.sources.dicom import Dicom, found, read_series
from pipelines.sources.dicom_writer import write_dicom
from pipelines.sources.phantom import Phantom

SPACING = (2.5, 0.7, 0.8)  # mm along slice, row, column
SHAPE = (5, 6, 8)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def tiny(number=0, *, patient=None, shape=SHAPE, **changes):
    """A case whose every voxel differs from its neighbours; the first slice is the highest."""
    rng = np.random.default_rng(number)
    liver, lesion = np.zeros((2, *shape), bool)
    liver[1:4, 1:5, 2:7] = rng.random((3, 4, 5)) < 0.7
    lesion[2:3, 2:4, 3:5] = liver[2:3, 2:4, 3:5] = True
    case = Case(
        name=f"case{number}",
        patient=patient or f"P{number}",
        split=("test", "train", "validation")[number % 3],
        images=rng.integers(-1024, 3000, shape).astype(np.int16),
        masks={"liver": liver, "lesion": lesion},
        slice_names=tuple(f"case{number}_{k}" for k in range(shape[0])),
        spacing=SPACING,
    )
    return dataclasses.replace(case, **changes)


@dataclasses.dataclass
class Made:
    """A source of made cases."""

    made: list
    layout = "made"
    intensity = "hu"
    targets = ("liver", "lesion")

    def cases(self):
        yield from self.made


def write(folder, *cases):
    """Writes the cases and returns their folders."""
    write_dicom(Made(cases), folder)
    return [folder / case.name for case in cases]


def slice_paths(folder):
    """The slices' files from the feet up, found without the reader."""
    paths = [path for path in folder.glob("*.dcm") if path.name != "masks.dcm"]
    return sorted(paths, key=lambda path: float(dcmread(path).ImagePositionPatient[2]))


def edit(path, **values):
    """Sets attributes of a file; None deletes one."""
    dataset = dcmread(path)
    for name, value in values.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dcmwrite(path, dataset)


def same(case, made, *, masks=True):
    """Whether what was read, lowest slice first, is what was made, highest first."""
    targets = made.masks if masks else ()
    return np.array_equal(case.images, made.images[::-1]) and all(
        np.array_equal(case.masks[target], made.masks[target][::-1]) for target in targets
    )


@pytest.fixture
def one(tmp_path):
    """The folder of one case."""
    return write(tmp_path / "data", tiny())[0]


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
    with pytest.raises(DataError, match="exists already"):
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
    assert found(one)
    assert found(str(one.parent))
    assert not found(tmp_path / "nowhere")
    assert not found(tmp_path)
    (tmp_path / "scan.dcm").write_bytes(bytes(200))
    assert not found(tmp_path)


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
    assert sorted(note.split(": ")[1][:18] for note in source.notes[2:]) == [
        "series 1.2.3 (1 lo",
        "series 1.2.4 (1 lo",
        "shows no picture a",
    ]


def test_unlabelled(one):
    (one / "masks.dcm").unlink()
    source = Dicom(one, labelled=False)
    (case,) = source.cases()
    assert (source.targets, case.masks) == ((), {})
    assert same(case, tiny(), masks=False)


def array_and_affine(mask):
    """A mask of `tiny` as (column, row, slice), slices from the feet up, and where it lies, RAS+."""
    frame = frame_of_stack(SHAPE, SPACING)
    affine = frame.affine @ np.array([[0, 0, -1, 4], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    return np.ascontiguousarray(mask[::-1].transpose(2, 1, 0).astype(np.uint8)), affine


def turned(array, affine, axes, signs):
    """The same volume stored with other axes."""
    orientation = np.array([[axis, sign] for axis, sign in zip(axes, signs, strict=True)])
    back = nibabel.orientations.inv_ornt_aff(orientation, array.shape)
    return np.ascontiguousarray(nibabel.orientations.apply_orientation(array, orientation)), affine @ back


def write_nrrd(path, array, affine, space="left-posterior-superior", **fields):
    affine = LPS @ affine if space[0] == "l" else affine
    directions = affine[:3, :3].T
    if array.ndim == 4:
        directions = np.vstack([np.full(3, np.nan), directions])
    kinds = (["list"] if array.ndim == 4 else []) + ["domain"] * 3
    header = {"space": space, "space directions": directions, "space origin": affine[:3, 3], "kinds": kinds, **fields}
    nrrd.write(str(path), array, header)


def nifti(path, array, affine):
    nibabel.Nifti1Image(array, affine).to_filename(path)


def label_map(masks):
    return masks["liver"].astype(np.uint8) + masks["lesion"]


def as_label_map(folder, masks):
    nifti(folder / "labels.nii.gz", *turned(*array_and_affine(label_map(masks)), (2, 0, 1), (-1, 1, -1)))


def as_msd(folder, masks):
    nifti(folder / "liver_0.nii", *array_and_affine(label_map(masks)))


def as_livertumour(folder, masks):
    write_nrrd(folder / "livertumor.nrrd", *array_and_affine(label_map(masks)))


def as_two_nifti(folder, masks):
    for target, name in (("liver", "Liver.nii.gz"), ("lesion", "liver_TUMOUR.nii")):
        array, affine = turned(*array_and_affine(masks[target]), (1, 0, 2), (1, -1, -1))
        nifti(folder / name, array.astype(np.float32) * 255, affine)


def as_two_nrrd(folder, masks):
    for target, space in (("liver", "right-anterior-superior"), ("lesion", "left-posterior-superior")):
        array, affine = turned(*array_and_affine(masks[target]), (0, 1, 2), (1, 1, -1))
        write_nrrd(folder / f"{target}_seg.nrrd", array, affine, space)


def as_slicer(folder, masks):
    """One layer: the lesion's label lies over the liver's."""
    names = {"Segment0_Name": "Hepatic lesion", "Segment0_LabelValue": "7", "Segment1_Name": "the Liver"}
    names |= {"Segment1_LabelValue": "3", "Segment2_Name": "spleen", "Segment2_LabelValue": "4"}
    array, affine = array_and_affine(masks["liver"] * 3 + masks["lesion"] * 4)
    array[0, 0, 0] = 4
    write_nrrd(folder / "Segmentation.seg.nrrd", array, affine, **names)


def as_slicer_layers(folder, masks):
    names = {"Segment0_Name": "Tumor", "Segment0_LabelValue": "1", "Segment0_Layer": "1"}
    names |= {"Segment1_Name": "LIVER", "Segment1_LabelValue": "1", "Segment1_Layer": "0"}
    arrays = [array_and_affine(masks[target]) for target in ("liver", "lesion")]
    write_nrrd(folder / "a.seg.nrrd", np.stack([array for array, _ in arrays]), arrays[0][1], **names)


def as_seg_by_property(folder, masks):
    segmentation = dcmread(folder / "removed")
    for item, label in zip(segmentation.SegmentSequence, ("Liver", "Segment_2"), strict=True):
        item.SegmentLabel = label
    dcmwrite(folder / "seg", segmentation)


def as_label_seg(folder, masks):
    """A LABELMAP, in which a voxel has one segment."""
    old = dcmread(folder / "removed")
    segmentation = highdicom.seg.Segmentation(
        source_images=[dcmread(path) for path in slice_paths(folder)],
        pixel_array=label_map(masks)[::-1],
        segmentation_type="LABELMAP",
        segment_descriptions=[highdicom.seg.SegmentDescription.from_dataset(item) for item in old.SegmentSequence],
        series_instance_uid="1.2.3",
        series_number=2,
        sop_instance_uid="1.2.3.4",
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    )
    segmentation.save_as(folder / "labels.dcm")


FORMS = [
    as_label_map,
    as_msd,
    as_livertumour,
    as_two_nifti,
    as_two_nrrd,
    as_slicer,
    as_slicer_layers,
    as_seg_by_property,
    as_label_seg,
]


@pytest.mark.parametrize("form", FORMS)
def test_masks_of_every_form_are_the_same(one, form):
    (one / "masks.dcm").rename(one / "removed")
    form(one, tiny().masks)
    (one / "removed").unlink()
    source = Dicom(one)
    assert source.targets == ("liver", "lesion")
    assert same(next(source.cases()), tiny())


def test_targets_are_what_the_masks_show(tmp_path):
    folders = write(tmp_path / "data", *(tiny(k) for k in range(3)))
    for folder, case in zip(folders, Made([tiny(k) for k in range(3)]).cases(), strict=True):
        (folder / "masks.dcm").unlink()
        nifti(folder / "seg.nii", *array_and_affine(case.masks["liver"]))
    assert Dicom(tmp_path / "data").targets == ("liver",)
    nifti(folders[1] / "seg.nii", *array_and_affine(label_map(tiny(1).masks)))
    source = Dicom(tmp_path / "data")
    assert source.targets == ("liver", "lesion")
    assert [bool(case.masks["lesion"].any()) for case in source.cases()] == [False, True, False]


def test_liver_includes_lesions_drawn_apart(one):
    masks = tiny().masks
    (one / "masks.dcm").unlink()
    nifti(one / "liver.nii", *array_and_affine(masks["liver"] & ~masks["lesion"]))
    nifti(one / "lesion.nii", *array_and_affine(masks["lesion"]))
    assert same(next(Dicom(one).cases()), tiny())


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
