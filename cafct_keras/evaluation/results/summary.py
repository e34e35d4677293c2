"""Results for a set of cases: the `summary` of each result in `evaluation.json`."""

import dataclasses

from cafct_keras.evaluation.metrics.bootstrap import Estimate
from cafct_keras.evaluation.metrics.burden import Agreement


@dataclasses.dataclass(frozen=True, kw_only=True)
class SurfaceSummary:
    """Surface distances of one target.

    Attributes:
        unit: `"volume"` or `"slice"`.
        length: `"mm"`, or `"px"` where the spacing is unknown.
        missed: units where only the prediction is empty; their distances count as the diagonal of the volume or slice,
            NSD and boundary IoU as 0.
        spurious: units where only the reference is empty (false positives), counted likewise.
        both_empty: units where both are empty; their distances count as 0, NSD and boundary IoU as 1.
        all: `"hd_mm"`, `"hd95_mm"`, `"assd_mm"`, `"rmsd_mm"`, `"nsd_1_mm"`, ..., `"surfel_nsd_1_mm"`, ... (or `"_px"`)
            and `"boundary_iou"`, see `metrics.surface.surface_distances`, to the mean over all units.
        positive: the same over the units that show the target in the reference.
        both: the same over the units that show it in both masks, as tools report that leave misses out.
    """

    unit: str
    length: str
    missed: int
    spurious: int
    both_empty: int
    all: dict[str, Estimate]
    positive: dict[str, Estimate]
    both: dict[str, Estimate]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Detection:
    """Lesion-wise detection at one IoU threshold, over all lesions taken together.

    Attributes:
        false_positives: number of predicted components that belong to no lesion found at the threshold; None in
            documents of format 1 for thresholds over 0.
        false_positives_per_unit: their mean over units.
        recall: found lesions over lesions.
        precision: found lesions over found lesions and false positives.
        f1: their harmonic mean.
        recall_by_diameter: `"under_10_mm"`, `"10_to_20_mm"` and `"over_20_mm"` to recall; None without spacing.
    """

    false_positives: int | None
    false_positives_per_unit: Estimate
    recall: Estimate
    precision: Estimate
    f1: Estimate
    recall_by_diameter: dict[str, Estimate] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PanopticQuality:
    """Panoptic quality (Kirillov et al. 2019) of lesions paired one to one with predicted components at IoU over 0.5.

    Attributes:
        pq: the sum of the pairs' IoU over pairs + half of the unpaired lesions and components: `sq * rq`.
        sq: segmentation quality, the mean IoU of the pairs.
        rq: recognition quality, the F1 of the pairs.
    """

    pq: Estimate
    sq: Estimate
    rq: Estimate


@dataclasses.dataclass(frozen=True, kw_only=True)
class LesionSummary:
    """Lesions of one target.

    Attributes:
        unit: `"volume"` or `"slice"`.
        units: number of those.
        lesions: number of lesions in the reference.
        components: number of components in the prediction; None in documents of format 1.
        detection: `"iou_over_0"`, `"iou_over_0.1"`, `"iou_over_0.5"`, ..., one per IoU threshold, to detection there.
        lesion_dice: lesion-wise Dice: the sum of the lesions' Dice over lesions and components that touch none. A
            lesion's Dice is that with the predicted foreground that belongs to it, see `metrics.lesions`.
        panoptic: panoptic quality.
    """

    unit: str
    units: int
    lesions: int
    components: int | None
    detection: dict[str, Detection]
    lesion_dice: Estimate
    panoptic: PanopticQuality


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
        surface: distances between surfaces; None if no complete case has the target, likewise what follows.
        lesions: detection; None for an organ.
        volume_ml: None unless the slices form volumes of known spacing.
    """

    cases: int
    patients: int
    slices: int
    positive_cases: int
    positive_slices: int
    overlap: dict[str, dict[str, Estimate]]
    surface: SurfaceSummary | None
    lesions: LesionSummary | None
    volume_ml: VolumeSummary | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SummaryOptions:
    """Constants and choices behind a summary's estimates.

    Attributes:
        grid: what pixels were scored: of a run `"native"`, those of the data, or `"network"`, those of the network's
            slices; `"masks"` where masks were given.
        seed, resamples, confidence: of the intervals.
        interval: their method, see `Bootstrap`.
        batch_size: of the rule `batch_flattened`.
        iou_thresholds, tolerances, connectivity: see `ScoreOptions`.
        surface: what a surface is: `"voxels"`, the centres of a mask's boundary voxels, for all measures but those
            named `surfel_`.
        contiguous: whether the set is one of volumes, rather than of loose slices.
        spacing_known: whether lengths are in mm, rather than pixels.
    """

    grid: str
    seed: int
    resamples: int
    confidence: float
    interval: str
    batch_size: int
    iou_thresholds: list[float]
    tolerances: list[float]
    connectivity: int
    surface: str
    contiguous: bool
    spacing_known: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class LitsSheet:
    """The LiTS challenge's sheet.

    Attributes:
        cases: volumes that it was computed from.
        values: figures under the names of the challenge's code: `"lesion_precision"` and `"lesion_recall"` at IoU over
            0.5, and `"..._greater_zero"` over 0; `"lesion_dice"`, `"lesion_jaccard"`, `"lesion_voe"`, `"lesion_rvd"`,
            `"lesion_assd"`, `"lesion_rmsd"` and `"lesion_msd"`, means over the lesions found at IoU over 0.5, distances
            in mm; `"liver_..."`, means over cases; `"..._dice_per_case"`, `"..._dice_global"`; `"RMSE_Tumorburden"`,
            `"MAXERROR_Tumorburden"`. None where there is nothing to average.
        notes: where the challenge's code departs from its stated rules, and this sheet follows the rules.
    """

    cases: int
    values: dict[str, float | None]
    notes: list[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """All scores of a set of cases.

    Attributes:
        cases, patients, slices: how many were scored.
        complete_cases: those that count in surfaces, lesions, volumes and burden too; the others have missing slices
            and count in overlap only, see `volumes`.
        options: how.
        targets: name to scores.
        burden: None unless liver and lesion are both scored.
        lits: the LiTS challenge's sheet; None unless it was asked for.
    """

    cases: int
    patients: int
    slices: int
    complete_cases: int
    options: SummaryOptions
    targets: dict[str, TargetSummary]
    burden: BurdenSummary | None
    lits: LitsSheet | None = None
