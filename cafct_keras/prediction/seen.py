"""The slices of a case as a network sees them."""

import numpy as np

from cafct_keras.prediction.cases import CaseInput
from pipelines.orientation import reorient
from pipelines.preprocessing import Preprocessing, neighbours


class SeenCase:
    """The slices of a case as a network sees them, each made when it is first needed.

    Args:
        case: the case.
        seen: how the network sees it.

    Attributes:
        order: `(slices,)`, the index of each of the case's slices in the stack that the network sees. It is its own
            inverse.
    """

    def __init__(self, case: CaseInput, seen: Preprocessing) -> None:
        self._case, self._seen = case, seen
        count = len(case.case.images)
        self.order = reorient(np.arange(count).reshape(-1, 1, 1), case.orientation, seen.orientation).ravel()
        self._pixels = np.empty((count, seen.size, seen.size), np.uint8)
        self._made = np.zeros(count, bool)
        runs = case.case.runs
        # From the other end where the network sees the slices in the other order, so that they ascend in any case.
        self._runs = np.zeros(count, np.int64) if runs is None else np.abs(runs[self.order] - runs[self.order[0]])

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """The network's input for slices of the stack that it sees, see `Preprocessing.inputs`; from one thread."""
        needed = np.unique(neighbours(rows, self._runs, self._seen.context))
        for row in needed[~self._made[needed]]:
            plane = self._case.case.images[self.order[row], None]
            self._pixels[row] = self._seen.pixels(
                plane,
                intensity=self._case.intensity,
                orientation=self._case.orientation,
                grey_window=self._case.grey_window,
            )[0]
        self._made[needed] = True
        return self._seen.inputs(self._pixels, rows, self._runs)
