"""Whether weights are numbers."""

from collections.abc import Mapping

import numpy as np


def first_non_finite(values: Mapping[str, np.ndarray]) -> str | None:
    """Name of the first array that holds NaN or infinite values; None if all are finite."""
    floats = ((name, value) for name, value in values.items() if value.dtype.kind == "f")
    return next((name for name, value in floats if not np.isfinite(value).all()), None)
