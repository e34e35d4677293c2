"""Folders of PNG slices with one mask per slice: `images/ID.png`, `masks/ID.png`, perhaps `index.csv`."""

from pathlib import Path
from typing import Any

from pipelines.case import Source
from pipelines.findings import Findings
from pipelines.layouts.paired_folder.listing import detect

__all__ = ["check", "detect", "open_source", "write"]


def open_source(directory: Path, *, target: str, size: int, **reading: Any) -> Source:
    """See `pipelines.layouts.Layout`."""
    from pipelines.layouts.paired_folder.reader import PairedFolder

    return PairedFolder(directory, target=target, size=size, **reading)


def check(directory: Path, findings: Findings, **reading: Any) -> None:
    """See `pipelines.layouts.Layout`."""
    from pipelines.layouts.paired_folder import checks

    checks.check(directory, findings, **reading)


def write(source: Source, directory: Path, *, target: str = "lesion") -> None:
    """See `pipelines.layouts.paired_folder.writer.write_paired_folder`."""
    from pipelines.layouts.paired_folder.writer import write_paired_folder

    write_paired_folder(source, directory, target=target)
