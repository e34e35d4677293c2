"""Printed scores of the paper: Tables 2 to 4 of arXiv 2401.16886, per cent, on the test part of lits-png.

The paper does not state the rule behind its "mIoU" and Dice. Its own figures exclude some rules:

* Taken over pixels, or over the two classes, IoU and Dice determine or bound each other, and rows contradict that:
  `pooled` and `two_class_mean` are out.
* In a mean over units, Dice exceeds IoU by at most `3 - 2 * sqrt(2)` per unit, and by 0 where a unit scores 0 or 1. So
  at least `(Dice - IoU) / 0.1716` of the units must show the target. The test part has too few of them (`SHOWN`,
  counted in its own table) for rules that count the empty units.
"""

import dataclasses
import math
from typing import Any

from cafct_keras.evaluation.metrics.overlap import RULES
from cafct_keras.evaluation.results import Evaluation, RunData

NOTE = (
    "The paper states no rule for its figures; each is shown with the rules that could have produced it. "
    "Only the same rule, on the same slices, compares with it."
)
PAPER_LAYOUT = "lits_png"
PAPER_SIZE = 256  # pixels
CONTRADICTED = ("pooled", "two_class_mean")
# Fraction of the test part's units (3,038 slices, 380 batches of 8 in order, 11 studies) that show the target, for
# rules that count those that do not.
SHOWN = {
    "lesion": {"per_slice_all_one": 363 / 3038, "batch_flattened": 60 / 380, "per_case_lits": 10 / 11},
    "liver": {"per_slice_all_one": 1200 / 3038, "batch_flattened": 158 / 380, "per_case_lits": 11 / 11},
}
LARGEST_GAP = 3 - 2 * math.sqrt(2)  # of Dice and IoU of one unit, at an IoU of sqrt(2) - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Printed:
    """One row of a table.

    Attributes:
        table: 2, 3 or 4.
        system: its name in the paper.
        target: `"lesion"` or `"liver"`.
        iou: called mIoU in the paper, per cent.
        dice: per cent.
    """

    table: int
    system: str
    target: str
    iou: float
    dice: float

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that could have produced the row."""
        needed = (self.dice - self.iou) / 100 / LARGEST_GAP
        shown = SHOWN[self.target]
        return tuple(rule for rule in RULES if rule not in CONTRADICTED and shown.get(rule, 1.0) >= needed)

    def as_dict(self) -> dict[str, Any]:
        """The attributes and `rules`, for JSON."""
        return {**dataclasses.asdict(self), "rules": list(self.rules)}


def _rows(table: int, target: str, figures: dict[str, tuple[float, float]]) -> dict[tuple[int, str, str], Printed]:
    return {
        (table, system, target): Printed(table=table, system=system, target=target, iou=iou, dice=dice)
        for system, (iou, dice) in figures.items()
    }


# By table, system and target.
PRINTED: dict[tuple[int, str, str], Printed] = {
    **_rows(
        2,
        "lesion",
        {
            "H-DenseUNet": (68.30, 78.64),
            "DeeplabV3+": (73.98, 82.05),
            "Attention U-Net": (65.92, 76.10),
            "PVTFormer": (73.13, 82.87),
            "CAFCT-Net": (76.54, 84.29),
        },
    ),
    **_rows(
        3,
        "liver",
        {
            "U-Net": (89.31, 93.60),
            "DeeplabV3+": (91.77, 95.43),
            "Attention U-Net": (89.65, 94.09),
            "UNet++": (90.05, 94.43),
            "CAFCT-Net": (91.92, 95.64),
        },
    ),
    **_rows(
        4,
        "lesion",
        {
            "CAFCT-Net": (76.54, 84.29),
            "w/o Transformer": (74.12, 82.74),
            "w/o AFF": (76.15, 84.51),
            "w/o ASPP": (74.95, 83.63),
            "w/o AGs": (74.03, 83.41),
        },
    ),
}


def with_printed_rows(evaluation: Evaluation) -> Evaluation:
    """Adds the paper's rows of the scored targets to an evaluation of its data; others stay as they are."""
    data = evaluation.document.data
    rows = [row.as_dict() for row in PRINTED.values() if row.target in data.targets]
    if not isinstance(data, RunData) or data.layout != PAPER_LAYOUT or not rows:
        return evaluation
    note = NOTE
    if data.grid == "native":
        note += f" Its slices were resized to {PAPER_SIZE}x{PAPER_SIZE}; these scores are of the data's own pixels."
    document = dataclasses.replace(evaluation.document, paper=rows, paper_note=note)
    return dataclasses.replace(evaluation, document=document)
