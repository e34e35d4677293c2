"""MetaImage files (.mha, .mhd)."""

import math
import os
import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its own convention)

from pipelines.files.labels import MaskError
from pipelines.frame import LPS_TO_RAS

_DEFLATE = 1032  # to one, the most that zlib compresses
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
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, LPS_TO_RAS @ affine


def open_metaimage(path: Path) -> sitk.ImageFileReader:
    """Reads the header of a file.

    Raises:
        MaskError: it cannot be read, or is not one volume of numbers.
    """
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
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
        raise MaskError("mask-unreadable", "not one number per voxel of a volume; export it as one 3-D volume")
    # No memory is taken for what a file cannot hold, a byte per voxel at least.
    held = sum(file.stat().st_size for file in metaimage_files(path))
    if math.prod(reader.GetSize()) > held * _DEFLATE:
        raise MaskError("truncated", "ends early or is damaged; copy it again")
    return reader


def metaimage_files(path: Path) -> tuple[Path, ...]:
    """The file itself and, beside a .mhd, the file of its voxels if it is there."""
    with path.open("rb") as file:
        match = re.search(rb"^ElementDataFile\s*=\s*(.+?)\s*$", file.read(_HEADER), re.MULTILINE)
    data = path.parent / match[1].decode(errors="surrogateescape") if match else path
    return (path, data) if path.suffix.lower() == ".mhd" and data.is_file() else (path,)


def _unreadable() -> MaskError:
    return MaskError("mask-unreadable", "not a MetaImage file, or a damaged one; export it again")
