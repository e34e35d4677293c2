"""Results of an evaluation, as dataclasses whose `dataclasses.asdict` is `evaluation.json`.

`Document` is the whole file; its fields, and those of the classes it is made of, are the file's keys. A value that is
undefined is None, `null` in the file: nothing is NaN.
"""

import dataclasses
import functools
from typing import Any, TypedDict

from cafct_keras.evaluation.metrics.bootstrap import Estimate, PairedDifference
from cafct_keras.evaluation.metrics.burden import Agreement
from cafct_keras.evaluation.metrics.scores import CaseScore
from cafct_keras.evaluation.postprocessing import PostProcessing
from cafct_keras.evaluation.report.picture import Picture

FORMAT = 1  # one more whenever an older reader would misread the file
AS_PREDICTED, POST_PROCESSED = "as predicted", "post-processed"


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
    """Tumour burden of one case, in [0, 1]; `predicted` is None where neither liver nor tumour is predicted."""

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Threshold:
    """Threshold of foreground.

    Attributes:
        value: in (0, 1); a pixel is foreground where its probability exceeds it.
        chosen_on: `"given"` or `"validation"`.
        rule: the score it maximizes; None where it was given.
    """

    value: float
    chosen_on: str
    rule: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class AppliedPostProcessing(PostProcessing):
    """Post-processing that was applied.

    Attributes:
        unit: of `smallest_lesion`: `"mm3"`, `"mm2"` for loose slices, `"pixels"` without spacing.
        chosen_on: `"given"` or `"validation"`.
        rule: the score it maximizes; None where it was given.
    """

    unit: str
    chosen_on: str
    rule: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """Scores of the masks as predicted, or post-processed.

    Attributes:
        name: `AS_PREDICTED` or `POST_PROCESSED`.
        postprocessing: None for the masks as predicted.
        summary: all scores.
        cases: one row per case and target, see `case_rows`.
    """

    name: str
    postprocessing: AppliedPostProcessing | None
    summary: Summary
    cases: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReliabilityCurve:
    """`Reliability` as lists, with None where there are no pixels."""

    edges: list[float]
    pixels: list[int]
    confidence: list[float | None]
    frequency: list[float | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepCurve:
    """`Sweep` as lists, with None where a score is undefined."""

    thresholds: list[float]
    per_slice_positive_dice: list[float | None]
    pooled_dice: list[float | None]
    pooled_iou: list[float | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CalibrationSummary:
    """Calibration of one target's probabilities; see `Calibration`."""

    reliability: ReliabilityCurve
    expected_error: float | None
    sweep: SweepCurve


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference(PairedDifference):
    """Difference of two runs in one metric.

    Attributes:
        a, b: means of the first and the second run, over the units that count in both.
        higher_is_better: whether the metric is a score rather than an error.
    """

    a: float | None
    b: float | None
    higher_is_better: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Comparison of two runs on the same cases.

    Attributes:
        runs: name of the first run, a, and of the second, b.
        result: name of the results that are compared.
        cases, patients: how many.
        targets: target to metric to difference, see `compare`.
    """

    runs: tuple[str, str]
    result: str
    cases: int
    patients: int
    targets: dict[str, dict[str, Difference]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluatedData:
    """What was scored: fields that runs and folders of masks share.

    Attributes:
        layout: of the data.
        split: part that was scored; None for folders of masks.
        targets: what was scored.
        notes: lines about how the data were read.
        warnings: reasons to doubt the scores.
    """

    layout: str
    split: str | None = None
    targets: list[str]
    notes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunData(EvaluatedData):
    """Data that a run was evaluated on, and how its network saw them; see `Source` and `FitConfig`."""

    folder: str
    fingerprint: str
    intensity: str
    orientation: str | None
    size: int
    window: tuple[float, float]
    context: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskData(EvaluatedData):
    """Two folders of masks, and which of their labels stand for each target."""

    prediction: str
    reference: str
    labels: dict[str, list[int]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Document:
    """Everything in `evaluation.json`.

    Attributes:
        format: `FORMAT`.
        title: one line.
        created: UTC, ISO 8601.
        command: the command line; None outside `cafct-keras`.
        versions: package to version.
        data: what was scored.
        threshold: None for masks.
        results: one, or two where masks were post-processed.
        calibration: target to calibration; None for masks.
        paper: the paper's rows that these scores may be compared with, see `reproduction.paper`; None for other data.
        paper_note: how to read them.
        failures: `case` and `message` of what could not be scored.
        run: the run card, `run.json`; None for masks.
        comparison: with the first of several runs; None for that one.
    """

    format: int = FORMAT
    title: str
    created: str
    command: str | None
    versions: dict[str, str]
    data: EvaluatedData
    threshold: Threshold | None
    results: list[Result]
    calibration: dict[str, CalibrationSummary] | None
    paper: list[dict[str, Any]] | None = None
    paper_note: str | None = None
    failures: list[dict[str, str]]
    run: dict[str, Any] | None
    comparison: Comparison | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A finished evaluation: its document, and what tables, report and comparisons need besides.

    Attributes:
        name: short, such as a run folder's.
        document: what `evaluation.json` holds.
        scores: name of each result to its scored cases.
        pictures: slices for the report.
    """

    name: str
    document: Document
    scores: dict[str, list[CaseScore]]
    pictures: list[Picture]

    @functools.cached_property
    def as_json(self) -> dict[str, Any]:
        """The document as `evaluation.json` holds it."""
        return dataclasses.asdict(self.document)
