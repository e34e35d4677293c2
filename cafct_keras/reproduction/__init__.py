"""Reproduction of the paper's tables: every system trained on one split and scored by every rule, resumable."""

from cafct_keras.reproduction.systems import TABLES
from cafct_keras.reproduction.table import ReproduceOptions, reproduce

__all__ = ["TABLES", "ReproduceOptions", "reproduce"]
