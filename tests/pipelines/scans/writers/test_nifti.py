import itertools

import nibabel
import numpy as np
import pytest
import SimpleITK
from nibabel import orientations

from tests.pipelines.scans.writers.conftest import labels_by_threshold, only_scan, segment

ORIENTATIONS = [
    "".join(codes) for axes in itertools.permutations(("LR", "PA", "IS")) for codes in itertools.product(*axes)
]


def oblique(angles, spacing=(0.7, 0.9, 2.5), origin=(-31.3, 17.9, 240.1)):
    """An affine, RAS+, turned by degrees about the three axes one after the other."""
    x, y, z = np.radians(angles)
    turn = np.eye(3)
    for angle, (a, b) in zip((x, y, z), ((1, 2), (2, 0), (0, 1)), strict=True):
        about = np.eye(3)
        about[[a, b], [a, b]], about[a, b], about[b, a] = np.cos(angle), -np.sin(angle), np.sin(angle)
        turn = turn @ about
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * spacing, origin
    return affine


def save(path, array, affine, codes=(1, 1), **fields):
    image = nibabel.Nifti1Image(array, affine)
    image.set_qform(affine, code=codes[0])
    image.set_sform(affine, code=codes[1])
    for name, value in fields.items():
        image.header[name] = value
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def voxel_positions(path):
    """Where nibabel and SimpleITK see each voxel: two `(i * j * k, 3)` float64, mm RAS+."""
    ours, theirs = nibabel.load(path), SimpleITK.ReadImage(str(path))
    indices = np.indices(ours.shape).reshape(3, -1).T
    by_nibabel = nibabel.affines.apply_affine(ours.affine, indices)
    direction = np.reshape(theirs.GetDirection(), (3, 3)) * theirs.GetSpacing()
    by_itk = (indices @ direction.T + theirs.GetOrigin()) * (-1, -1, 1)
    return by_nibabel, by_itk


@pytest.mark.parametrize("angles", [(0, 0, 0), (8, -13, 21)], ids=["straight", "oblique"])
def test_every_orientation_gives_the_same_mask_in_the_patient(tmp_path, hu, angles):
    affine = oblique(angles)
    inside = np.argwhere(hu > 0)
    wanted = nibabel.affines.apply_affine(affine, inside)
    for codes in ORIENTATIONS:
        turn = orientations.ornt_transform(orientations.io_orientation(affine), orientations.axcodes2ornt(tuple(codes)))
        array = orientations.apply_orientation(hu, turn)
        path = tmp_path / f"{codes}.nii.gz"
        save(path, array, affine @ orientations.inv_ornt_aff(turn, hu.shape))
        mask = segment(only_scan(path), tmp_path / "out")
        written = np.asarray(nibabel.load(mask).dataobj)
        np.testing.assert_array_equal(written, labels_by_threshold(array), err_msg=codes)
        assert written.dtype == np.uint8
        by_nibabel, by_itk = voxel_positions(mask)
        assert np.abs(by_nibabel - by_itk).max() < 1e-4  # mm; ITK takes the quaternion, float32
        np.testing.assert_array_equal(by_nibabel, voxel_positions(path)[0])
        found = by_nibabel[(written > 0).ravel()]
        gaps = np.abs(found[:, None] - wanted).sum(axis=2)
        assert max(gaps.min(axis=0).max(), gaps.min(axis=1).max()) < 1e-4, codes
