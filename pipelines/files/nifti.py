"""One NIfTI file: its header, its Hounsfield units or its labels, with every oddity told in one line."""

import dataclasses
import zlib
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
from nibabel import filebasedimages, spatialimages, wrapstruct

from pipelines.errors import DataError
from pipelines.geometry import Frame, steps_of_one

# What nibabel raises on bytes that are no NIfTI, or not all of one.
_UNREADABLE = (
    filebasedimages.ImageFileError,
    spatialimages.HeaderDataError,
    spatialimages.HeaderTypeError,
    wrapstruct.WrapStructError,
    zlib.error,
    ArithmeticError,
    EOFError,
    OSError,
    TypeError,
    ValueError,
)
_INT16 = np.iinfo(np.int16)


@dataclasses.dataclass(frozen=True)
class Volume:
    """A file whose header has been read; `placed` says whether the header tells how it lies in the patient."""

    path: Path
    image: nibabel.Nifti1Image
    frame: Frame
    placed: bool

    @property
    def doubtful(self) -> bool:
        """Whether the header may never have been filled in."""
        return not self.placed or steps_of_one(self.frame)


def open_volume(path: Path) -> Volume:
    """Reads a file's header."""
    try:
        image = nibabel.load(path, mmap=False)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; give a NIfTI file") from None
    except PermissionError:
        raise DataError(f"{path}: cannot be read; mend its permissions") from None
    except _UNREADABLE:
        raise DataError(f"{path}: not a NIfTI file, or a damaged one; copy or export it again") from None
    if not isinstance(image, nibabel.Nifti1Image):
        raise DataError(f"{path}: not a NIfTI file but {type(image).__name__}; export it as NIfTI")
    shape, dtype = image.shape, image.get_data_dtype()
    if len(shape) != 3 or min(shape) < 1:
        size = "x".join(map(str, shape))
        raise DataError(f"{path}: {len(shape)}-D ({size}); save one 3-D volume without further axes")
    if dtype.kind not in "iuf":
        raise DataError(f"{path}: not one number a voxel but {dtype}; export it as plain numbers")
    affine = np.asarray(image.affine, np.float64)
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    # Of unit vectors, so that it does not matter how large the voxels are.
    if not np.isfinite(affine).all() or not steps.all() or abs(np.linalg.det(affine[:3, :3] / steps)) < 1e-3:
        raise DataError(f"{path}: its affine is singular, so nobody can say how it lies; export it again")
    placed = int(image.header["sform_code"]) > 0 or int(image.header["qform_code"]) > 0
    return Volume(path, image, Frame(shape=tuple(map(int, shape)), affine=affine), placed)


def check_placed(volume: Volume) -> Volume:
    """Returns the volume, or raises a DataError if its header does not say how it lies."""
    if not volume.placed:
        raise DataError(
            f"{volume.path}: sform and qform are both unset, so nobody can say which side is which; export it again"
        )
    return volume


def _planes(volume: Volume) -> Iterator[np.ndarray]:
    """Yields the rescaled values at each k: float64, or as stored where nothing is to be rescaled."""
    proxy = volume.image.dataobj
    try:
        stored = proxy.get_unscaled()
    except _UNREADABLE:
        raise DataError(f"{volume.path}: ends early or is damaged; copy it again") from None
    for k in range(stored.shape[2]):
        plane = stored[:, :, k]
        yield plane if (proxy.slope, proxy.inter) == (1, 0) else plane.astype(np.float64) * proxy.slope + proxy.inter


def read_hu(volume: Volume) -> np.ndarray:
    """`(i, j, k)` int16 Hounsfield units; a DataError for values that int16 cannot hold, NaN among them."""
    hu = np.empty(volume.frame.shape, np.int16, order="F")
    for k, plane in enumerate(_planes(volume)):
        whole = np.rint(plane) if plane.dtype.kind == "f" else plane
        low, high = whole.min(), whole.max()
        if not (low >= _INT16.min and high <= _INT16.max):  # so that NaN is caught too
            raise DataError(
                f"{volume.path}: values from {low:g} to {high:g}, not Hounsfield units; export the CT again"
            )
        hu[:, :, k] = whole
    return hu


def read_label_values(volume: Volume) -> np.ndarray:
    """`(i, j, k)` uint8 labels; a DataError for values that are no whole numbers of 0 to 255."""
    labels = np.empty(volume.frame.shape, np.uint8, order="F")
    for k, plane in enumerate(_planes(volume)):
        with np.errstate(invalid="ignore"):  # NaN is named below
            labels[:, :, k] = plane.astype(np.uint8)
        if (odd := plane[labels[:, :, k] != plane]).size:
            raise DataError(
                f"{volume.path}: labels {_listed(np.unique(odd))}; a mask has whole numbers of 0 to 255: "
                "threshold probabilities, replace NaN"
            )
    return labels


def levels(labels: np.ndarray) -> np.ndarray:
    """The labels that occur in `(i, j, k)` uint8, rising."""
    there = np.zeros(256, bool)
    for k in range(labels.shape[2]):  # by planes, for bincount makes int64 of them
        there |= np.bincount(labels[:, :, k].ravel(), minlength=256) > 0
    return np.flatnonzero(there)


def expect_labels(labels: np.ndarray, path: Path, allowed: tuple[tuple[int, ...], ...]) -> None:
    """Raises a DataError, naming the labels, unless all of them are within one of the allowed sets."""
    values = levels(labels)
    if not any(set(values) <= set(choice) for choice in allowed):
        wanted = " or ".join(_listed(choice) for choice in allowed)
        raise DataError(f"{path}: labels {_listed(values)} instead of {wanted}; relabel it")


def _listed(values) -> str:
    return ", ".join(f"{value:g}" for value in values[:6]) + (", ..." if len(values) > 6 else "")
