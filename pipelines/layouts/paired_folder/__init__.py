"""Folders of PNG slices with one mask per slice: `images/ID.png`, `masks/ID.png`, perhaps `index.csv`."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.case import Source
from pipelines.findings import Findings
from pipelines.layouts.paired_folder.listing import detect

__all__ = ["check", "detect", "open_source", "write"]


def open_source(
    directory: Path,
    *,
    target: str,
    size: int,
    patient_pattern: str | None = None,
    labels: Sequence[str] = (),
    slice_step: int | None = None,
) -> Source:
    """See `pipelines.layouts.Layout`."""
    from pipelines.layouts.paired_folder.reader import PairedFolder

    return PairedFolder(
        directory,
        target=target,
        size=size,
        patient_pattern=patient_pattern,
        labels=labels,
        slice_step=slice_step,
    )


def check(
    directory: Path,
    findings: Findings,
    *,
    patient_pattern: str | None = None,
    labels: Sequence[str] = (),
    slice_step: int | None = None,
) -> None:
    """See `pipelines.layouts.Layout`."""
    from pipelines.layouts.paired_folder import checks

    checks.check(directory, findings, patient_pattern=patient_pattern, labels=labels, slice_step=slice_step)


def write(source: Source, directory: Path, *, target: str = "lesion") -> None:
    """See `pipelines.layouts.paired_folder.writer.write_paired_folder`."""
    from pipelines.layouts.paired_folder.writer import write_paired_folder

    write_paired_folder(source, directory, target=target)
