"""CT volumes and masks in NIfTI files: LiTS17, the Decathlon's or nnU-Net's folders, or one folder per scan."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.case import Source
from pipelines.findings import Findings
from pipelines.layouts.nifti.listing import detect
from pipelines.optional import optional

__all__ = ["check", "detect", "open_source", "write"]


def open_source(directory: Path, *, labels: Sequence[str] = ()) -> Source:
    """See `pipelines.layouts.Layout`."""
    with optional("reading NIfTI files", extra="nifti"):
        from pipelines.layouts.nifti.reader import Nifti

    return Nifti(directory, labels=labels)


def check(directory: Path, findings: Findings, *, labels: Sequence[str] = ()) -> None:
    """See `pipelines.layouts.Layout`."""
    with optional("reading NIfTI files", extra="nifti"):
        from pipelines.layouts.nifti import checks

    checks.check(directory, findings, labels=labels)


def write(source: Source, directory: Path, *, form: str = "nifti") -> None:
    """See `pipelines.layouts.nifti.writer.write_nifti`."""
    with optional("writing NIfTI files", extra="nifti"):
        from pipelines.layouts.nifti.writer import write_nifti

    write_nifti(source, directory, form=form)
