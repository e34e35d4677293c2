import gzip

import nibabel
import numpy as np
import pytest

from pipelines.errors import DataError
from pipelines.files.labels import MaskError
from pipelines.frame import Frame
from pipelines.layouts import verify
from pipelines.layouts.nifti.reader import Nifti
from pipelines.masks.volumes import common_frame, onto, read_volume
from pipelines.placement import doubt, fit
from tests.pipelines.layouts.dicom.folders import nifti, turned, write_nrrd

SHAPE, SPACING = (12, 10, 8), (0.7, 0.9, 5.0)
AFFINE = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
FRAME = Frame(shape=SHAPE, affine=AFFINE)


def moved(axis, voxels):
    affine = AFFINE.copy()
    affine[axis, 3] += voxels * SPACING[axis]
    return affine


def verdict(affine):
    """What becomes of an array with an affine: `"fits"`, `"doubtful"` or `"elsewhere"`."""
    try:
        placement = fit(SHAPE, affine, FRAME, other="its image")
    except MaskError:
        return "elsewhere"
    return "doubtful" if doubt(placement.beside, other="its image") else "fits"


VERDICTS = [(0.0, "fits"), (0.09, "fits"), (0.11, "doubtful"), (0.49, "doubtful"), (0.5, "elsewhere"), (1, "elsewhere")]


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize(("voxels", "expected"), VERDICTS)
def test_a_shift_counts_in_voxels_of_its_own_axis(axis, voxels, expected):
    assert verdict(moved(axis, voxels)) == verdict(moved(axis, -voxels)) == expected


@pytest.mark.parametrize(("at_the_end", "expected"), VERDICTS[:4])
def test_the_farthest_voxel_counts_and_not_the_step(at_the_end, expected):
    affine = AFFINE.copy()
    affine[0, 0] *= 1 + at_the_end / (SHAPE[0] - 1)
    assert verdict(affine) == expected


def test_a_slight_turn_is_nothing_in_the_middle_and_much_at_the_end():
    angle = np.radians(1)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    assert verdict(turn @ AFFINE) == "doubtful"
    large = Frame(shape=(512, 512, 8), affine=AFFINE)
    with pytest.raises(MaskError, match="elsewhere"):
        fit(large.shape, turn @ AFFINE, large, other="its image")


def test_slack_of_the_grid_is_granted_to_what_lies_on_it():
    assert fit(SHAPE, moved(0, 0.45), FRAME, other="its slices", slack=0.08).beside == pytest.approx(0.45)
    assert doubt(0.15, other="its slices", slack=0.08) is None
    assert doubt(0.2, other="its slices", slack=0.08)


def test_a_part_lies_on_whole_voxels_inside():
    start = np.array([2, 1, 3])
    affine = AFFINE.copy()
    affine[:3, 3] = AFFINE[:3, :3] @ start
    part = np.ones((4, 5, 2), bool)
    with pytest.raises(MaskError, match="shape differs"):
        fit(part.shape, affine, FRAME, other="its image")
    array, affine = turned(part, affine, (2, 0, 1), (-1, 1, -1))
    whole = np.zeros(SHAPE, bool)
    fit(array.shape, affine, FRAME, other="its image", cropped=True).paste(array, whole)
    assert np.array_equal(np.argwhere(whole).min(axis=0), start)
    assert whole.sum() == part.sum()
    affine[:3, 3] += AFFINE[:3, :3] @ [8, 0, 0]
    with pytest.raises(MaskError, match="outside"):
        fit(array.shape, affine, FRAME, other="its image", cropped=True)


def test_planes_at_45_degrees_have_no_grid_in_common():
    turn = np.eye(4)
    turn[0, 0], turn[0, 2], turn[2, 0], turn[2, 2] = np.sqrt([0.5] * 4) * [1, -1, 1, 1]
    assert verdict(turn @ AFFINE) == "elsewhere"


@pytest.fixture
def pair(tmp_path):
    """A folder of scans whose first mask is to be spoiled."""
    rng = np.random.default_rng(0)
    for number in range(3):
        nifti(tmp_path / f"volume-{number}.nii", rng.integers(-1000, 1500, SHAPE).astype(np.int16), AFFINE)
        nifti(tmp_path / f"segmentation-{number}.nii", rng.integers(0, 3, SHAPE).astype(np.uint8), AFFINE)
    return tmp_path


