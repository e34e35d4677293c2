"""What the paper prints: Tables 2 to 4 of arXiv 2401.16886, per cent, on the test part of lits-png.

The paper does not say by which rule its "mIoU" and Dice are scored. Some rules are excluded by its own figures:

* Taken over pixels, or over the two classes, IoU and Dice determine or bound each other, and rows contradict that:
  `pooled` and `two_class_mean` are out.
* In the mean over units, Dice exceeds IoU by at most `3 - 2 * sqrt(2)` a unit, and by nothing where a unit scores 0 or
  1. So at least `(Dice - IoU) / 0.1716` of the units must show something of the target, and the test part has only so
  many that do (`SHOWN`, counted in its own table): too few for rules that count the empty ones.
"""

import dataclasses
import math

from cafct_keras.evaluation.metrics.overlap import RULES

NOTE = (
    "The paper states no rule for its figures; each is shown with the rules that could have produced it. "
    "Only the same rule, on the same slices, compares with it."
)
CONTRADICTED = ("pooled", "two_class_mean")
# Share of the test part's units (3,038 slices, 380 batches of 8 in order, 11 studies) that show the target, for rules
# that count those which do not.
SHOWN = {
    "lesion": {"per_slice_all_one": 363 / 3038, "batch_flattened": 60 / 380, "per_case_lits": 10 / 11},
    "liver": {"per_slice_all_one": 1200 / 3038, "batch_flattened": 158 / 380, "per_case_lits": 11 / 11},
}
LARGEST_GAP = 3 - 2 * math.sqrt(2)  # of Dice and IoU of one unit, at an IoU of sqrt(2) - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Printed:
    """One row.

    Attributes:
        table: 2, 3 or 4.
        system: as the paper calls it.
        target: `"lesion"` or `"liver"`.
        iou: what is called mIoU, per cent.
        dice: per cent.
    """

    table: int
    system: str
    target: str
    iou: float
    dice: float

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the rules that could have produced the row."""
        needed = (self.dice - self.iou) / 100 / LARGEST_GAP
        shown = SHOWN[self.target]
        return tuple(rule for rule in RULES if rule not in CONTRADICTED and shown.get(rule, 1.0) >= needed)

    def as_dict(self) -> dict:
        """The attributes and `rules`, ready for JSON."""
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


def printed_for(targets) -> list[dict]:
    """The rows about these targets, ready for JSON."""
    return [row.as_dict() for row in PRINTED.values() if row.target in targets]
