"""NIfTI files: header, Hounsfield units and labels of one volume."""

import dataclasses
import math
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError
from nibabel import filebasedimages, orientations, spatialimages, wrapstruct

from pipelines.files.header_repairs import REPAIRS
from pipelines.files.hounsfield import to_hu
from pipelines.files.labels import MaskError, as_finding, collect_labels, levels
from pipelines.files.sizes import check_claim, held_by, read_end, read_into
from pipelines.findings import Findings, listed
from pipelines.frame import Frame, steps_of_one
from pipelines.placement import MISFIT, apart

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
_HEADERS = {348: ("f", 108), 540: ("q", 168)}  # size of a header to type and place of where its voxels begin
_MOST_EXTENSIONS = 1 << 26  # bytes between header and voxels, which nibabel reads at once


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
    if _start_of_voxels(path) > _MOST_EXTENSIONS:
        raise spatialimages.HeaderDataError("its voxels begin nowhere")
    try:
        return nibabel.load(path, mmap=False)
    except ValueError as error:
        if "w2" not in str(error):  # what nibabel calls the quaternion's first component, squared
            raise
        return _TolerantImage.from_filename(path, mmap=False)


def open_volume(path: Path, findings: Findings) -> Volume | None:
    """Reads the header of a file; None after an error, such as a file that is not one 3-D volume of numbers."""
    with as_finding(path, findings):
        REPAIRS.take()
        volume = _read_header(path)
        if repairs := REPAIRS.take():
            findings.warning(
                "header-repaired", path, f"its header is damaged ({listed(repairs)}); copy or export it again"
            )
        _compare_forms(volume, findings)
        return volume
    return None


def _read_header(path: Path) -> Volume:
    held = held_by(path)
    try:
        image = load_image(path)
    except PermissionError:
        raise MaskError("unreadable", "cannot be read; fix its permissions") from None
    except UNREADABLE:
        raise MaskError("unreadable", "not a NIfTI file, or a damaged one; copy or export it again") from None
    if not isinstance(image, nibabel.Nifti1Image):
        raise MaskError("unreadable", f"not a NIfTI file but {type(image).__name__}; export it as NIfTI")
    shape, dtype = image.shape, image.get_data_dtype()
    if len(shape) < 3 or math.prod(shape[3:]) != 1 or min(shape) < 1:  # some tools add axes of length 1
        size = "x".join(map(str, shape))
        raise MaskError("unreadable", f"{len(shape)}-D ({size}); save one 3-D volume without further axes")
    if dtype.kind not in "iuf":
        raise MaskError("unreadable", f"not one number per voxel but {dtype}; export it as plain numbers")
    check_claim(shape[:3], dtype.itemsize, held, compressed=_is_gzip(path))
    affine = np.asarray(image.affine, np.float64)
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    # Of unit vectors, so that it does not matter how large the voxels are.
    if not np.isfinite(affine).all() or not steps.all() or abs(np.linalg.det(affine[:3, :3] / steps)) < 1e-3:
        raise MaskError("affine-singular", "its affine is singular, so its place is unknown; export it again")
    placed = int(image.header["sform_code"]) > 0 or int(image.header["qform_code"]) > 0
    columns, rows, count = map(int, shape[:3])
    return Volume(path, image, Frame(shape=(columns, rows, count), affine=affine), placed)


def _compare_forms(volume: Volume, findings: Findings) -> None:
    """Warns of a header that places its voxels twice, in different places."""
    header = volume.image.header
    if int(header["sform_code"]) <= 0 or int(header["qform_code"]) <= 0:
        return
    try:
        qform = header.get_qform()
    except UNREADABLE:  # the sform is there
        return
    off = apart(volume.frame.shape, volume.frame.affine, qform)
    if off < MISFIT:
        return
    sform_sides, qform_sides = ("".join(orientations.aff2axcodes(each)) for each in (volume.frame.affine, qform))
    sides = "" if sform_sides == qform_sides else f", {sform_sides} against {qform_sides}"
    findings.warning(
        "forms-differ",
        volume.path,
        f"its sform and qform disagree (up to {off:.3g} voxels{sides}); the sform is taken, so check the sides, and "
        "export the file again with both alike",
    )


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
    with as_finding(volume.path, findings):
        if volume.image.get_data_dtype() != np.int16 or _is_scaled(volume):
            return to_hu(_planes(volume), volume.frame.shape, volume.path, findings)
        stored = np.empty(volume.frame.shape, np.int16, order="F")
        for k, plane in enumerate(_planes(volume)):
            stored[:, :, k] = plane
        return stored
    return None


def read_label_map(volume: Volume, findings: Findings) -> np.ndarray | None:
    """Reads a mask: `(i, j, k)` uint8 or uint16 labels; None after an error, see `pipelines.files.labels.as_labels`."""
    with as_finding(volume.path, findings):
        return collect_labels(_planes(volume), volume.frame.shape)
    return None


def check_labels(path: Path, labels: np.ndarray, allowed: Collection[Collection[int]], findings: Findings) -> bool:
    """Whether all labels are within one of the allowed sets, which is an error if not."""
    values = levels(labels).tolist()
    if any(set(values) <= set(choice) for choice in allowed):
        return True
    wanted = " or ".join(listed(choice) for choice in allowed)
    findings.error("mask-values", path, f"labels {listed(values)} instead of {wanted}; relabel it")
    return False


def _planes(volume: Volume) -> Iterator[np.ndarray]:
    """The values at each k: float64, or as stored where nothing is to be rescaled.

    A plane at a time is in memory, so that a float64 scan takes no more of it than what is made of it.

    Raises:
        MaskError: the file ends early, or its checksum is wrong.
    """
    proxy: Any = volume.image.dataobj  # an ArrayProxy, which nibabel declares as array-like only
    compressed, scaled = _is_gzip(volume.path), _is_scaled(volume)
    *plane, count = volume.frame.shape
    try:
        with _open(volume.path) as file:
            file.seek(proxy.offset)
            for _ in range(count):
                stored = np.empty(plane, proxy.dtype, order="F")
                read_into(file, stored)
                yield stored.astype(np.float64) * proxy.slope + proxy.inter if scaled else stored
            if compressed:
                read_end(file)
    except UNREADABLE:
        raise MaskError("truncated", "ends early or is damaged; copy it again") from None


def _open(path: Path) -> Any:
    return igzip.open(path) if _is_gzip(path) else path.open("rb")


def _start_of_voxels(path: Path) -> float:
    """Where the voxels of a file begin, 0 for another kind of file."""
    with _open(path) as file:
        start = file.read(176)
    for order in "<>":
        size = struct.unpack_from(f"{order}i", start)[0] if len(start) == 176 else 0
        if size in _HEADERS:
            kind, place = _HEADERS[size]
            return float(struct.unpack_from(f"{order}{kind}", start, place)[0])
    return 0.0


def _is_scaled(volume: Volume) -> bool:
    proxy: Any = volume.image.dataobj
    return (proxy.slope, proxy.inter) != (1, 0)


def _is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"
