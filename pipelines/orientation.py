"""Orientation of a stack of axial slices.

An orientation is written as in nibabel, by the directions in which the slice, row and column index grow: Superior or
Inferior, Posterior or Anterior, Left or Right of the patient. A network fails on slices that are rotated or flipped
against those it was trained on, so every source states its orientation.
"""

import numpy as np

RADIOLOGICAL = "SPL"  # the first slice nearest the feet, the spine at the bottom, the liver on the image's left
HEAD_FIRST = "IPL"  # the same view, the first slice nearest the head
SPINE_UP = "SAR"  # each slice rotated by 180 degrees: PNG exports of LiTS
OFF_AXIAL = 35.0  # degrees beyond which slices are not axial; gantries tilt by up to 30

_OF_LAYOUT = {"nifti": RADIOLOGICAL, "dicom": RADIOLOGICAL, "phantom": HEAD_FIRST, "lits_png": SPINE_UP}
_AXES = ("SI", "PA", "LR")


def orientation_of_layout(layout: str) -> str | None:
    """Orientation of the slices of a layout, for records that only name the layout; None if unknown."""
    return _OF_LAYOUT.get(layout)


def is_axial(codes: object) -> bool:
    """Whether something is an orientation of axial slices, such as `"SPL"`."""
    return isinstance(codes, str) and len(codes) == 3 and all(map(str.__contains__, _AXES, codes))


def reorient(stack: np.ndarray, current: str | None, wanted: str | None) -> np.ndarray:
    """Flips the axes of a stack of slices, images or masks, into another orientation.

    Args:
        stack: `(slices, H, W, ...)`, any dtype.
        current: orientation of `stack`, such as `"SPL"`; None if unknown.
        wanted: orientation of the result; None for any.

    Returns:
        A view of `stack`, unchanged if either orientation is None. Swapping `current` and `wanted` undoes it.

    Raises:
        ValueError: one of the orientations is not of axial slices.
    """
    for codes in (current, wanted):
        if codes is not None and not is_axial(codes):
            raise ValueError(f"orientation {codes!r}: give one of S or I, P or A, L or R, as in 'SPL', or None")
    if current is None or wanted is None:
        return stack
    return stack[tuple(slice(None, None, 1 if a == b else -1) for a, b in zip(current, wanted, strict=True))]
