"""Prediction of whole cases with trained networks."""

from cafct_keras.prediction.cases import CasePrediction, predict_cases
from cafct_keras.prediction.predictor import Predictor, binarize
from cafct_keras.runs.run import Run

__all__ = ["CasePrediction", "Predictor", "Run", "binarize", "predict_cases"]
