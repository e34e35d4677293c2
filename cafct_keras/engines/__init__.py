"""Engines: what computes a trained network, Keras or a runtime that is faster on a CPU."""

from cafct_keras.engines.choice import load_engine
from cafct_keras.engines.engine import ENGINES, PRECISIONS, Engine

__all__ = ["ENGINES", "PRECISIONS", "Engine", "load_engine"]
