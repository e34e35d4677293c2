"""Scores of masks by every rule in common use, each under its own name. Knows no network.

    from cafct_keras import evaluation

    cases = [
        evaluation.score(prediction, reference, case="study-3", patient="3", spacing=(2.0, 0.7, 0.7))
        for prediction, reference in ...
    ]
    evaluation.summarize(cases)["targets"]["lesion"]["overlap"]["per_case_lits"]["dice"]["value"]

NumPy and SciPy are all it needs. What reads folders of masks (`folders`) and what shows an evaluation (`document`,
`output`, `report`, `console`) is imported where it is used, and needs more.
"""

from cafct_keras.evaluation.comparison import compare
from cafct_keras.evaluation.metrics.calibration import Calibration
from cafct_keras.evaluation.metrics.lesions import match_lesions
from cafct_keras.evaluation.metrics.overlap import RULES
from cafct_keras.evaluation.metrics.scores import CaseScore, TargetScore, score
from cafct_keras.evaluation.metrics.surface import surface_distances
from cafct_keras.evaluation.postprocessing import inside_liver, largest_component, without_small
from cafct_keras.evaluation.summary import summarize
from cafct_keras.evaluation.tables import case_rows, slice_rows

__all__ = [
    "RULES",
    "Calibration",
    "CaseScore",
    "TargetScore",
    "case_rows",
    "compare",
    "inside_liver",
    "largest_component",
    "match_lesions",
    "score",
    "slice_rows",
    "summarize",
    "surface_distances",
    "without_small",
]
