"""Ranks of methods, their stability over resamples, and Holm's correction."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def ranks(means: np.ndarray, *, higher_is_better: bool) -> np.ndarray:
    """Ranks along the last axis, 1 for the best; equal means share the better rank.

    Args:
        means: `(..., methods)` float. Differences below 1e-12 are rounding.
        higher_is_better: whether the best mean is the highest.

    Returns:
        int `(..., methods)`.
    """
    rounded = np.round(means, 12)
    return stats.rankdata(-rounded if higher_is_better else rounded, method="min", axis=-1).astype(int)


def kendall_tau(resampled: np.ndarray, full: np.ndarray) -> np.ndarray:
    """Kendall's tau-b between each of many rankings and one.

    Args:
        resampled: int `(resamples, methods)`.
        full: int `(methods,)`.

    Returns:
        float `(resamples,)` in [-1, 1]; NaN where a ranking does not tell any two methods apart.
    """
    first, second = np.triu_indices(len(full), 1)
    orders, order = (np.sign(each[..., first] - each[..., second]) for each in (resampled, full))
    pairs = np.sqrt(np.count_nonzero(orders, axis=1) * np.count_nonzero(order))
    return np.divide(orders @ order, pairs, out=np.full(len(orders), np.nan), where=pairs > 0)


def holm(p: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for their number by Holm's step-down method (1979); None stays None and does not count."""
    known = sorted((value, index) for index, value in enumerate(p) if value is not None)
    corrected: list[float | None] = [None] * len(p)
    least = 0.0
    for place, (value, index) in enumerate(known):
        least = max(least, min(1.0, value * (len(known) - place)))
        corrected[index] = least
    return corrected
