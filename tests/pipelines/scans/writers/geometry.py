"""Scans that lie in the patient in every way, and where a file says that its voxels are."""

import itertools
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK
from nibabel import orientations

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
ORIENTATIONS = [
    "".join(codes) for axes in itertools.permutations(("LR", "PA", "IS")) for codes in itertools.product(*axes)
]


def oblique(*angles, spacing=(0.7, 0.9, 2.5), origin=(-31.3, 17.9, 240.1)):
    """An affine, RAS+, turned by degrees about the three axes one after the other."""
    turn = np.eye(3)
    for angle, (a, b) in zip(np.radians(angles), ((1, 2), (2, 0), (0, 1)), strict=True):
        about = np.eye(3)
        about[[a, b], [a, b]], about[a, b], about[b, a] = np.cos(angle), -np.sin(angle), np.sin(angle)
        turn = turn @ about
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * spacing, origin
    return affine


def stored_as(codes, array, affine):
    """The same volume with other axes: the array and its affine."""
    turn = orientations.ornt_transform(orientations.io_orientation(affine), orientations.axcodes2ornt(tuple(codes)))
    return orientations.apply_orientation(array, turn), affine @ orientations.inv_ornt_aff(turn, array.shape)


def save_nifti(path, array, affine, *, qform=1, sform=1, kind=nibabel.Nifti1Image, **fields):
    image = kind(array, affine)
    image.set_qform(affine, code=qform)
    image.set_sform(affine, code=sform)
    for name, value in fields.items():
        image.header[name] = value
    nibabel.save(image, path)


def save_by_itk(path, array, affine):
    """Writes a volume, RAS+, through SimpleITK, which knows the format by the suffix."""
    lps = LPS @ affine
    steps = np.linalg.norm(lps[:3, :3], axis=0)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetSpacing(steps.tolist())
    image.SetDirection((lps[:3, :3] / steps).ravel().tolist())
    SimpleITK.WriteImage(image, str(path))


def read_by_itk(path):
    """`(i, j, k)` values and affine, RAS+."""
    image = SimpleITK.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).T, LPS @ affine


def read_by_nibabel(path):
    """`(i, j, k)` values and affine, RAS+."""
    image = nibabel.load(path)
    return np.asarray(image.dataobj), image.affine


def readers(path: Path):
    return (read_by_nibabel, read_by_itk) if path.name.endswith(".nii.gz") else (read_by_itk,)


def largest_gap(one, other, shape):
    """The most that a voxel lies elsewhere by one affine than by the other, in mm."""
    corners = np.array([[*corner, 1.0] for corner in itertools.product(*((0, size - 1) for size in shape))]).T
    return np.linalg.norm(((one - other) @ corners)[:3], axis=0).max()
