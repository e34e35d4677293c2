"""Connected components, boundaries and bounding boxes of masks."""

import numpy as np
from scipy import ndimage


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box around a mask's foreground, as one slice per axis; None if there is none.

    Args:
        mask: bool, any number of axes.
    """
    box = []
    for axis in range(mask.ndim):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not len(held):
            return None
        box.append(slice(int(held[0]), int(held[-1]) + 1))
    return tuple(box)


def boundary(mask: np.ndarray) -> np.ndarray:
    """The foreground voxels with a face neighbour in the background or outside the array.

    That is the mask minus its erosion with 6-connectivity (4 in two dimensions).

    Args:
        mask: bool, any number of axes.

    Returns:
        bool, of the mask's shape.
    """
    inner = mask.copy()
    for axis in range(mask.ndim):
        # Views along one axis: several times as fast as ndimage.binary_erosion, in no more memory than the result.
        inside, whole = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        inside[1:] &= whole[:-1]
        inside[:-1] &= whole[1:]
        inside[0] = inside[-1] = False
    return mask & ~inner


def neighbourhood(*, contiguous: bool, connectivity: int = 26) -> np.ndarray:
    """Structuring element `(3, 3, 3)` bool.

    Args:
        contiguous: whether it reaches into the slices above and below.
        connectivity: neighbours within a volume, 26, 18 or 6; within a slice they are 8, 8 or 4.
    """
    cube = ndimage.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[connectivity])
    if not contiguous:
        cube[[0, 2]] = False
    return cube


def label(mask: np.ndarray, *, contiguous: bool, connectivity: int = 26) -> tuple[np.ndarray, int]:
    """Labels the connected components of a stack.

    Args:
        mask: bool `(slices, H, W)`.
        contiguous: whether the slices are neighbours in one volume; otherwise every slice has components of its own.
        connectivity: see `neighbourhood`.

    Returns:
        int32 `(slices, H, W)`, 0 for background and 1..n for the components, and n.
    """
    return ndimage.label(mask, neighbourhood(contiguous=contiguous, connectivity=connectivity))
