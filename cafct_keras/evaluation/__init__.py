"""Evaluation of masks by every rule in common use, each under its own name. Needs no network.

    from cafct_keras import evaluation

    cases = [
        evaluation.score(prediction, reference, case="study-3", patient="3", spacing=(2.0, 0.7, 0.7))
        for prediction, reference in ...
    ]
    evaluation.summarize(cases).targets["lesion"].overlap["per_case_lits"]["dice"].value

These functions need NumPy and SciPy only. Modules that read folders of masks (`folders`), evaluate runs (`evaluate`) or
present an evaluation (`writing`, `report`, `console`) need more and are imported where they are used.
"""

from cafct_keras.evaluation.comparison import compare, compare_methods
from cafct_keras.evaluation.lesion_table import lesion_rows
from cafct_keras.evaluation.metrics.calibration import Calibration
from cafct_keras.evaluation.metrics.lesions import match_lesions
from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.evaluation.metrics.overlap import RULES
from cafct_keras.evaluation.metrics.scores import CaseScore, TargetScore, score
from cafct_keras.evaluation.metrics.surface import surface_distances
from cafct_keras.evaluation.results.loading import load_document
from cafct_keras.evaluation.summary import summarize
from cafct_keras.evaluation.tables import case_rows, slice_rows
from cafct_keras.postprocessing import largest_component, mask_to_liver, remove_small_components

__all__ = [
    "RULES",
    "Calibration",
    "CaseScore",
    "ScoreOptions",
    "TargetScore",
    "case_rows",
    "compare",
    "compare_methods",
    "largest_component",
    "lesion_rows",
    "load_document",
    "mask_to_liver",
    "match_lesions",
    "remove_small_components",
    "score",
    "slice_rows",
    "summarize",
    "surface_distances",
]
