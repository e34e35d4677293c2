"""Results for a set of cases: the `summary` of each result in `evaluation.json`."""

import dataclasses
from typing import TypedDict

from cafct_keras.evaluation.metrics.bootstrap import Estimate
from cafct_keras.evaluation.metrics.burden import Agreement


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurfaceSummary:
    """Surface distances of one target.

    Attributes:
        unit: `"volume"` or `"slice"`.
        length: `"mm"`, or `"px"` where the spacing is unknown.
        missed: units where only the prediction is empty; their distances count as the diagonal, NSD as 0.
        spurious: units where only the reference is empty (false positives), counted likewise.
        both_empty: units where both are empty; their distances count as 0, NSD as 1.
        all: `"hd95_mm"`, `"assd_mm"`, `"nsd_1_mm"`, ... (or `"_px"`) to the mean over all units.
        positive: the same over the units that show the target in the reference.
    """

    unit: str
    length: str
    missed: int
    spurious: int
    both_empty: int
    all: dict[str, Estimate]
    positive: dict[str, Estimate]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Detection:
    """Lesion-wise detection at one IoU threshold, over all lesions taken together.

    Attributes:
        recall: found lesions over lesions.
        precision: found lesions over found lesions and false positives.
        f1: their harmonic mean.
        recall_by_diameter: `"under_10_mm"`, `"10_to_20_mm"` and `"over_20_mm"` to recall; None without spacing.
    """

    recall: Estimate
    precision: Estimate
    f1: Estimate
    recall_by_diameter: dict[str, Estimate] | None


# Lesions of one target: `unit` is "volume" or "slice", `units` the number of those, `lesions` the number of the
# reference's. The keys with a threshold are no identifiers, so this is no class.
LesionSummary = TypedDict(
    "LesionSummary",
    {
        "unit": str,
        "units": int,
        "lesions": int,
        "false_positives": int,
        "false_positives_per_unit": Estimate,
        "iou_over_0": Detection,
        "iou_over_0.5": Detection,
    },
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VolumeSummary(Agreement):
    """Agreement of predicted and reference volumes in ml.

    Attributes:
        absolute_error: mean absolute error.
    """

    absolute_error: Estimate


@dataclasses.dataclass(frozen=True, kw_only=True)
class BurdenPoint:
    """Tumour burden of one case, in [0, 1].

    Attributes:
        case: its name.
        predicted: None where neither liver nor tumour is predicted.
        reference: of the reference.
    """

    case: str
    predicted: float | None
    reference: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class BurdenSummary(Agreement):
    """Agreement of predicted and reference tumour burden, over the cases whose prediction has one.

    Attributes:
        absolute_error: mean absolute error over all cases.
        missed_livers: cases without a predicted burden, each counted as an error of 1.
        points: the cases.
    """

    absolute_error: Estimate
    missed_livers: int
    points: list[BurdenPoint]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetSummary:
    """All scores of one target.

    Attributes:
        cases, patients, slices: how many were scored.
        positive_cases, positive_slices: how many show the target in the reference.
        overlap: rule of `RULES` to measure (`"dice"`, `"iou"`, `"precision"`, `"recall"`) to estimate.
        surface: distances between surfaces.
        lesions: detection; None for an organ.
        volume_ml: None unless the slices form volumes of known spacing.
    """

    cases: int
    patients: int
    slices: int
    positive_cases: int
    positive_slices: int
    overlap: dict[str, dict[str, Estimate]]
    surface: SurfaceSummary
    lesions: LesionSummary | None
    volume_ml: VolumeSummary | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SummaryOptions:
    """Constants and choices behind a summary's estimates; `contiguous` and `spacing_known` hold for all cases."""

    seed: int
    resamples: int
    confidence: float
    batch_size: int
    iou_thresholds: list[float]
    tolerances: list[int]
    contiguous: bool
    spacing_known: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """All scores of a set of cases.

    Attributes:
        cases, patients, slices: how many were scored.
        options: how.
        targets: name to scores.
        burden: None unless liver and lesion are both scored.
    """

    cases: int
    patients: int
    slices: int
    options: SummaryOptions
    targets: dict[str, TargetSummary]
    burden: BurdenSummary | None
