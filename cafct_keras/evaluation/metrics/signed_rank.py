"""Wilcoxon's signed-rank test."""

import numpy as np
from scipy import stats

EXACT = 50  # differences up to which p is exact


def signed_rank_p(differences: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (1945); exact up to `EXACT` differences, with ties too.

    Zeros are dropped; where all are, p is 1. SciPy's test is exact with ties up to 13 differences, for which it takes
    a second, and approximate above.

    Args:
        differences: float `(n,)` without NaN. Differences between them below 1e-12 are rounding.
    """
    rounded = np.round(differences, 12)
    rounded = rounded[rounded != 0]
    if not len(rounded):
        return 1.0
    if len(rounded) > EXACT:
        return float(stats.wilcoxon(rounded).pvalue)
    ranks = (2 * stats.rankdata(np.abs(rounded))).astype(int)  # ranks of ties are halves
    probability = np.ones(1)  # of each sum of the ranks of positive differences
    for rank in ranks:
        either = np.zeros(len(probability) + rank)
        either[: len(probability)] += probability / 2
        either[rank:] += probability / 2
        probability = either
    found = ranks[rounded > 0].sum()
    return float(min(1.0, 2 * min(probability[: found + 1].sum(), probability[found:].sum())))
