"""MetaImage files (.mha, .mhd)."""

import os
import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its own convention)

from pipelines.files.labels import MaskError
from pipelines.files.sizes import check_claim, held_by
from pipelines.frame import LPS_TO_RAS

_HEADER = 1 << 16  # bytes in which a header ends


def read_metaimage(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads `(i, j, k)` values and the `(4, 4)` affine of (i, j, k), RAS+.

    Raises:
        MaskError: it cannot be read, or is not one volume of numbers.
    """
    reader = open_metaimage(path)
    try:
        image = reader.Execute()
    except RuntimeError:  # whose text is a page of C++
        raise _unreadable() from None
    axes, affine = image.GetDimension(), np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (axes, axes))[:3, :3] * image.GetSpacing()[:3]
    affine[:3, 3] = image.GetOrigin()[:3]
    return sitk.GetArrayFromImage(image).T.reshape(image.GetSize()[:3], order="F"), LPS_TO_RAS @ affine


def open_metaimage(path: Path) -> sitk.ImageFileReader:
    """Reads the header of a file.

    Raises:
        MaskError: it cannot be read, or is not one volume of numbers.
    """
    held_by(path)
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:  # which ends the process in SimpleITK
        raise MaskError("mask-unreadable", "its name, or that of a folder above it, is not UTF-8; rename it") from None
    reader = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise _unreadable() from None
    size = reader.GetSize()
    if len(size) < 3 or set(size[3:]) - {1} or reader.GetNumberOfComponents() != 1:  # some tools add axes of length 1
        raise MaskError("mask-unreadable", "not one number per voxel of a volume; export it as one 3-D volume")
    itemsize = sitk.GetArrayViewFromImage(sitk.Image([1, 1, 1], reader.GetPixelID())).itemsize
    check_claim(size, itemsize, held_by(*metaimage_files(path)), compressed=_is_compressed(path))
    return reader


def metaimage_files(path: Path) -> tuple[Path, ...]:
    """The file itself and, beside a .mhd, the file of its voxels if it is there."""
    match = re.search(rb"^ElementDataFile\s*=\s*(.+?)\s*$", _start(path), re.MULTILINE)
    data = path.parent / match[1].decode(errors="surrogateescape") if match else path
    return (path, data) if path.suffix.lower() == ".mhd" and data.is_file() else (path,)


def _is_compressed(path: Path) -> bool:
    return bool(re.search(rb"^CompressedData\s*=\s*True", _start(path), re.MULTILINE | re.IGNORECASE))


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER)


def _unreadable() -> MaskError:
    return MaskError("mask-unreadable", "not a MetaImage file, or a damaged one; export it again")
