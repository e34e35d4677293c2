"""Run folders: reading, writing and validating what training leaves behind."""

from cafct_keras.runs.card import read_run
from cafct_keras.runs.loading import load_model

__all__ = ["load_model", "read_run"]
