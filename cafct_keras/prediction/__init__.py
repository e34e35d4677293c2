"""Prediction of whole cases with trained networks."""

from cafct_keras.packed import binarize
from cafct_keras.prediction.cases import CaseInput, CasePrediction
from cafct_keras.prediction.ensemble import Ensemble
from cafct_keras.prediction.network import Network
from cafct_keras.prediction.predictor import GRIDS, Predictor
from cafct_keras.prediction.segmentation import Segmentation
from cafct_keras.prediction.segmenter import Segmenter
from cafct_keras.prediction.stream import predict_cases
from cafct_keras.runs.run import Run
from pipelines.probability import Probability

__all__ = [
    "GRIDS",
    "CaseInput",
    "CasePrediction",
    "Ensemble",
    "Network",
    "Predictor",
    "Probability",
    "Run",
    "Segmentation",
    "Segmenter",
    "binarize",
    "predict_cases",
]
