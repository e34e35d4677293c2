"""NIfTI files: header, Hounsfield units and labels of one volume."""

import dataclasses
import math
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError
from nibabel import filebasedimages, spatialimages, wrapstruct

from pipelines.files.hounsfield import to_hu
from pipelines.files.labels import LABEL_ROUNDING, levels
from pipelines.findings import Findings, listed
from pipelines.frame import Frame, steps_of_one

# What nibabel raises on bytes that are not NIfTI, or not all of one.
UNREADABLE: tuple[type[Exception], ...] = (
    filebasedimages.ImageFileError,
    spatialimages.HeaderDataError,
    spatialimages.HeaderTypeError,
    wrapstruct.WrapStructError,
    zlib.error,
    IsalError,  # type: ignore[assignment]  # its stubs declare an instance
    ArithmeticError,
    EOFError,
    OSError,
    TypeError,
    ValueError,
)
_BLOCK = 1 << 20  # bytes that are decompressed at a time
_DEFLATE = 1032  # to one, the most that gzip compresses


@dataclasses.dataclass(frozen=True)
class Volume:
    """A file whose header has been read.

    Attributes:
        path: the file.
        image: its header, and the way to its voxels.
        frame: of its array, `(i, j, k)`.
        placed: whether the header says how the array lies in the patient.
    """

    path: Path
    image: nibabel.Nifti1Image
    frame: Frame
    placed: bool

    @property
    def doubtful(self) -> bool:
        """Whether the header may never have been filled in."""
        return not self.placed or steps_of_one(self.frame)


class _TolerantHeader(nibabel.Nifti1Header):
    """Other tools round quaternions to float32 or to a few digits; the NIfTI library takes those over length 1 too."""

    quaternion_threshold = np.float64(-1e-3)  # of 1 minus the square of the length; nibabel's own is -3.6e-7


class _TolerantImage(nibabel.Nifti1Image):
    header_class = _TolerantHeader


def load_image(path: Path) -> Any:
    """Reads the header of a NIfTI file, also where its quaternion is slightly longer than 1.

    Raises:
        UNREADABLE: it is damaged, or not NIfTI.
    """
    try:
        return nibabel.load(path, mmap=False)
    except ValueError as error:
        if "w2" not in str(error):  # what nibabel calls the quaternion's first component, squared
            raise
        return _TolerantImage.from_filename(path, mmap=False)


def open_volume(path: Path, findings: Findings) -> Volume | None:
    """Reads the header of a file; None after an error, such as a file that is not one 3-D volume of numbers."""
    try:
        image = load_image(path)
    except FileNotFoundError:
        findings.error("unreadable", path, "no such file; give a NIfTI file")
        return None
    except PermissionError:
        findings.error("unreadable", path, "cannot be read; fix its permissions")
        return None
    except UNREADABLE:
        findings.error("unreadable", path, "not a NIfTI file, or a damaged one; copy or export it again")
        return None
    if not isinstance(image, nibabel.Nifti1Image):
        findings.error("unreadable", path, f"not a NIfTI file but {type(image).__name__}; export it as NIfTI")
        return None
    shape, dtype = image.shape, image.get_data_dtype()
    if len(shape) < 3 or math.prod(shape[3:]) != 1 or min(shape) < 1:  # some tools add axes of length 1
        size = "x".join(map(str, shape))
        findings.error("unreadable", path, f"{len(shape)}-D ({size}); save one 3-D volume without further axes")
        return None
    if dtype.kind not in "iuf":
        findings.error("unreadable", path, f"not one number per voxel but {dtype}; export it as plain numbers")
        return None
    affine = np.asarray(image.affine, np.float64)
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    # Of unit vectors, so that it does not matter how large the voxels are.
    if not np.isfinite(affine).all() or not steps.all() or abs(np.linalg.det(affine[:3, :3] / steps)) < 1e-3:
        findings.error("affine-singular", path, "its affine is singular, so its place is unknown; export it again")
        return None
    placed = int(image.header["sform_code"]) > 0 or int(image.header["qform_code"]) > 0
    columns, rows, count = map(int, shape[:3])
    return Volume(path, image, Frame(shape=(columns, rows, count), affine=affine), placed)


def is_grey(volume: Volume) -> bool:
    """Whether voxels are stored as 8 bits without rescaling, so that they cannot be Hounsfield units."""
    return volume.image.get_data_dtype() == np.uint8 and not _is_scaled(volume)


