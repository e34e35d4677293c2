"""Choices behind the scores of a case."""

import dataclasses
import math

from cafct_keras.errors import UserError

CONNECTIVITIES = (26, 18, 6)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """Choices behind lesions and surface distances; cases of one summary share them.

    Attributes:
        iou_thresholds: a reference lesion is found where its IoU exceeds a threshold; one or more in [0, 1), ascending.
        tolerances: of the surface Dice (NSD), in mm, or in pixels where the spacing is unknown; one or more, above 0,
            ascending.
        connectivity: neighbours that make voxels of a volume one lesion: 26 (faces, edges and corners), 18 (faces and
            edges) or 6 (faces). Single slices take those in the plane: 8, 8 or 4.
        sheet: `"lits"` to score what the LiTS challenge's sheet has besides; None for none.

    Raises:
        UserError: a value is invalid.
    """

    iou_thresholds: tuple[float, ...] = (0.0, 0.1, 0.5)
    tolerances: tuple[float, ...] = (1.0, 2.0, 3.0)
    connectivity: int = 26
    sheet: str | None = None

    def __post_init__(self) -> None:
        for name in ("iou_thresholds", "tolerances"):
            object.__setattr__(self, name, tuple(sorted({float(value) for value in getattr(self, name)})))
        if not self.iou_thresholds or not all(0 <= value < 1 for value in self.iou_thresholds):
            raise UserError(f"`iou_thresholds` {_listed(self.iou_thresholds)}: give one or more from 0 to below 1")
        if not self.tolerances or not all(0 < value < math.inf for value in self.tolerances):
            raise UserError(f"`tolerances` {_listed(self.tolerances)}: give one or more lengths above 0")
        if self.connectivity not in CONNECTIVITIES:
            listed = ", ".join(map(str, CONNECTIVITIES))
            raise UserError(f"`connectivity` {self.connectivity}: unknown; give one of {listed}")
        if self.sheet not in (None, "lits"):
            raise UserError(f"`sheet` {self.sheet}: unknown; give lits")


def _listed(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values) or "(none)"
