"""Values of label maps."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from pipelines.findings import Findings, listed

LABEL_ROUNDING = 1e-3  # by which a label may lie beside a whole number, as one that went through a scale factor does
_HIGHEST = np.iinfo(np.uint16).max


class MaskError(Exception):
    """A file of masks that cannot be used; the message, without the file, and the code of the finding."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def as_finding(path: Path, findings: Findings) -> Iterator[None]:
    """Adds a `MaskError` about a file as an error, and ends the block."""
    try:
        yield
        return
    except MaskError as error:
        problem = error
    findings.error(problem.code, path, str(problem))


def levels(labels: np.ndarray) -> np.ndarray:
    """The values that occur in `(i, j, k)` uint8 or uint16, ascending."""
    found = np.zeros(np.iinfo(labels.dtype).max + 1, bool)
    for k in range(labels.shape[2]):  # plane by plane: bincount converts to int64
        found |= np.bincount(labels[:, :, k].ravel(), minlength=len(found)) > 0
    return np.flatnonzero(found)


def as_labels(values: np.ndarray) -> np.ndarray:
    """Whole numbers of any type as uint8, or uint16 where some exceed 255.

    Raises:
        MaskError: some are negative, exceed 65535, are not whole to 1e-3, or are no numbers.
    """
    if values.dtype.kind not in "buif":
        raise MaskError("mask-values", f"not one number per voxel but {values.dtype}; export it as plain labels")
    whole = values
    if values.dtype.kind == "f":  # a scale factor leaves 1.00002 of a 1
        whole = np.rint(values)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            whole = np.where(np.abs(values - whole) <= LABEL_ROUNDING, whole, -1)  # which NaN is not
    low, high = (float(whole.min()), float(whole.max())) if whole.size else (0.0, 0.0)
    if low < 0 or high > _HIGHEST:
        odd = np.unique(values[(whole < 0) | (whole > _HIGHEST)])
        raise MaskError(
            "nan" if np.isnan(odd[-1]) else "mask-values",
            f"labels {listed(odd.astype(float).tolist())}; a mask has whole numbers of 0 to {_HIGHEST}: threshold "
            "probabilities, replace NaN, and give no image",
        )
    return whole.astype(np.uint8 if high < 256 else np.uint16)


def collect_labels(planes: Iterable[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Collects labels plane by plane, so that a mask in float64 is never in memory.

    Args:
        planes: values `(i, j)` at each k.
        shape: of the whole.

    Returns:
        `(i, j, k)` uint8, or uint16 where some exceed 255.

    Raises:
        MaskError: as `as_labels` does.
    """
    labels = np.empty(shape, np.uint8, order="F")
    for k, plane in enumerate(planes):
        values = as_labels(plane)
        if values.dtype.itemsize > labels.dtype.itemsize:
            labels = labels.astype(values.dtype)
        labels[:, :, k] = values
    return labels
