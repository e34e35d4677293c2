"""One NIfTI file of a folder, with its faults told apart."""

import dataclasses
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np

from pipelines.errors import DataError
from pipelines.files.nifti import open_volume
from pipelines.findings import Findings, listed
from pipelines.geometry import Frame, steps_of_one

_CHUNK = 1 << 24  # bytes
_INT16 = np.iinfo(np.int16)


@dataclasses.dataclass(frozen=True)
class Header:
    """A file whose header can be used; `doubtful` says whether it may never have been filled in."""

    path: Path
    image: nibabel.Nifti1Image
    frame: Frame
    doubtful: bool


def read_header(report: Findings, path: Path) -> Header | None:
    """Reads a header, and a gzip file to its end; None where the fault has been reported."""
    report.count("files")
    if path.suffix == ".gz" and (fault := _gzip_fault(path)):
        report.error("truncated", path, f"{fault}; copy it again")
        return None
    try:
        volume = open_volume(path)
    except DataError as error:
        report.refused("affine-singular" if _is_singular(path) else "unreadable", path, error)
        return None
    if not volume.placed:
        report.error("affine-unset", path, "sform and qform are both unset, nobody can say which side is which")
    return Header(path, volume.image, volume.frame, not volume.placed or steps_of_one(volume.frame))


def read_planes(report: Findings, header: Header) -> np.ndarray | None:
    """Reads a scan: `(i, j, k)` int16 HU, or None where the fault has been reported."""
    planes = _planes(report, header)
    if planes is None:
        return None
    values = np.empty(header.frame.shape, np.int16, order="F")
    missing, low, high = 0, np.inf, -np.inf
    for k, plane in enumerate(planes):
        finite = np.isfinite(plane)
        missing += int(np.count_nonzero(~finite))
        if finite.any():
            low, high = min(low, plane[finite].min()), max(high, plane[finite].max())
        values[:, :, k] = np.rint(np.clip(np.where(finite, plane, 0), _INT16.min, _INT16.max))
    if missing:
        report.error("nan", header.path, f"{missing} voxels are NaN or infinite; export the CT again")
    if low < _INT16.min or high > _INT16.max:
        report.error("hu-range", header.path, f"values from {low:g} to {high:g}, not Hounsfield units; export it again")
    return None if missing or low < _INT16.min or high > _INT16.max else values


def read_labels(report: Findings, header: Header) -> np.ndarray | None:
    """Reads a mask: `(i, j, k)` uint8, or None where the fault has been reported."""
    planes = _planes(report, header)
    if planes is None:
        return None
    labels = np.empty(header.frame.shape, np.uint8, order="F")
    odd: set[float] = set()
    for k, plane in enumerate(planes):
        with np.errstate(invalid="ignore"):  # NaN is named below
            labels[:, :, k] = plane.astype(np.uint8)
        odd.update(np.unique(plane[labels[:, :, k] != plane]).astype(float).tolist())
    if odd:
        shown = listed(sorted(odd, key=str))
        code = "nan" if any(value != value for value in odd) else "mask-values"
        report.error(code, header.path, f"labels {shown}; a mask has whole numbers of 0 to 255")
        return None
    return labels


def _planes(report: Findings, header: Header) -> Iterator[np.ndarray] | None:
    """The rescaled values at each k, or None where the file ends early."""
    proxy = header.image.dataobj
    try:
        stored = proxy.get_unscaled()
    except (OSError, EOFError, ValueError, TypeError, ArithmeticError, zlib.error):
        report.error("truncated", header.path, "ends early or is damaged; copy it again")
        return None
    plain = (proxy.slope, proxy.inter) == (1, 0)
    return (
        stored[:, :, k] if plain else stored[:, :, k].astype(np.float64) * proxy.slope + proxy.inter
        for k in range(stored.shape[2])
    )


def _gzip_fault(path: Path) -> str:
    """What is wrong with a gzip file, if anything; nibabel stops before the checksum at its end."""
    try:
        with gzip.open(path) as file:
            while file.read(_CHUNK):
                pass
    except EOFError:
        return "ends early"
    except (OSError, zlib.error) as error:
        return f"damaged ({error})"
    return ""


def _is_singular(path: Path) -> bool:
    try:
        affine = np.asarray(nibabel.load(path, mmap=False).affine, float)
    except Exception:  # whatever it is, it is not this
        return False
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    return not (np.isfinite(affine).all() and steps.all()) or abs(np.linalg.det(affine[:3, :3] / steps)) < 1e-3
