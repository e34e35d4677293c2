import highdicom
import numpy as np
import pytest
from pydicom import dcmread, dcmwrite

from pipelines.layouts.dicom.reader import Dicom
from tests.pipelines.layouts.dicom.folders import (
    Made,
    array_and_affine,
    label_map,
    nifti,
    same,
    slice_paths,
    tiny,
    turned,
    write,
    write_nrrd,
)


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
