"""Statistics of a data folder: cases, slices, sizes, intensities and lesions by part of the split."""

from pipelines.describe.description import describe, describe_source
from pipelines.describe.table import PAPER_NOTE, table

__all__ = ["PAPER_NOTE", "describe", "describe_source", "table"]
