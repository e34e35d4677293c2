"""Checks of what was read: whether it is an image, and lies in axial slices."""

from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.files.mask_likeness import mask_labels
from pipelines.findings import listed
from pipelines.frame import Frame
from pipelines.orientation import OFF_AXIAL

_ANISOTROPY = 3.0  # of rows against columns, beyond which slices were acquired in another plane


class NotAnImageError(DataError):
    """What was read shows no patient."""


def check_axial(path: Path, frame: Frame) -> None:
    """Refuses volumes that were not acquired in axial slices, which a network would see distorted.

    Raises:
        DataError: the slices stand more than 35 degrees off axial, or their pixels are three times as long as wide.
    """
    steps = frame.slices_affine[:3, :3]
    _, row, column = frame.spacing
    normal = np.cross(steps[:, 1], steps[:, 2])
    off = float(np.degrees(np.arccos(min(1.0, abs(normal[2]) / np.linalg.norm(normal)))))
    if off > OFF_AXIAL:
        raise DataError(
            f"{path}: not axial, its slices stand {off:.0f} degrees off; reformat the scan into axial slices"
        )
    if max(row, column) > _ANISOTROPY * min(row, column):
        raise DataError(
            f"{path}: not axial, its axial slices have pixels of {row:.3g} x {column:.3g} mm, as of a scan acquired in "
            "coronal or sagittal slices; give the axial series"
        )


def check_image(path: Path, images: np.ndarray) -> None:
    """Refuses masks, and volumes of one value.

    Args:
        path: of the scan.
        images: `(slices, H, W)`, int16 or uint8.

    Raises:
        NotAnImageError: it is not an image of a patient.
    """
    if images.min() == images.max():
        raise NotAnImageError(f"{path}: every voxel is {images.min()}, which is no scan; export it again")
    if images.min() >= 0 and (labels := mask_labels(images)):
        raise NotAnImageError(f"{path}: a mask, with labels {listed(labels)}; give the image that it was drawn on")
