"""Values of label maps."""

import numpy as np


def levels(labels: np.ndarray) -> np.ndarray:
    """The values that occur in `(i, j, k)` uint8, ascending."""
    found = np.zeros(256, bool)
    for k in range(labels.shape[2]):  # plane by plane: bincount converts to int64
        found |= np.bincount(labels[:, :, k].ravel(), minlength=256) > 0
    return np.flatnonzero(found)
