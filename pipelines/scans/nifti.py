"""Scans in NIfTI files."""

from pathlib import Path

from pipelines.case import Case
from pipelines.findings import Strict
from pipelines.optional import optional
from pipelines.scans.scan import Scan
from pipelines.scans.volume import volume_case

SUFFIXES = (".nii.gz", ".nii")


def find(path: Path, name: str) -> Scan:
    """The scan of a file, by its header: 8-bit grey if its voxels are stored so, otherwise Hounsfield units.

    Raises:
        DataError: it cannot be read, or is not one 3-D volume of numbers.
    """
    with optional("reading NIfTI files", extra="nifti"):
        from pipelines.files.nifti import is_grey, open_volume

    findings = Strict(path.parent)
    volume = open_volume(path, findings)
    assert volume is not None  # or an error was raised
    return Scan(
        name=name,
        path=path,
        files=(path,),
        format="nifti",
        intensity="grey" if is_grey(volume) else "hu",
        doubts=findings.warnings,
    )


def read(scan: Scan) -> Case:
    """Reads a scan, see `Scan.read`."""
    with optional("reading NIfTI files", extra="nifti"):
        from pipelines.layouts.nifti.reader import read_volume

    return volume_case(scan, *read_volume(scan.path))
