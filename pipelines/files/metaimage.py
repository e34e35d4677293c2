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
# Fields of a number for each axis, and of one for each pair of axes.
_VECTORS = ("DimSize", "ElementSpacing", "ElementSize", "Offset", "Origin", "Position", "CenterOfRotation")
_MATRICES = ("TransformMatrix", "Rotation", "Orientation")
_NUMBERS = ("CompressedDataSize", "HeaderSize", "ElementNumberOfChannels")
_MOST_AXES = 10


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
    compressed = _check_fields(path)
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
    check_claim(size, itemsize, held_by(*metaimage_files(path)), compressed=compressed)
    return reader


def metaimage_files(path: Path) -> tuple[Path, ...]:
    """The file itself and the file of its voxels, if that is another one, which may be missing."""
    match = re.search(rb"^ElementDataFile\s*=\s*(.+?)\s*$", _start(path), re.MULTILINE)
    if match is None or match[1].upper() == b"LOCAL":
        return (path,)
    return path, path.parent / match[1].decode(errors="surrogateescape")


def _check_fields(path: Path) -> bool:
    """Checks the header of a file, and returns whether its voxels are compressed.

    A header that contradicts itself can end the process in SimpleITK, or make it print lines of its own.

    Raises:
        MaskError: fields are missing, twice, out of order, or not what they should be.
    """
    fields: dict[str, str] = {}
    for line in _start(path).decode("latin-1").splitlines():
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign or name in fields or ("NDims" not in fields and name in (*_VECTORS, *_MATRICES)):
            raise _unreadable()
        fields[name] = value
        if name == "ElementDataFile":
            break
    try:
        axes = int(fields["NDims"])
        counts = {
            **dict.fromkeys(_VECTORS, axes),
            **dict.fromkeys(_MATRICES, axes * axes),
            **dict.fromkeys(_NUMBERS, 1),
        }
        numbers = {name: np.array(fields[name].split(), float) for name in counts if name in fields}
        sizes = [int(size) for size in fields["DimSize"].split()]
    except (KeyError, ValueError):
        raise _unreadable() from None
    sound = all(len(each) == counts[name] and np.isfinite(each).all() for name, each in numbers.items())
    held = held_by(*metaimage_files(path))
    inside = all(-1 <= numbers[name].max() <= held for name in _NUMBERS if name in numbers)
    known = re.fullmatch("MET_U?(CHAR|SHORT|INT|LONG|LONG_LONG|FLOAT|DOUBLE)(_ARRAY)?", fields.get("ElementType", ""))
    if not (0 < axes <= _MOST_AXES and sound and inside and known and min(sizes) > 0 and "ElementDataFile" in fields):
        raise _unreadable()
    return fields.get("CompressedData", "").lower() == "true"


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER)


def _unreadable() -> MaskError:
    return MaskError("mask-unreadable", "not a MetaImage file, or a damaged one; export it again")
