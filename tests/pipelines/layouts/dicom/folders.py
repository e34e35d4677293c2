"""Small DICOM folders to read and to spoil, and their masks in other forms."""

import dataclasses

import nibabel
import nrrd
import numpy as np
from pydicom import dcmread, dcmwrite

from pipelines.case import Case
from pipelines.frame import frame_of_stack
from pipelines.layouts.dicom.writer import write_dicom

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
