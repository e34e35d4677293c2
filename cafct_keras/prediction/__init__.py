"""From slices and scans to probabilities."""

from cafct_keras.prediction.cases import CaseProbability, predict_cases
from cafct_keras.prediction.predictor import Predictor, above
from cafct_keras.runs.run import Run

__all__ = ["CaseProbability", "Predictor", "Run", "above", "predict_cases"]
