"""Data for liver CT segmentation: readers, splits, order, augmentation, streams. Knows no network.

TensorFlow is imported when a stream is made, not before.
"""

from pipelines.case import SPLITS, Case, Source
from pipelines.errors import DataError
from pipelines.layouts import LAYOUTS, detect_layout, open_source

__all__ = ["LAYOUTS", "SPLITS", "Case", "DataError", "Source", "detect_layout", "open_source"]
