"""Results of an evaluation, as dataclasses whose `dataclasses.asdict` is `evaluation.json`.

`Document` is the whole file; its fields, and those of the classes it is made of, are the file's keys. A value that is
undefined is None, `null` in the file: nothing is NaN.
"""

from cafct_keras.evaluation.results.document import (
    AS_PREDICTED,
    FORMAT,
    POST_PROCESSED,
    AppliedPostProcessing,
    CalibrationSummary,
    Comparison,
    Difference,
    Document,
    EvaluatedData,
    Evaluation,
    MaskData,
    ReliabilityCurve,
    Result,
    RunData,
    SweepCurve,
    Threshold,
)
from cafct_keras.evaluation.results.summary import (
    BurdenPoint,
    BurdenSummary,
    Detection,
    LesionSummary,
    LitsSheet,
    PanopticQuality,
    Summary,
    SummaryOptions,
    SurfaceSummary,
    TargetSummary,
    VolumeSummary,
)

__all__ = [
    "AS_PREDICTED",
    "FORMAT",
    "POST_PROCESSED",
    "AppliedPostProcessing",
    "BurdenPoint",
    "BurdenSummary",
    "CalibrationSummary",
    "Comparison",
    "Detection",
    "Difference",
    "Document",
    "EvaluatedData",
    "Evaluation",
    "LesionSummary",
    "LitsSheet",
    "MaskData",
    "PanopticQuality",
    "ReliabilityCurve",
    "Result",
    "RunData",
    "Summary",
    "SummaryOptions",
    "SurfaceSummary",
    "SweepCurve",
    "TargetSummary",
    "Threshold",
    "VolumeSummary",
]
