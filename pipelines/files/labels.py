"""Values of label maps."""

import numpy as np

LABEL_ROUNDING = 1e-3  # by which a label may lie beside a whole number, as one that went through a scale factor does
_HIGHEST = np.iinfo(np.uint16).max


class MaskError(Exception):
    """A file of masks that cannot be used; the message, without the file, and the code of the finding."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def levels(labels: np.ndarray) -> np.ndarray:
    """The values that occur in `(i, j, k)` uint8 or uint16, ascending."""
    found = np.zeros(np.iinfo(labels.dtype).max + 1, bool)
    for k in range(labels.shape[2]):  # plane by plane: bincount converts to int64
        found |= np.bincount(labels[:, :, k].ravel(), minlength=len(found)) > 0
    return np.flatnonzero(found)


def as_labels(values: np.ndarray) -> np.ndarray:
    """Whole numbers of any type as uint8, or uint16 where some exceed 255.

    Raises:
        MaskError: some are negative, exceed 65535, are not whole to 1e-3, or are no numbers.
    """
    if values.dtype.kind not in "buif":
        raise MaskError("mask-values", f"not one number per voxel but {values.dtype}; export it as plain labels")
    whole = np.rint(values) if values.dtype.kind == "f" else values
    if values.dtype.kind == "f" and not (np.abs(values - whole) <= LABEL_ROUNDING).all():  # which NaN is not
        odd = np.unique(values[~(np.abs(values - whole) <= LABEL_ROUNDING)])[:3].tolist()
        shown = ", ".join(f"{value:g}" for value in odd)
        raise MaskError("mask-values", f"labels {shown}; a mask has whole numbers: threshold probabilities")
    low, high = (float(whole.min()), float(whole.max())) if whole.size else (0.0, 0.0)
    if low < 0 or high > _HIGHEST:
        raise MaskError("mask-values", f"values from {low:g} to {high:g}, not labels; give the mask, not the image")
    return whole.astype(np.uint8 if high < 256 else np.uint16)
