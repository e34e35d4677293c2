"""Writers of masks and probabilities on the grid of a scan."""

from pipelines.scans.writers.algorithm import Algorithm
from pipelines.scans.writers.writing import (
    MASK_FORMATS,
    check_format,
    default_format,
    write_mask,
    write_probability,
)

__all__ = ["MASK_FORMATS", "Algorithm", "check_format", "default_format", "write_mask", "write_probability"]
