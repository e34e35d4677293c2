"""NRRD files: volumes, and labels of 3D Slicer with named segments in several layers."""

import bz2
import dataclasses
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import nrrd
import numpy as np
from isal import igzip

from pipelines.files.labels import MaskError
from pipelines.files.sizes import check_claim, held_by, read_end, read_into
from pipelines.frame import LPS_TO_RAS

# Name of a space to what turns it into RAS+.
_SPACES = {
    "left-posterior-superior": LPS_TO_RAS,
    "lps": LPS_TO_RAS,
    "right-anterior-superior": np.eye(4),
    "ras": np.eye(4),
}
_COMPRESSED = {"gzip": igzip.open, "gz": igzip.open, "bzip2": bz2.open, "bz2": bz2.open}
_TEXT = ("ascii", "text", "txt")
_MOST_HEADER = 1 << 20  # bytes
_MOST_LINES = 1 << 16  # that are skipped before the voxels


@dataclasses.dataclass(frozen=True, kw_only=True)
class NrrdHeader:
    """The header of a file.

    Attributes:
        path: the file.
        fields: as pynrrd parses them.
        start: bytes of the header.
        dtype: of the voxels as stored.
        shape: of the array as stored.
        files: the file, and that of its voxels where they have one of their own.
    """

    path: Path
    fields: dict[str, Any]
    start: int
    dtype: np.dtype
    shape: tuple[int, ...]
    files: tuple[Path, ...]


def read_nrrd(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads `(layers, i, j, k)` values and the `(4, 4)` affine of (i, j, k), RAS+.

    Raises:
        MaskError: it cannot be read, is not one volume or several of one grid, or does not say where it lies.
    """
    header = read_header(path)
    affine, layers = _affine(header)
    with _named_errors():
        array = _read_voxels(header)
    # 3D Slicer stacks overlapping segments along a first axis; other tools add one of length 1 anywhere.
    array = np.moveaxis(array, layers, range(len(layers)))
    return array.reshape(-1, *array.shape[len(layers) :]), affine


def read_header(path: Path) -> NrrdHeader:
    """Reads a header, and compares what it claims with the files.

    Raises:
        MaskError: it cannot be read, or the voxels cannot be there.
    """
    held_by(path)
    with _named_errors():
        with path.open("rb") as file:
            text = file.read(_MOST_HEADER)
        lines = _header_lines(text)
        fields = dict(nrrd.read_header(iter(lines)))
        dtype = nrrd.reader._determine_datatype(fields)
        shape = tuple(int(size) for size in fields["sizes"])
        encoding = str(fields["encoding"]).lower()
        if encoding not in ("raw", *_COMPRESSED, *_TEXT):
            raise ValueError(f"encoding {encoding}")
        detached = fields.get("datafile", fields.get("data file"))
        files = (path,) if detached is None else (path, path.parent / str(detached))
        axes = int(fields["dimension"])
    if len(shape) != axes:
        raise MaskError("mask-unreadable", "names more or fewer sizes than axes; export it again")
    # A voxel of text is a digit and a blank.
    itemsize = 2 if encoding in _TEXT else dtype.itemsize
    check_claim(shape, itemsize, held_by(files[-1]), compressed=encoding in _COMPRESSED)
    return NrrdHeader(path=path, fields=fields, start=len(b"".join(lines)), dtype=dtype, shape=shape, files=files)


def nrrd_segments(path: Path) -> dict[tuple[int, int], str] | None:
    """(layer, label) to name of the segments that 3D Slicer wrote into a .seg.nrrd; None where there are none.

    Raises:
        MaskError: the header cannot be read.
    """
    fields = read_header(path).fields
    with _named_errors():  # pynrrd lets decoding and number errors through
        numbers = [key[len("Segment") : -len("_Name")] for key in fields if re.fullmatch(r"Segment\d+_Name", str(key))]
        names = {}
        for n in numbers:
            label = int(fields.get(f"Segment{n}_LabelValue", int(n) + 1))
            names[int(fields.get(f"Segment{n}_Layer", 0)), label] = str(fields[f"Segment{n}_Name"])
    return names or None


def unreadable(error: Exception, *, kind: str = "") -> MaskError:
    """The error of a file that a library cannot read, as what it should be."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return MaskError("mask-unreadable", f"cannot be read{kind and f' as {kind}'} ({reason}); export it again")


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except MaskError:
        raise
    except Exception as error:  # of gzip, of zlib and of pynrrd, each with errors of its own
        raise unreadable(error) from None


def _header_lines(text: bytes) -> list[bytes]:
    """The lines of a header, to the empty one that ends it."""
    lines = []
    for line in io.BytesIO(text):
        lines.append(line)
        if not line.strip():
            break
    return lines


def _read_voxels(header: NrrdHeader) -> np.ndarray:
    """The array as stored; no more is decompressed than the header claims."""
    fields, encoding = header.fields, str(header.fields["encoding"]).lower()
    lines, skip = (int(fields.get(f"{what}skip", fields.get(f"{what} skip", 0))) for what in ("line", "byte"))
    if not 0 <= lines <= _MOST_LINES or skip < -1:
        raise ValueError(f"line skip {lines}, byte skip {skip}")
    array = np.empty(header.shape, header.dtype, order="F")
    with header.files[-1].open("rb") as file:
        file.seek(header.start if len(header.files) == 1 else 0)
        for _ in range(lines):
            file.readline()
        if encoding in _TEXT:
            file.seek(max(skip, 0), 1)
            return np.fromfile(file, header.dtype, array.size, sep=" ").reshape(header.shape, order="F")
        if encoding == "raw":
            _skip_raw(file, skip, array.nbytes)
            read_into(file, array)
            return array
        with _COMPRESSED[encoding](file) as stream:
            stream.seek(max(skip, 0))
            read_into(stream, array)
            if read_end(stream) and skip == -1:  # which counts from an end that is known only now
                raise ValueError("byte skip -1 of compressed voxels")
    return array


def _skip_raw(file: IO[bytes], skip: int, count: int) -> None:
    if skip == -1:
        file.seek(-count, 2)
    else:
        file.seek(skip, 1)


def _affine(header: NrrdHeader) -> tuple[np.ndarray, list[int]]:
    """The affine of the three axes that lie in space, and the other axes."""
    fields = header.fields
    space = str(fields.get("space", "")).lower()
    if space not in _SPACES or "space directions" not in fields or "space origin" not in fields:
        raise MaskError(
            "affine-unset", "does not say where it lies; save it with space, space directions and space origin"
        )
    given = [None if row is None else np.array(row, float) for row in fields["space directions"]]
    rows = [*[None] * (len(header.shape) - len(given)), *given]
    spatial = [axis for axis, row in enumerate(rows) if row is not None and np.isfinite(row).all()]
    others = [axis for axis in range(len(header.shape)) if axis not in spatial]
    directions = np.array([rows[axis] for axis in spatial])
    affine = np.eye(4)
    if directions.shape != (3, 3) or abs(np.linalg.det(directions)) < 1e-9:
        raise MaskError("affine-singular", "its space directions span no volume; save it again with three of them")
    if len(rows) != len(header.shape) or sum(header.shape[axis] > 1 for axis in others) > 1:
        raise MaskError("mask-unreadable", f"has {len(header.shape)} axes; save a volume of three")
    affine[:3, :3], affine[:3, 3] = directions.T, fields["space origin"]
    return _SPACES[space] @ affine, others
