"""From slices and scans to probabilities."""

from cafct_keras.prediction.cases import CaseProbability, predict_cases

__all__ = ["CaseProbability", "predict_cases"]
