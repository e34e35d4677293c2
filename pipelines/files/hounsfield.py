"""Hounsfield units from the values of a file."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipelines.findings import Findings

_INT16 = np.iinfo(np.int16)
_NORMALIZED = 20.0  # the most that values span that were normalized; Hounsfield units of a patient span hundreds


def to_hu(
    planes: Iterable[np.ndarray], shape: tuple[int, int, int], path: Path, findings: Findings
) -> np.ndarray | None:
    """Collects Hounsfield units, plane by plane, so that a scan in float64 is never in memory.

    Args:
        planes: `(i, j)` at each k, integers or floats, which are rounded.
        shape: of the whole.
        path: of the file.
        findings: takes the error of values that are NaN, infinite, normalized or beyond int16, as those of no CT.

    Returns:
        `(i, j, k)` int16, or None after an error.
    """
    hu = np.empty(shape, np.int16, order="F")
    missing, fractional = 0, False
    low, high = np.inf, -np.inf
    for k, plane in enumerate(planes):
        least, most = float(plane.min()), float(plane.max())  # NaN if one is
        whole = np.rint(plane) if plane.dtype.kind == "f" else plane
        if not np.isfinite([least, most]).all():
            finite = plane[np.isfinite(plane)]
            missing += plane.size - finite.size
            least, most = (float(finite.min()), float(finite.max())) if finite.size else (np.inf, -np.inf)
        elif least >= _INT16.min and most <= _INT16.max:
            hu[:, :, k] = whole
            fractional = fractional or (most - least <= _NORMALIZED and bool((whole != plane).any()))
        low, high = min(low, least), max(high, most)
    if missing:
        findings.error("nan", path, f"{missing} voxels are NaN or infinite, not Hounsfield units; export the CT again")
    normalized = fractional and high - low <= _NORMALIZED
    if normalized or low < _INT16.min or high > _INT16.max:
        what = ", normalized," if normalized else ","
        findings.error(
            "hu-range", path, f"values from {low:g} to {high:g}{what} not Hounsfield units; export the CT again"
        )
        return None
    return None if missing else hu
