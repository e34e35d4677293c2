"""Prediction of whole cases with trained networks."""

from cafct_keras.prediction.cases import GRIDS, CasePrediction, case_input, predict_cases
from cafct_keras.prediction.predictor import Predictor
from cafct_keras.prediction.probability import Probability, binarize
from cafct_keras.prediction.view import NetworkView
from cafct_keras.runs.run import Run

__all__ = [
    "GRIDS",
    "CasePrediction",
    "NetworkView",
    "Predictor",
    "Probability",
    "Run",
    "binarize",
    "case_input",
    "predict_cases",
]
