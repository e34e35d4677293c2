"""NRRD files: volumes, and labels of 3D Slicer with named segments in several layers."""

import re
from pathlib import Path
from typing import Any

import nrrd
import numpy as np

from pipelines.files.labels import MaskError
from pipelines.frame import LPS_TO_RAS

# Name of a space to what turns it into RAS+.
_SPACES = {
    "left-posterior-superior": LPS_TO_RAS,
    "lps": LPS_TO_RAS,
    "right-anterior-superior": np.eye(4),
    "ras": np.eye(4),
}


def read_nrrd(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads `(layers, i, j, k)` values and the `(4, 4)` affine of (i, j, k), RAS+.

    Raises:
        MaskError: it cannot be read, or does not say where it lies.
    """
    try:
        array, header = nrrd.read(str(path))
    except Exception as error:  # of gzip, of zlib and of pynrrd, each with errors of its own
        raise unreadable(error) from None
    affine = _affine(header)
    # 3D Slicer stacks overlapping segments along a first axis.
    if array.ndim not in (3, 4):
        raise MaskError("mask-unreadable", f"has {array.ndim} axes; save a volume of three")
    return (array if array.ndim == 4 else array[None]), affine


def nrrd_stored(path: Path) -> tuple[np.dtype, tuple[Path, ...]]:
    """How the voxels of a file are stored, and its files: two where the voxels have one of their own.

    Raises:
        MaskError: the header cannot be read.
    """
    try:
        header = nrrd.read_header(str(path))
        dtype = np.dtype(nrrd.reader._determine_datatype(header))
    except Exception as error:
        raise unreadable(error) from None
    detached = header.get("datafile", header.get("data file"))
    return dtype, (path,) if detached is None else (path, path.parent / str(detached))


def nrrd_segments(path: Path) -> dict[tuple[int, int], str] | None:
    """(layer, label) to name of the segments that 3D Slicer wrote into a .seg.nrrd; None where there are none.

    Raises:
        MaskError: the header cannot be read.
    """
    try:
        header = nrrd.read_header(str(path))
        numbers = [key[len("Segment") : -len("_Name")] for key in header if re.fullmatch(r"Segment\d+_Name", str(key))]
        names = {}
        for n in numbers:
            label = int(header.get(f"Segment{n}_LabelValue", int(n) + 1))
            names[int(header.get(f"Segment{n}_Layer", 0)), label] = str(header[f"Segment{n}_Name"])
    except Exception as error:  # pynrrd lets decoding and number errors through
        raise unreadable(error) from None
    return names or None


def unreadable(error: Exception, *, kind: str = "") -> MaskError:
    """The error of a file that a library cannot read, as what it should be."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return MaskError("mask-unreadable", f"cannot be read{kind and f' as {kind}'} ({reason}); export it again")


def _affine(header: dict[str, Any]) -> np.ndarray:
    space = str(header.get("space", "")).lower()
    if space not in _SPACES or "space directions" not in header or "space origin" not in header:
        raise MaskError(
            "affine-unset", "does not say where it lies; save it with space, space directions and space origin"
        )
    directions = np.array([row for row in header["space directions"] if row is not None], float)
    directions = directions[np.isfinite(directions).all(axis=1)]  # the axis of layers has none
    affine = np.eye(4)
    if directions.shape != (3, 3) or abs(np.linalg.det(directions)) < 1e-9:
        raise MaskError("affine-singular", "its space directions span no volume; save it again with three of them")
    affine[:3, :3], affine[:3, 3] = directions.T, header["space origin"]
    return _SPACES[space] @ affine
