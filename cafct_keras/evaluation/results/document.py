"""Results of an evaluation: the whole of `evaluation.json`."""

import dataclasses
import functools
from typing import Any

from cafct_keras.evaluation.metrics.bootstrap import PairedDifference
from cafct_keras.evaluation.metrics.scores import CaseScore
from cafct_keras.evaluation.report.picture import Picture
from cafct_keras.evaluation.results.summary import Summary
from cafct_keras.postprocessing import PostProcessing

FORMAT = 2  # one more whenever an older reader would misread the file
AS_PREDICTED, POST_PROCESSED = "as predicted", "post-processed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Threshold:
    """Threshold of foreground.

    Attributes:
        value: in (0, 1); a pixel is foreground where its probability exceeds it.
        chosen_on: `"given"` or `"validation"`.
        rule: the score it maximizes; None where it was given.
        smooth_slices: standard deviation, in slices, of the smoothing of probabilities before; 0 for none.
    """

    value: float
    chosen_on: str
    rule: str | None
    smooth_slices: float = 0.0


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
    """`Reliability` as lists, with None where there are no pixels.

    Attributes:
        edges: ends of the bins of predicted probability, one more than bins.
        pixels: in each bin.
        confidence: mean predicted probability of each bin.
        frequency: fraction of each bin that is foreground in the reference.
    """

    edges: list[float]
    pixels: list[int]
    confidence: list[float | None]
    frequency: list[float | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepCurve:
    """`Sweep` as lists, with None where a score is undefined.

    Attributes:
        thresholds: of foreground.
        per_slice_positive_dice: Dice at each threshold, by the rule `per_slice_positive`.
        pooled_dice: by the rule `pooled`.
        pooled_iou: IoU by the rule `pooled`.
    """

    thresholds: list[float]
    per_slice_positive_dice: list[float | None]
    pooled_dice: list[float | None]
    pooled_iou: list[float | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CalibrationSummary:
    """Calibration of one target's probabilities; see `Calibration`.

    Attributes:
        reliability: fraction of foreground by predicted probability.
        expected_error: expected calibration error, in [0, 1].
        sweep: scores by threshold.
    """

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
        patients: how they were found: `"table"` (an index), `"pattern"`, `"names"` (of files), `"header"` or
            `"each case"`, where every case counts as a patient; None in documents of format 1.
        notes: lines about how the data were read.
        warnings: reasons to doubt the scores.
    """

    layout: str
    split: str | None = None
    targets: list[str]
    patients: str | None
    notes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunData(EvaluatedData):
    """Data that a run was evaluated on, and how its network saw them; see `Source` and `FitConfig`.

    Attributes:
        folder: of the data, or `"phantom"`.
        fingerprint: of the data's content.
        intensity: `"hu"`, `"minmax"` or another name of what grey values mean.
        orientation: how slices lie; None if unknown.
        grid: pixels that were scored: `"native"`, those of the data, or `"network"`, those of the network's slices.
        size: height and width of the network's slices, in pixels.
        window: lowest and highest HU that the network distinguishes.
        context: neighbouring slices on either side that the network sees.
    """

    folder: str
    fingerprint: str
    intensity: str
    orientation: str | None
    grid: str
    size: int
    window: tuple[float, float]
    context: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskData(EvaluatedData):
    """Two folders of masks.

    Attributes:
        prediction: folder.
        reference: folder.
        labels: target to the labels that stand for it.
    """

    prediction: str
    reference: str
    labels: dict[str, list[int]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Document:
    """Everything in `evaluation.json`.

    Attributes:
        format: of the document; one more whenever an older reader would misread it.
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
    data: RunData | MaskData
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
