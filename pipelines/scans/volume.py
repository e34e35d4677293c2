"""Cases of volumes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.files.hounsfield import to_hu
from pipelines.files.labels import MaskError
from pipelines.findings import Strict
from pipelines.frame import Frame
from pipelines.scans.checks import check_axial, check_image
from pipelines.scans.scan import Scan


def volume_case(scan: Scan, values: np.ndarray, frame: Frame) -> Case:
    """The case of a volume.

    Args:
        scan: where it was read from.
        values: `(i, j, k)` as the file orders them, of any number type.
        frame: of `values`.

    Raises:
        DataError: the values are no CT's, or the volume does not lie in axial slices.
    """
    check_axial(scan.path, frame)
    images = np.ascontiguousarray(frame.to_slices(to_intensity(scan, values)))
    check_image(scan.path, images)
    return Case(
        name=scan.name,
        patient=scan.patient or scan.name,
        split="test",
        images=images,
        masks={},
        slice_names=tuple(f"{scan.name}_{k:03d}" for k in range(len(images))),
        spacing=frame.spacing,
        frame=frame,
    )


def to_intensity(scan: Scan, values: np.ndarray) -> np.ndarray:
    """The values of a volume as its scan's intensity has them.

    Args:
        scan: where it was read from.
        values: `(i, j, k)` of any number type.

    Returns:
        `(i, j, k)`, int16 in Hounsfield units or uint8 grey; `values` itself where it has that type.

    Raises:
        DataError: the values are no CT's.
    """
    if scan.intensity == "grey":
        return values.astype(np.uint8, copy=False)
    if values.dtype == np.int16:
        return values
    if values.dtype.kind not in "iuf":
        raise DataError(f"{scan.path}: not one number per voxel but {values.dtype}; export it as plain numbers")
    i, j, k = values.shape
    planes = (values[:, :, plane] for plane in range(k))
    hu = to_hu(planes, (i, j, k), scan.path, Strict(scan.path.parent))
    assert hu is not None  # or an error was raised
    return hu


@contextlib.contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Raises a `MaskError`, which readers of volumes raise without the file, as a `DataError` with it."""
    try:
        yield
    except MaskError as error:
        raise DataError(f"{path}: {error}") from None
