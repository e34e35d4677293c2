"""Kaggle's `lits-png`: LiTS slices as PNG, two masks per slice, the official split as CSV."""

from pathlib import Path

from pipelines.case import Source
from pipelines.findings import Findings
from pipelines.layouts.lits_png.listing import detect

__all__ = ["check", "detect", "open_source", "write"]


def open_source(directory: Path) -> Source:
    """See `pipelines.layouts.Layout`."""
    from pipelines.layouts.lits_png.reader import LitsPng

    return LitsPng(directory)


def check(directory: Path, findings: Findings) -> None:
    """See `pipelines.layouts.Layout`."""
    from pipelines.layouts.lits_png import checks

    checks.check(directory, findings)


def write(source: Source, directory: Path) -> None:
    """See `pipelines.layouts.lits_png.writer.write_lits_png`."""
    from pipelines.layouts.lits_png.writer import write_lits_png

    write_lits_png(source, directory)
