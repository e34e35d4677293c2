import csv
import dataclasses
import itertools
import json

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cafct_keras.measurement import measure, read_measurements, write_measurements
from cafct_keras.packed import PackedMask
from pipelines.frame import Frame, frame_of_stack
from pipelines.masks.volumes import read_volume

try:
    import SimpleITK as sitk  # noqa: N813  (its own convention)
except ImportError:
    sitk = None
needs_simpleitk = pytest.mark.skipif(sitk is None, reason="SimpleITK is not installed (extra: mha)")

SHAPE, SPACING = (14, 52, 46), (3.0, 0.9, 0.7)
LESIONS = {(4, 24, 30): 9.0, (9, 37, 19): 6.0, (10, 42, 38): 4.0}  # centers in voxels, radii in mm


def balls(*centers):
    """Balls of the lesions at these centers."""
    mask = np.zeros(SHAPE, bool)
    for center in centers:
        away = [(np.arange(size) - at) * step for size, at, step in zip(SHAPE, center, SPACING, strict=True)]
        mask |= sum(np.square(each) for each in np.meshgrid(*away, indexing="ij")) <= LESIONS[center] ** 2
    return mask


@pytest.fixture(scope="module")
def scan():
    """Masks and images in canonical order, with a lesion that reaches out of the liver."""
    lesion, liver = balls(*LESIONS), np.zeros(SHAPE, bool)
    liver[2:12, 17:44, 13:42] = True
    images = np.random.default_rng(0).integers(40, 120, SHAPE).astype(np.int16)
    return {"liver": liver, "lesion": lesion}, images


def oblique(slices):
    """The same scan in a frame turned about all axes, as slices `(slices, H, W)`."""
    frame = frame_of_stack(slices, SPACING, head_first=False)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", (12, -7, 20), degrees=True).as_matrix()
    turn[:3, 3] = (30, -50, 400)
    return Frame(shape=slices, affine=turn @ frame.affine)


def test_volumes_burden_and_every_lesion(scan):
    masks, images = scan
    frame = oblique(SHAPE)
    measured = measure(masks, images=images, intensity="hu", spacing=SPACING, frame=frame)
    voxel = 3.0 * 0.9 * 0.7 / 1000
    whole = np.count_nonzero(masks["liver"] | masks["lesion"])
    assert measured.liver_ml == pytest.approx(whole * voxel)
    assert measured.lesion_ml == pytest.approx(masks["lesion"].sum() * voxel)
    assert measured.tumour_burden == pytest.approx(masks["lesion"].sum() / whole)
    assert measured.lesion_count == 3
    assert [lesion.number for lesion in measured.lesions] == [1, 2, 3]
    for lesion, (center, radius) in zip(measured.lesions, LESIONS.items(), strict=True):
        ball = balls(center)
        assert lesion.voxels == ball.sum()
        assert lesion.volume_ml == pytest.approx(lesion.voxels * voxel)
        assert lesion.longest_axis_mm == pytest.approx(2 * radius, abs=1.2)
        assert lesion.short_axis_mm == pytest.approx(2 * radius, abs=1.2)
        assert lesion.axis_slice == center[0]
        assert lesion.centroid == pytest.approx(center)
        left, back, head = nibabel.affines.apply_affine(frame.slices_affine, center) * (-1, -1, 1)
        assert lesion.centroid_lps_mm == pytest.approx((left, back, head))
        assert lesion.mean_hu == pytest.approx(images[ball].mean())


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3))
def test_nothing_depends_on_how_the_file_orders_its_axes(scan, axes, flips):
    masks, images = scan
    expected = measure(masks, images=images, spacing=SPACING, frame=oblique(SHAPE))

    def in_file(array):
        return array.transpose(axes)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]

    to_old = np.zeros((4, 4))  # from indices of the file to those of the slices
    to_old[3, 3] = 1
    shape = in_file(images).shape
    for new, (old, flip) in enumerate(zip(axes, flips, strict=True)):
        to_old[old, new], to_old[old, 3] = (-1, shape[new] - 1) if flip else (1, 0)
    frame = Frame(shape=shape, affine=oblique(SHAPE).slices_affine @ to_old)
    turned = {name: frame.to_slices(in_file(mask)) for name, mask in masks.items()}
    measured = measure(turned, images=frame.to_slices(in_file(images)), spacing=frame.spacing, frame=frame)
    assert _flat(measured) == pytest.approx(_flat(expected))


def _flat(measured):
    def figures(value):
        if isinstance(value, dict):
            return list(itertools.chain.from_iterable(map(figures, value.values())))
        if isinstance(value, tuple | list):
            return list(itertools.chain.from_iterable(map(figures, value)))
        return [value]

    return figures(dataclasses.asdict(measured))


def by_simpleitk(image, labels):
    """Volume in ml, mean and centroid of each component, the largest first."""
    shapes = sitk.LabelIntensityStatisticsImageFilter()
    shapes.Execute(sitk.ConnectedComponent(labels, True), image)
    return sorted(
        ((shapes.GetPhysicalSize(i) / 1000, shapes.GetMean(i), *shapes.GetCentroid(i)) for i in shapes.GetLabels()),
        reverse=True,
    )


