"""Datasets written by `pipelines.prepare`, in TensorFlow Datasets' format."""

from pathlib import Path

from pipelines.case import Source
from pipelines.findings import Findings
from pipelines.layouts.prepared.listing import detect

__all__ = ["check", "detect", "open_source"]


def open_source(directory: Path) -> Source:
    """See `pipelines.layouts.Layout`."""
    from pipelines.layouts.prepared.reader import Prepared

    return Prepared(directory)


def check(directory: Path, findings: Findings) -> None:
    """See `pipelines.layouts.Layout`."""
    from pipelines.layouts.prepared import checks

    checks.check(directory, findings)
