"""Scans to be segmented: what is found in files and folders, read one at a time."""

from pipelines.scans.finding import FoundScans, find_scans
from pipelines.scans.scan import FORMATS, Scan

__all__ = ["FORMATS", "FoundScans", "Scan", "find_scans"]
