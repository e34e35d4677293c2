"""Long arrays that grow piece by piece, in memory or in a file."""

import tempfile

import numpy as np
import platformdirs

from pipelines.errors import DataError


class StackInMemory:
    """Grows a uint8 array along its first axis, where it lies: its pieces are never there twice.

    Args:
        *shape: of one element.
    """

    def __init__(self, *shape: int):
        self._array = np.empty((0, *shape), np.uint8)
        self._length = 0

    def append(self, piece: np.ndarray) -> None:
        """Adds `(N, *shape)` uint8."""
        end = self._length + len(piece)
        if end > len(self._array):
            self._resize(max(end, len(self._array) + len(self._array) // 8))
        self._array[self._length : end] = piece
        self._length = end

    def join(self) -> np.ndarray:
        """The whole, `(N, *shape)` uint8; call it once."""
        self._resize(self._length)
        return self._array

    def _resize(self, length: int) -> None:
        # In place: the system moves pages, not bytes. Nobody else has this array yet.
        self._array.resize((length, *self._array.shape[1:]), refcheck=False)


class StackInFile:
    """The same in a temporary file in the user's cache folder, which the system frees with the last reference.

    Args:
        *shape: of one element.
    """

    def __init__(self, *shape: int):
        self._shape = shape
        # Not in the system's folder for temporary files, which is memory itself on many machines.
        folder = platformdirs.user_cache_path("cafct-keras", ensure_exists=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (open as long as the array is)
        self._length = 0

    def append(self, piece: np.ndarray) -> None:
        """Adds `(N, *shape)` uint8.

        Raises:
            DataError: the disk is full.
        """
        try:
            self._file.write(np.ascontiguousarray(piece).data)
        except OSError as error:
            reason = f"--cache none: the cache folder cannot be written to ({error.strerror})"
            raise DataError(f"{reason}; make room or set XDG_CACHE_HOME") from None
        self._length += len(piece)

    def join(self) -> np.ndarray:
        """The whole, `(N, *shape)` uint8, read-only, its pages read as they are asked for; call it once."""
        self._file.flush()
        if not self._length:  # which cannot be mapped
            return np.empty((0, *self._shape), np.uint8)
        return np.memmap(self._file, np.uint8, "r", shape=(self._length, *self._shape))
