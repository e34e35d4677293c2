"""Segmentation of one scan in one call."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from cafct_keras.prediction.segmentation import ARRAYS, Segmentation
from cafct_keras.prediction.segmenter import Segmenter
from cafct_keras.pretrained import DEFAULT_MODEL
from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.frame import Frame
from pipelines.orientation import RADIOLOGICAL
from pipelines.scans import Scan, find_scans
from pipelines.scans.checks import check_image
from pipelines.scans.volume import to_intensity, volume_case

Path = str | pathlib.Path


def segment(
    scan: Path | np.ndarray,
    model: Path | Sequence[Path] | Segmenter = DEFAULT_MODEL,
    *,
    affine: np.ndarray | None = None,
    **options: Any,
) -> Segmentation:
    """Segments a scan.

    Example:
        >>> found = cafct_keras.segment("ct.nii.gz", "runs/liver")
        >>> found.measurements.liver_ml
        >>> found.save("liver.nii.gz")

    Args:
        scan: a file or a DICOM folder; or an array in Hounsfield units, `(i, j, k)` with `affine`, and without it axial
            slices `(slices, H, W)` or one `(H, W)` that lie as the model's training slices do. A uint8 array is grey.
        model: see `load_model`, or several of them whose probabilities are averaged; or a `Segmenter`, which is faster
            for many scans. By default the one that comes with the package, see `list_pretrained`.
        affine: `(4, 4)`, the indices of an array to mm, RAS+ as in NIfTI.
        **options: see `Segmenter`.

    Returns:
        The segmentation on the scan's own grid.

    Raises:
        UserError: see `Segmenter`.
        DataError: the scan cannot be read, there are several, or it does not suit the model.
    """
    if isinstance(scan, np.ndarray):
        found: Scan = _ArrayScan.of(scan, affine)
    else:
        found, *others = find_scans([scan]).scans
        if others:
            raise DataError(f"{scan}: {1 + len(others)} scans; give one of them, or use `Segmenter` for many")
    if not isinstance(model, Segmenter):
        model = Segmenter([model] if isinstance(model, str | pathlib.Path) else model, **options)
    return next(iter(model.segment([found])))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ArrayScan(Scan):
    """An array as a scan.

    Attributes:
        array: Hounsfield units, or uint8 grey.
        affine: see `segment`.
    """

    array: np.ndarray
    affine: np.ndarray | None

    @classmethod
    def of(cls, array: np.ndarray, affine: np.ndarray | None) -> "_ArrayScan":
        if array.ndim not in ((3,) if affine is not None else (2, 3)) or not array.size:
            raise DataError(f"`scan`: an array of shape {array.shape}; give (slices, H, W), or (i, j, k) with `affine`")
        if affine is not None and np.shape(affine) != (4, 4):
            raise DataError(f"`affine`: of shape {np.shape(affine)}; give (4, 4)")
        return cls(
            name="array",
            path=pathlib.Path("array"),
            files=(),
            format=ARRAYS[array.ndim == 2],
            intensity="grey" if array.dtype == np.uint8 else "hu",
            orientation=None if affine is None else RADIOLOGICAL,
            array=array,
            affine=None if affine is None else np.asarray(affine, np.float64),
        )

    def read(self) -> Case:
        """See `Scan.read`."""
        if self.affine is not None:
            i, j, k = self.array.shape
            return volume_case(self, self.array, Frame(shape=(i, j, k), affine=self.affine))
        stack = np.atleast_3d(self.array.T).T  # one slice is a stack of one
        images = np.ascontiguousarray(to_intensity(self, stack.T).T)
        check_image(self.path, images)
        return Case(
            name=self.name,
            patient=self.name,
            split="test",
            images=images,
            masks={},
            slice_names=tuple(f"{self.name}_{number:03d}" for number in range(len(images))),
        )
