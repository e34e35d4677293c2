"""A scan that has been found and can be read."""

import dataclasses
import hashlib
import importlib
from pathlib import Path

from pipelines.case import Case
from pipelines.orientation import RADIOLOGICAL

FORMATS = ("nifti", "nrrd", "metaimage", "dicom", "png")
"""Formats of scans, each with a module of this package that has `read(scan)`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scan:
    """A scan that has been found and not yet read. It can be pickled.

    Attributes:
        name: unique among the scans that were found together, and usable as the name of a file.
        path: its file, the folder of a DICOM series, or the first of several PNG files; for messages.
        files: all of its files; of DICOM and PNG one per slice, in the order of the slices of `read`.
        format: one of `FORMATS`.
        intensity: `"hu"`, `"grey"` or `"minmax"`, see `pipelines.case.Source`.
        grey_window: Hounsfield units that grey 0 and 255 stand for; None if unknown, and for Hounsfield units.
        orientation: of the slices, see `pipelines.orientation`; None if unknown.
        contiguous, gaps: of PNG files, see `Case`; volumes tell when they are read.
        patient: name of the patient; empty if unknown.
        slice_names: of PNG files, each unique among the scans that were found together; empty for volumes.
        doubts: what is doubtful by its headers, a line each without the scan's name.
    """

    name: str
    path: Path
    files: tuple[Path, ...]
    format: str
    intensity: str = "hu"
    grey_window: tuple[float, float] | None = None
    orientation: str | None = RADIOLOGICAL
    contiguous: bool = True
    gaps: tuple[bool, ...] | None = None
    patient: str = ""
    slice_names: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def read(self) -> Case:
        """Reads the scan, without masks; safe to call from several threads.

        Returns:
            The case. Slices of volumes lie as `orientation` says; its `frame` leads back to the file's own order.

        Raises:
            DataError: a file is damaged, or is no scan; one line with the file and the fix.
        """
        case: Case = importlib.import_module(f"pipelines.scans.{self.format}").read(self)
        return case

    def fingerprint(self) -> str:
        """SHA-256, in hex, of the content of all files, whatever their names, and of what is stated about PNG files."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        if self.format == "png":
            stated = (self.intensity, self.grey_window, self.orientation, self.contiguous, self.gaps)
            digest.update(repr(stated).encode())
        return digest.hexdigest()
