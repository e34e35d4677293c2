"""The page `report.html`: what `evaluation.json` holds, for people. One file, without network or scripts."""

from cafct_keras.evaluation.report.page import write_report
from cafct_keras.evaluation.report.picture import Picture

__all__ = ["Picture", "write_report"]
