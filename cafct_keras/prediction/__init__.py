"""From slices and scans to probabilities."""

from cafct_keras.prediction.cases import CaseProbability, predict_cases
from cafct_keras.prediction.runs import Predictor, Run, above

__all__ = ["CaseProbability", "Predictor", "Run", "above", "predict_cases"]
