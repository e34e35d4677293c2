"""Sizes that headers claim, compared with the files before memory is taken for them."""

import math
import re
import stat
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipelines.files.labels import MaskError

DEFLATE = 1032  # to one, the most that gzip and zlib compress
MOST_VOXELS = 1 << 30  # of a volume; 1024 slices of 1024x1024, twice what scanners make of a whole body
MOST_PIXELS = 1 << 26  # of a slice, 8192x8192
_LARGE, _DENSE = 1 << 31, 200  # bytes, beyond which a file is a bomb if it compresses by more than this
_MOST_UNPACKED = 1 << 28  # bytes of a deflated DICOM file
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # transfer syntax of DICOM
_JPEG2000 = b"\xff\x4f\xff\x51"  # start of its header
_JPEG = re.compile(rb"\xff[\xc0-\xc3\xf7]\0.[\x08-\x10](.{4})", re.DOTALL)  # start of a frame, rows and columns
_BLOCK = 1 << 20  # bytes that are decompressed at a time
_REST = 1 << 20  # bytes that may follow the voxels


def held_by(*paths: Path) -> int:
    """Bytes in regular files, all together.

    Raises:
        MaskError: one is missing, or is not a regular file, such as a named pipe.
    """
    total = 0
    for path in paths:
        try:
            found = path.stat()
        except FileNotFoundError:
            raise MaskError("unreadable", f"cannot be read (no such file, {path.name}); copy it again") from None
        except OSError as error:
            raise MaskError("unreadable", f"cannot be read ({error.strerror}); copy it again") from None
        if not stat.S_ISREG(found.st_mode):
            raise MaskError("not-a-file", "cannot be read (a pipe, a device or a folder); remove it")
        total += found.st_size
    return total


def check_claim(shape: Sequence[int], itemsize: int, held: int, *, compressed: bool = False) -> None:
    """Refuses a volume that its file cannot hold, or that no machine could.

    Args:
        shape: what the header claims.
        itemsize: bytes of a voxel.
        held: bytes of the file.
        compressed: whether the voxels are compressed by zlib or gzip.

    Raises:
        MaskError: the file is too small for the claim, or the claim is too large for a scan.
    """
    size = "x".join(map(str, shape))
    voxels = math.prod(map(int, shape))
    if min(shape, default=0) < 1:
        raise MaskError("unreadable", f"has no voxels ({size}); export it again")
    claimed = voxels * itemsize
    if claimed > held * (DEFLATE if compressed else 1):
        raise MaskError("truncated", "ends early or is damaged; copy it again")
    if voxels > MOST_VOXELS:
        raise MaskError("too-large", f"claims {size} voxels, more than a scan has; export it again")
    if claimed > max(_LARGE, held * _DENSE):
        raise MaskError("too-large", f"unpacks {held} bytes to {claimed}, as no scan does; export it again")


def check_deflated(path: Path) -> None:
    """Refuses a deflated DICOM file that unpacks to far more than a slice or a segmentation.

    Raises:
        MaskError: it does, or is not a regular file.
    """
    if held_by(path) * DEFLATE <= _MOST_UNPACKED:  # as most files are, of which nothing has to be read
        return
    with path.open("rb") as file:
        start = file.read(2048)
        if _DEFLATED not in start:
            return
        # Behind the preamble, the mark, and the file meta information, whose first element is its length.
        file.seek(144 + int.from_bytes(start[140:144], "little"))
        unpacked, inflate = 0, zlib.decompressobj(-zlib.MAX_WBITS)
        while (data := inflate.unconsumed_tail or file.read(_BLOCK)) and not inflate.eof:
            try:
                unpacked += len(inflate.decompress(data, _BLOCK))
            except zlib.error:
                return  # which its reader names
            if unpacked > _MOST_UNPACKED:
                raise MaskError("too-large", "unpacks to far more than a slice; export it again")


def check_pixels(dataset: Any) -> None:
    """Refuses a slice with more pixels than any has, by its DICOM header and by that of its compressed pixels.

    Raises:
        MaskError: it claims them.
    """
    claims = [(int(dataset.Rows), int(dataset.Columns))]
    syntax = dataset.file_meta.TransferSyntaxUID
    data = dataset.PixelData[:2048] if syntax.is_encapsulated and "RLE" not in syntax.name else b""
    if (at := data.find(_JPEG2000)) >= 0:
        claims.append(struct.unpack(">II", data[at + 8 : at + 16].ljust(8, b"\0")))
    elif match := _JPEG.search(data):
        claims.append(struct.unpack(">HH", match[1]))
    for one, other in claims:
        if one * other > MOST_PIXELS:
            raise MaskError("too-large", f"claims {one}x{other} pixels, more than a slice has; export it again")


def read_into(file: IO[bytes], array: np.ndarray) -> None:
    """Fills an array from a stream, so that no more is decompressed than it holds.

    Args:
        file: the stream.
        array: contiguous in either order.

    Raises:
        EOFError: the stream ends early.
    """
    memory = array.reshape(-1, order="A").view(np.uint8).data
    for start in range(0, len(memory), _BLOCK):
        part = memory[start : start + _BLOCK]
        data = file.read(len(part))
        if len(data) < len(part):
            raise EOFError("ends early")
        part[:] = data


def read_end(file: IO[bytes]) -> int:
    """Reads a compressed stream to its end, where the checksum is, and returns how many bytes were left.

    Raises:
        MaskError: much follows that no header speaks of.
    """
    rest = 0
    while data := file.read(_BLOCK):
        rest += len(data)
        if rest > _REST:
            raise MaskError("truncated", "holds far more than its header says; export it again")
    return rest
