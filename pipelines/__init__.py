"""Data for liver CT segmentation: readers, splits, order, augmentation, streams. Knows no network.

TensorFlow is imported when a stream is made, not before.
"""

from pipelines.case import SPLITS, Case, Source
from pipelines.errors import DataError
from pipelines.sources import open_source

__all__ = ["SPLITS", "Case", "DataError", "Source", "open_source"]
