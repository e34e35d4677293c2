"""Segmentation of many scans: a job that can be interrupted, resumed, and spread over machines."""

from cafct_keras.prediction.job.job import predict
from cafct_keras.prediction.job.options import Part, PredictOptions

__all__ = ["Part", "PredictOptions", "predict"]