def figures_of(measured):
    return [(lesion.volume_ml, lesion.mean_hu, *lesion.centroid_lps_mm) for lesion in measured.lesions]


@needs_simpleitk
def test_agrees_with_simpleitk(scan):
    masks, images = scan
    frame = oblique(SHAPE)
    lps = np.diag([-1.0, -1.0, 1.0]) @ frame.slices_affine[:3]
    image, labels = sitk.GetImageFromArray(images), sitk.GetImageFromArray(masks["lesion"].astype(np.uint8))
    for each in (image, labels):
        each.SetSpacing(SPACING[::-1])
        each.SetDirection((lps[:, 2::-1] / SPACING[::-1]).ravel())  # columns of (column, row, slice)
        each.SetOrigin(lps[:, 3])
    measured = measure(masks, images=images, spacing=SPACING, frame=frame)
    assert np.allclose(figures_of(measured), by_simpleitk(image, labels), rtol=1e-6, atol=1e-4)


@needs_simpleitk
@pytest.mark.parametrize(
    ("scan", "outline", "kind"),
    [
        ("mha_ct/Patient01Homo.mha", "mha_ct/Patient01Homo_Rad01.mha", "MetaImage"),
        ("nifti_ct/ct.nii.gz", "nifti_ct/liver.nii.gz", "NIfTI"),
    ],
)
def test_agrees_with_simpleitk_on_outlines_of_real_scans(shared, scan, outline, kind):
    folder = shared / "data" / "volumes"
    image, labels = (sitk.ReadImage(str(folder / name)) for name in (scan, outline))
    theirs = by_simpleitk(image, sitk.Cast(labels > 0, sitk.sitkUInt8))
    frame = read_volume(folder / outline, kind).frame

    def in_slices(one):
        return frame.to_slices(sitk.GetArrayFromImage(one).T)

    measured = measure({"lesion": in_slices(labels) > 0}, images=in_slices(image), spacing=frame.spacing, frame=frame)
    assert measured.lesion_count == len(theirs) > 0
    assert np.allclose(figures_of(measured), theirs, rtol=1e-6, atol=1e-3)


def test_what_is_unknown_is_left_out(scan):
    masks, images = scan
    masks = {name: PackedMask(mask) for name, mask in masks.items()}
    grey = measure({"lesion": masks["lesion"]}, images=images.astype(np.uint8), intensity="grey", spacing=None)
    assert (grey.liver_ml, grey.lesion_ml, grey.tumour_burden, grey.lesion_count) == (None, None, None, 3)
    assert {
        (lesion.volume_ml, lesion.longest_axis_mm, lesion.short_axis_mm, lesion.centroid_lps_mm, lesion.mean_hu)
        for lesion in grey.lesions
    } == {(None,) * 5}
    liver = measure({"liver": masks["liver"]}, images=images, spacing=SPACING)
    assert (liver.lesion_count, liver.lesions, liver.tumour_burden, liver.lesion_ml) == (None, (), None, None)
    assert liver.liver_ml == pytest.approx(np.asarray(masks["liver"]).sum() * 3.0 * 0.9 * 0.7 / 1000)
    slices = measure(masks, images=images, spacing=SPACING, contiguous=False)
    shown = sum(balls(center).any(axis=(1, 2)).sum() for center in LESIONS)
    assert (slices.lesion_count, slices.lesion_ml) == (shown, None)
    nothing = measure({name: np.zeros(SHAPE, bool) for name in masks}, spacing=SPACING)
    assert (nothing.liver_ml, nothing.lesion_ml, nothing.tumour_burden, nothing.lesion_count) == (0.0, 0.0, None, 0)


def test_files_hold_every_field(scan, tmp_path):
    masks, images = scan
    measured = {
        "one": measure(masks, images=images, spacing=SPACING, frame=oblique(SHAPE)),
        "two, with a comma": measure({"liver": masks["liver"]}, spacing=None),
    }
    write_measurements(measured, tmp_path)
    assert read_measurements(tmp_path / "measurements.json") == measured
    document = json.loads((tmp_path / "measurements.json").read_text())
    tables = {}
    for name in ("measurements", "lesions"):
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            tables[name] = list(csv.DictReader(file))
    assert [row["case"] for row in tables["measurements"]] == list(measured)
    one, two = tables["measurements"]
    assert float(one["liver_ml"]) == document["cases"]["one"]["liver_ml"]
    assert [float(one[f"spacing_{axis}_mm"]) for axis in ("slice", "row", "column")] == list(SPACING)
    assert (two["lesion_count"], two["spacing_row_mm"], two["liver_ml"]) == ("", "", "")
    assert [(row["case"], row["number"]) for row in tables["lesions"]] == [("one", "1"), ("one", "2"), ("one", "3")]
    row, lesion = tables["lesions"][1], measured["one"].lesions[1]
    assert tuple(float(row[f"centroid_lps_{axis}_mm"]) for axis in "xyz") == lesion.centroid_lps_mm
    assert float(row["mean_hu"]) == lesion.mean_hu
    write_measurements({"two": measured["two, with a comma"]}, tmp_path)
    assert (tmp_path / "lesions.csv").read_text().startswith("case,number,voxels,volume_ml,longest_axis_mm,")
