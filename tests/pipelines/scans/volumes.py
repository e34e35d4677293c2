"""Small volumes in every format of scans."""

import nibabel
import nrrd
import numpy as np
import SimpleITK as sitk  # noqa: N813  (its own convention)

from pipelines.case import Case
from pipelines.frame import Frame
from pipelines.layouts.dicom.writer import write_dicom
from tests.pipelines.layouts.dicom.folders import Made

SHAPE = (8, 7, 5)  # column, row, slice
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
AFFINE = LPS @ np.array(
    [[0.8, 0, 0, -20], [0, 0.7, 0, 30], [0, 0, 2.5, -40], [0, 0, 0, 1.0]]
)  # as DICOM stores it, RAS+


def hu(seed=0):
    """`SHAPE` int16, every voxel different from its neighbours."""
    return np.random.default_rng(seed).integers(-1000, 1200, SHAPE).astype(np.int16)


def nifti(path, values, affine=AFFINE, **header):
    image = nibabel.Nifti1Image(values, affine)
    image.set_sform(affine, header.get("code", 1))
    image.set_qform(affine if values.ndim > 2 and np.isfinite(affine).all() else None, header.get("code", 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)
    return path


def nrrd_file(path, values, affine=AFFINE, **header):
    lps = LPS @ affine
    fields = {
        "space": "left-posterior-superior",
        "space directions": lps[:3, :3].T,
        "space origin": lps[:3, 3],
        "encoding": "gzip",
    }
    nrrd.write(str(path), values, {name: value for name, value in (fields | header).items() if value is not None})
    return path


def metaimage(path, values, affine=AFFINE):
    lps = LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(values.T)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(path), path.suffix == ".mha")
    return path


def dicom(folder, values, *, name="ct", patient="P1"):
    """Writes a series of `(column, row, slice)`; returns its folder."""
    frame = Frame(shape=values.shape, affine=AFFINE)
    images = frame.to_slices(values)
    names = tuple(f"{name}_{k}" for k in range(len(images)))
    case = Case(
        name=name,
        patient=patient,
        split="test",
        images=images,
        masks={},
        slice_names=names,
        spacing=frame.spacing,
        frame=frame,
    )
    write_dicom(Made([case]), folder)
    return folder / name