def labels(folder):
    return np.asarray(nibabel.load(folder / "segmentation-0.nii").dataobj)


@pytest.mark.parametrize(("voxels", "expected"), VERDICTS)
@pytest.mark.parametrize("kind", ["layout", "score", "score NRRD"])
def test_one_rule_for_every_reader(pair, voxels, expected, kind):
    array = labels(pair)
    moved_file = pair / "segmentation-0.nii"
    if kind == "layout":
        nifti(moved_file, array, moved(0, voxels))
        severities = {one.severity for one in verify(pair) if one.code.startswith("geometry")}
        assert severities == {"fits": set(), "doubtful": {"warning"}, "elsewhere": {"error"}}[expected]
        return
    reference = read_volume(moved_file, "NIfTI")
    if kind == "score":
        nifti(pair / "moved.nii", array, moved(0, voxels))
        other = read_volume(pair / "moved.nii", "NIfTI")
    else:
        write_nrrd(pair / "moved.nrrd", array, moved(0, voxels))
        other = read_volume(pair / "moved.nrrd", "NRRD")
    frame = common_frame([other, reference])
    if expected == "elsewhere":
        with pytest.raises(DataError):
            onto(other, frame, reference.path)
    else:
        assert bool(doubt(onto(other, frame, reference.path).beside, other="")) == (expected == "doubtful")


def test_a_mask_in_another_order_of_axes_is_turned(pair):
    before = Nifti(pair).case("volume-0")
    nifti(pair / "segmentation-0.nii", *turned(labels(pair), AFFINE, (2, 0, 1), (-1, 1, -1)))
    after = Nifti(pair).case("volume-0")
    assert all(np.array_equal(after.masks[target], before.masks[target]) for target in before.masks)
    assert not [one for one in verify(pair) if one.severity == "error" or one.code.startswith("geometry")]


@pytest.mark.parametrize("axes", [(0,), (3,), (3, 4)])
def test_axes_of_length_1_are_dropped(pair, axes):
    """Of NRRD anywhere, of NIfTI and MetaImage at the end."""
    sitk = pytest.importorskip("SimpleITK", reason="the extra mha is not installed")
    array = labels(pair)
    if axes == (0,):
        write_nrrd(pair / "a.nrrd", array[None], AFFINE)
        assert np.array_equal(read_volume(pair / "a.nrrd", "NRRD").layers[0], array)
        return
    nifti(pair / "segmentation-0.nii", array.reshape(*SHAPE, *[1] * len(axes)), AFFINE)
    assert np.array_equal(read_volume(pair / "segmentation-0.nii", "NIfTI").layers[0], array)
    if len(axes) == 1:
        image = sitk.GetImageFromArray(array.T[None], isVector=False)
        image.SetSpacing([*SPACING, 1.0])
        sitk.WriteImage(image, str(pair / "a.mha"))
        volume = read_volume(pair / "a.mha", "MetaImage")
        assert np.array_equal(volume.layers[0], array)
        assert volume.frame.spacing == pytest.approx(SPACING[::-1])


@pytest.mark.parametrize("form", ["NIfTI", "NRRD", "MetaImage"])
@pytest.mark.parametrize(("off", "taken"), [(9e-4, True), (2e-3, False)])
def test_labels_are_rounded_alike(pair, form, off, taken):
    array = labels(pair).astype(np.float32) * np.float32(1 + off / 2)
    path = pair / {"NIfTI": "a.nii", "NRRD": "a.nrrd", "MetaImage": "a.mha"}[form]
    if form == "NIfTI":
        nifti(path, array, AFFINE)
    elif form == "NRRD":
        write_nrrd(path, array, AFFINE)
    else:
        sitk = pytest.importorskip("SimpleITK", reason="the extra mha is not installed")
        sitk.WriteImage(sitk.GetImageFromArray(array.T), str(path))
    if taken:
        assert np.array_equal(read_volume(path, form).layers[0], labels(pair))
    else:
        with pytest.raises(MaskError, match="threshold"):
            read_volume(path, form)


def test_a_checksum_that_is_wrong_is_found_by_every_reader(pair):
    data = bytearray(gzip.compress((pair / "segmentation-0.nii").read_bytes()))
    data[-6] ^= 1
    (pair / "a.nii.gz").write_bytes(data)
    with pytest.raises(MaskError, match="damaged"):
        read_volume(pair / "a.nii.gz", "NIfTI")
