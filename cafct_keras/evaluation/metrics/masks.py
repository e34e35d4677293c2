"""Validation of masks and spacings."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cafct_keras.errors import UserError
from cafct_keras.packed import Mask, PackedMask


def as_stack(mask: npt.ArrayLike, *, name: str) -> Mask:
    """Converts a mask to a bool stack.

    Args:
        mask: array `(slices, H, W)` or `(H, W)`, bool or integers 0 and 1; or a packed mask, which stays packed.
        name: its name in errors, such as `"study-3: prediction"`.

    Returns:
        bool `(slices, H, W)`.

    Raises:
        UserError: it is not such an array.
    """
    if isinstance(mask, PackedMask):
        return mask
    mask = np.asarray(mask)
    if mask.ndim not in (2, 3) or not mask.size:
        raise UserError(f"{name} has shape {mask.shape}; give (slices, H, W) or (H, W), with at least one pixel")
    if mask.dtype.kind == "f":
        if np.isnan(mask).any():
            raise UserError(f"{name} holds NaN; give a mask of bool or of the integers 0 and 1")
        raise UserError(f"{name} is {mask.dtype}, not a mask; give where it is foreground, such as probability > 0.5")
    if mask.dtype.kind not in "bui":
        raise UserError(f"{name} is {mask.dtype}; give a mask of bool or of the integers 0 and 1")
    if mask.dtype.kind != "b":
        lowest, highest = int(mask.min()), int(mask.max())
        if lowest < 0 or highest > 1:
            odd = lowest if lowest < 0 else highest
            raise UserError(f"{name} holds the value {odd}; give a mask of one target, such as labels == {odd}")
        mask = mask.astype(bool)
    return mask if mask.ndim == 3 else mask[None]


def as_spacing(spacing: Sequence[float] | None, *, case: str) -> tuple[float, float, float] | None:
    """Validates millimetres along (slice, row, column), or None.

    Raises:
        UserError: they are not three positive numbers.
    """
    if spacing is None:
        return None
    try:
        along_slice, along_row, along_column = (float(step) for step in spacing)
    except (TypeError, ValueError):
        along_slice = along_row = along_column = math.nan
    steps = along_slice, along_row, along_column
    if not all(math.isfinite(step) and step > 0 for step in steps):
        raise UserError(
            f"{case}: spacing={spacing!r} is not three positive lengths; give millimetres along (slice, row, column), "
            "or None where they are unknown"
        )
    return steps
