"""MetaImage files (.mha, .mhd)."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its own convention)

from pipelines.files.labels import MaskError
from pipelines.frame import LPS_TO_RAS


def read_metaimage(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads `(i, j, k)` values and the `(4, 4)` affine of (i, j, k), RAS+.

    Raises:
        MaskError: it cannot be read, or is not one volume of numbers.
    """
    reader = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO")
    reader.SetFileName(str(path))
    try:
        image = reader.Execute()
    except RuntimeError:  # whose text is a page of C++
        raise MaskError("mask-unreadable", "not a MetaImage file, or a damaged one; export it again") from None
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise MaskError("mask-unreadable", "not one number per voxel of a volume; export it as one 3-D volume")
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, LPS_TO_RAS @ affine
