"""Sizes that headers claim, compared with the files before memory is taken for them."""

import math
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from pipelines.files.labels import MaskError

DEFLATE = 1032  # to one, the most that gzip and zlib compress
MOST_VOXELS = 1 << 30  # of a volume; 1024 slices of 1024x1024, twice what scanners make of a whole body
MOST_PIXELS = 1 << 26  # of a slice, 8192x8192
_LARGE, _DENSE = 1 << 31, 200  # bytes, beyond which a file is a bomb if it compresses by more than this
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
