"""Checks of what is handed in to be scored."""

import math

import numpy as np

from cafct_keras.errors import UserError


def as_stack(mask, *, name: str) -> np.ndarray:
    """Makes a bool stack of a mask.

    Args:
        mask: array `(slices, H, W)` or `(H, W)`, bool or integers 0 and 1.
        name: what it is called in errors, such as `"study-3: prediction"`.

    Returns:
        bool `(slices, H, W)`.

    Raises:
        UserError: it is no such array.
    """
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


def as_spacing(spacing, *, case: str) -> tuple[float, float, float] | None:
    """Checks millimetres along (slice, row, column), or None.

    Raises:
        UserError: they are not three positive numbers.
    """
    if spacing is None:
        return None
    try:
        steps = tuple(float(step) for step in spacing)
    except (TypeError, ValueError):
        steps = ()
    if len(steps) != 3 or not all(math.isfinite(step) and step > 0 for step in steps):
        raise UserError(
            f"{case}: spacing={spacing!r} is not three positive lengths; give millimetres along (slice, row, column), "
            "or None where they are unknown"
        )
    return steps
