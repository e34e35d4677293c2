"""Checks of what was read: whether it is an image, and lies in axial slices."""

import re
from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.findings import listed
from pipelines.frame import Frame

MASK_NAME = re.compile(
    r"seg|mask|label|contour|annotation|ground.?truth|(^|[_. -])(gt|rad\d*|roi)([_. -]|$)", re.IGNORECASE
)
OFF_AXIAL = 35.0  # degrees; gantries tilt by up to 30
_ANISOTROPY = 3.0  # of rows against columns, beyond which slices were acquired in another plane
_FEW = 8  # values, that no image has
_LABELS = 150  # most labels of a mask, of which TotalSegmentator has 117
_FLAT = 0.9  # fraction of neighbours inside a mask's labels that are alike; of noise, far fewer are


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


def mask_labels(images: np.ndarray) -> list[int]:
    """The values of a mask; none for an image.

    A mask has very few values, or few that are those of their neighbours inside its structures.

    Args:
        images: `(slices, H, W)`, int16 or uint8.
    """
    values: set[int] = set()
    for plane in (images[len(images) // 2], *images):  # the middle one tells of most images
        values.update(np.unique(plane).tolist())
        if len(values) > _LABELS:
            return []
    background = images.min()
    inside = alike = 0
    for plane in images:
        one, other = plane[:, :-1], plane[:, 1:]
        within = (one != background) & (other != background)
        inside += int(np.count_nonzero(within))
        alike += int(np.count_nonzero(within & (one == other)))
    return sorted(values) if len(values) <= _FEW or alike >= _FLAT * inside else []
