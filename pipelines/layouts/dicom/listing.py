"""The DICOM files below a folder."""

from collections.abc import Iterable
from pathlib import Path

from pipelines.files.kinds import DICOM_SUFFIXES, is_dicom
from pipelines.findings import Findings, Report
from pipelines.walk import list_folder, walk


def detect(directory: Path) -> bool:
    """Whether the folder has a DICOM file at any depth; reads a few bytes per file until there is one."""
    return directory.is_dir() and any(_has_dicom(files) for _, files in walk(directory, Report(directory)))


def count_folders(directory: Path) -> int:
    """The number of folders with DICOM files."""
    return sum(_has_dicom(files) for _, files in walk(directory, Report(directory)))


def dicom_files(folder: Path, findings: Findings) -> list[Path]:
    """The DICOM files of a folder, by name; a file that is not one for all its suffix is an error."""
    return dicom_among(list_folder(folder, findings)[1], findings)


def dicom_among(paths: Iterable[Path], findings: Findings) -> list[Path]:
    """Those of the files that are DICOM; see `dicom_files`."""
    found = []
    for path in paths:
        try:
            if is_dicom(path):
                found.append(path)
            elif path.suffix.lower() in DICOM_SUFFIXES:
                findings.error("not-dicom", path, "is not a DICOM file; copy it again or delete it")
        except OSError as error:
            findings.error("unreadable", path, f"cannot be read ({error.strerror}); fix its permissions")
    return found


def _has_dicom(files: Iterable[Path]) -> bool:
    for path in files:
        try:
            if is_dicom(path):
                return True
        except OSError:  # an error once the folder is read
            continue
    return False
