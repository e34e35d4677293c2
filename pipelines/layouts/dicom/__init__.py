"""Folders of DICOM CT slices, with masks as DICOM SEG, NRRD or NIfTI."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.case import Source
from pipelines.findings import Findings
from pipelines.layouts.dicom.listing import detect
from pipelines.optional import optional

__all__ = ["check", "detect", "open_source", "write"]


def open_source(directory: Path, *, labels: Sequence[str] = ()) -> Source:
    """See `pipelines.layouts.Layout`."""
    with optional("reading DICOM files", extra="dicom"):
        from pipelines.layouts.dicom.reader import Dicom

    return Dicom(directory, labels=labels)


def check(directory: Path, findings: Findings, *, labels: Sequence[str] = ()) -> None:
    """See `pipelines.layouts.Layout`."""
    with optional("reading DICOM files", extra="dicom"):
        from pipelines.layouts.dicom import checks

    checks.check(directory, findings, labels=labels)


def write(source: Source, directory: Path) -> None:
    """See `pipelines.layouts.dicom.writer.write_dicom`."""
    with optional("writing DICOM files", extra="dicom"):
        from pipelines.layouts.dicom.writer import write_dicom

    write_dicom(source, directory)
