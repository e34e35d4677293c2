"""Caches of decoded slices: arrays that grow case by case, in memory or in a temporary file."""

import sys
import tempfile
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import platformdirs

from pipelines.errors import DataError


class Cache(Protocol):
    """A uint8 array that grows along its first axis."""

    def append(self, piece: np.ndarray) -> None:
        """Appends `(N, *shape)` uint8."""

    def to_array(self) -> np.ndarray:
        """The whole, `(N, *shape)` uint8; call it once, at the end."""


class MemoryCache:
    """Grows an array in memory, in place, so that no piece is ever there twice.

    Args:
        *shape: of one element.
    """

    def __init__(self, *shape: int) -> None:
        self._array = np.empty((0, *shape), np.uint8)
        self._length = 0

    def append(self, piece: np.ndarray) -> None:
        """Appends `(N, *shape)` uint8."""
        end = self._length + len(piece)
        if end > len(self._array):
            self._resize(max(end, len(self._array) + len(self._array) // 8))
        self._array[self._length : end] = piece
        self._length = end

    def to_array(self) -> np.ndarray:
        """The whole, `(N, *shape)` uint8; call it once, at the end."""
        self._resize(self._length)
        return self._array

    def _resize(self, length: int) -> None:
        # In place, where the system moves pages and copies nothing. No one else refers to this array yet.
        self._array.resize((length, *self._array.shape[1:]), refcheck=False)


class FileCache:
    """Writes to a file.

    Args:
        *shape: of one element.
        path: the file to create; None for an unnamed one in the user's cache folder, freed by the system with the last
            reference to it.
    """

    def __init__(self, *shape: int, path: Path | None = None) -> None:
        self._shape = shape
        if path is None:
            # Not in the system's temporary folder, which often is in memory itself.
            self._folder = platformdirs.user_cache_path("cafct-keras", ensure_exists=True)
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  (open as long as the array is)
        else:
            self._folder, self._file = path.parent, path.open("w+b")
        self._length = 0

    def append(self, piece: np.ndarray) -> None:
        """Appends `(N, *shape)` uint8.

        Raises:
            DataError: the disk is full.
        """
        try:
            self._file.write(np.ascontiguousarray(piece).data)
        except OSError as error:
            elsewhere = "" if sys.platform == "win32" else " or set XDG_CACHE_HOME"
            raise DataError(
                f"`cache`: cannot write to {self._folder} ({error.strerror}); free some space{elsewhere}"
            ) from None
        self._length += len(piece)

    def to_array(self) -> np.ndarray:
        """The whole, `(N, *shape)` uint8, memory-mapped and read-only; call it once, at the end."""
        self._file.flush()
        if not self._length:  # an empty file cannot be mapped
            return np.empty((0, *self._shape), np.uint8)
        return np.memmap(self._file, np.uint8, "r", shape=(self._length, *self._shape))

    def close(self) -> tuple[int, ...]:
        """Closes a named file and returns the shape of the whole; call it once, at the end."""
        self._file.close()
        return (self._length, *self._shape)


TEMPORARY_CACHES: dict[str, type[MemoryCache] | type[FileCache]] = {"ram": MemoryCache, "none": FileCache}
CACHES = (*TEMPORARY_CACHES, "disk")
"""Where slices are kept: in memory, in a temporary file, or in files for later runs too, see `kept`."""
