"""Compressed voxels of volume files, plane by plane."""

import zlib
from collections.abc import Iterator

import numpy as np

from pipelines.case import Case
from pipelines.frame import Frame

GZIP, ZLIB = zlib.MAX_WBITS | 16, zlib.MAX_WBITS  # containers of the compressed stream; neither has a date in it
_LEVEL = 1


def frame_of(case: Case) -> Frame:
    """Where the file's array lies; a volume has a frame."""
    assert case.frame is not None  # or `check_format` had refused it
    return case.frame


def compressed(array: np.ndarray, dtype: np.dtype | type, container: int, *, head: bytes = b"") -> Iterator[bytes]:
    """Yields the compressed bytes of `head` and of an array `(i, j, k)`, the first axis fastest."""
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, container)
    yield stream.compress(head)
    for k in range(array.shape[2]):
        yield stream.compress(np.asarray(array[:, :, k].T, dtype, order="C").data)
    yield stream.flush()
