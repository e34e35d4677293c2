"""Hounsfield units from the values of a file."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipelines.findings import Findings

_INT16 = np.iinfo(np.int16)


def to_hu(
    planes: Iterable[np.ndarray], shape: tuple[int, int, int], path: Path, findings: Findings
) -> np.ndarray | None:
    """Collects Hounsfield units, plane by plane, so that a scan in float64 is never in memory.

    Args:
        planes: `(i, j)` at each k, integers or floats, which are rounded.
        shape: of the whole.
        path: of the file.
        findings: takes the error of values that are NaN, infinite or beyond int16, as those of no CT.

    Returns:
        `(i, j, k)` int16, or None after an error.
    """
    hu = np.empty(shape, np.int16, order="F")
    missing, low, high = 0, np.inf, -np.inf
    for k, plane in enumerate(planes):
        whole = np.rint(plane) if plane.dtype.kind == "f" else plane
        if whole.min() >= _INT16.min and whole.max() <= _INT16.max:  # which NaN is not
            hu[:, :, k] = whole
            continue
        finite = whole[np.isfinite(whole)]
        missing += whole.size - finite.size
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if missing:
        findings.error("nan", path, f"{missing} voxels are NaN or infinite, not Hounsfield units; export the CT again")
    if low < _INT16.min or high > _INT16.max:
        findings.error("hu-range", path, f"values from {low:g} to {high:g}, not Hounsfield units; export the CT again")
        return None
    return None if missing else hu