def check_placed(volume: Volume, findings: Findings) -> bool:
    """Whether the header says how the volume lies, which is an error if not."""
    if not volume.placed:
        findings.error(
            "affine-unset", volume.path, "sform and qform are both unset, so its sides are unknown; export it again"
        )
    return volume.placed


def read_hu(volume: Volume, findings: Findings) -> np.ndarray | None:
    """Reads a CT: `(i, j, k)` int16 Hounsfield units; None after an error, such as values that no CT has."""
    stored = _stored(volume, findings)
    if stored is None or (stored.dtype == np.int16 and not _is_scaled(volume)):
        return stored
    return to_hu(_planes(volume, stored), volume.frame.shape, volume.path, findings)


def read_label_map(volume: Volume, findings: Findings) -> np.ndarray | None:
    """Reads a mask: `(i, j, k)` uint8 labels; None after an error, such as other values than whole numbers to 255."""
    stored = _stored(volume, findings)
    if stored is None:
        return None
    labels = np.empty(volume.frame.shape, np.uint8, order="F")
    for k, plane in enumerate(_planes(volume, stored)):
        if plane.dtype.kind == "f":  # a scale factor leaves 1.00002 of a 1; NaN stays as it is
            whole = np.rint(plane)
            plane = np.where(np.abs(plane - whole) <= LABEL_ROUNDING, whole, plane)
        with np.errstate(invalid="ignore"):  # NaN is named below
            labels[:, :, k] = plane.astype(np.uint8)
        if (odd := plane[labels[:, :, k] != plane]).size:
            findings.error(
                "nan" if np.isnan(odd).any() else "mask-values",
                volume.path,
                f"labels {listed(np.unique(odd).astype(float).tolist())}; a mask has whole numbers of 0 to 255: "
                "threshold probabilities, replace NaN",
            )
            return None
    return labels


def check_labels(path: Path, labels: np.ndarray, allowed: Collection[Collection[int]], findings: Findings) -> bool:
    """Whether all labels are within one of the allowed sets, which is an error if not."""
    values = levels(labels).tolist()
    if any(set(values) <= set(choice) for choice in allowed):
        return True
    wanted = " or ".join(listed(choice) for choice in allowed)
    findings.error("mask-values", path, f"labels {listed(values)} instead of {wanted}; relabel it")
    return False


def _stored(volume: Volume, findings: Findings) -> np.ndarray | None:
    """The values as stored, `(i, j, k)`; None after an error."""
    if not _fits(volume):
        findings.error("truncated", volume.path, "ends early or is damaged; copy it again")
        return None
    proxy: Any = volume.image.dataobj  # an ArrayProxy, which nibabel declares as array-like only
    try:
        stored = _read_gzip(volume.path, proxy) if _is_gzip(volume.path) else proxy.get_unscaled()
        return np.asarray(stored).reshape(volume.frame.shape, order="F")
    except UNREADABLE:
        findings.error("truncated", volume.path, "ends early or is damaged; copy it again")
        return None


def _planes(volume: Volume, stored: np.ndarray) -> Iterator[np.ndarray]:
    """The rescaled values at each k: float64, or as stored where nothing is to be rescaled."""
    proxy: Any = volume.image.dataobj
    for k in range(stored.shape[2]):
        plane = stored[:, :, k]
        yield plane.astype(np.float64) * proxy.slope + proxy.inter if _is_scaled(volume) else plane


def _is_scaled(volume: Volume) -> bool:
    proxy: Any = volume.image.dataobj
    return (proxy.slope, proxy.inter) != (1, 0)


def _read_gzip(path: Path, proxy: Any) -> np.ndarray:
    """Reads voxels as stored, in a third of the time that nibabel takes."""
    stored = np.empty(proxy.shape, proxy.dtype, order=proxy.order)
    memory = stored.reshape(-1, order="A").view(np.uint8).data
    with igzip.open(path) as file:
        file.seek(proxy.offset)
        for start in range(0, len(memory), _BLOCK):
            part = memory[start : start + _BLOCK]
            data = file.read(len(part))
            if len(data) < len(part):
                raise EOFError
            part[:] = data
    return stored


def _is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _fits(volume: Volume) -> bool:
    """Whether a file can hold the voxels that its header claims, so that no memory is taken for those it cannot."""
    claimed = math.prod(volume.frame.shape) * volume.image.get_data_dtype().itemsize
    held = volume.path.stat().st_size * (_DEFLATE if _is_gzip(volume.path) else 1)
    return claimed <= held
