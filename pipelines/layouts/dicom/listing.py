"""The folders of DICOM cases and their files."""

from collections.abc import Iterable
from pathlib import Path

from pipelines.findings import Findings

_SUFFIXES = (".dcm", ".dicom", ".ima")
# Not worth opening.
_OTHERS = (".png", ".nii", ".gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".raw", ".csv", ".json", ".txt", ".jpg", ".zip")
_DICOMDIR = b"1.2.840.10008.1.3.10"  # SOP class of the directory of a disk


def detect(directory: Path) -> bool:
    """Whether the folder, or one just below it, has a DICOM file; reads a few bytes per file until there is one."""
    return directory.is_dir() and any(map(_has_dicom, (directory, *_folders(directory))))


def case_folders(directory: Path, findings: Findings) -> list[Path]:
    """The folder itself if it holds DICOM files, and those of its folders that do; both is an error, as is neither."""
    # By suffix too, so that a folder of broken files is named and not passed over.
    below = [
        folder
        for folder in _folders(directory)
        if _has_dicom(folder) or any(path.suffix.lower() in _SUFFIXES for path in _files(folder))
    ]
    own = _has_dicom(directory)
    if own and below:
        findings.error(
            "folders-mixed", directory, f"has slices of its own and in {below[0].name}/; move its own into a folder"
        )
    if not own and not below:
        findings.error("image-missing", directory, "no DICOM files in it or in its folders; give a folder of CT slices")
    return [directory] * own + below


def dicom_files(folder: Path, findings: Findings) -> list[Path]:
    """The DICOM files of a folder, by name; a file that is not one for all its suffix is an error."""
    return dicom_among(_files(folder), findings)


def dicom_among(paths: Iterable[Path], findings: Findings) -> list[Path]:
    """Those of the files that are DICOM; see `dicom_files`."""
    found = []
    for path in paths:
        try:
            if is_dicom(path):
                found.append(path)
            elif path.suffix.lower() in _SUFFIXES:
                findings.error("not-dicom", path, "is not a DICOM file; copy it again or delete it")
        except OSError as error:
            findings.error("unreadable", path, f"cannot be read ({error.strerror}); fix its permissions")
    return found


def _folders(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.is_dir() and path.name[0] != ".")


def _files(folder: Path) -> list[Path]:
    """Files by name, without those with a leading dot, which macOS leaves on foreign disks."""
    return sorted(path for path in folder.iterdir() if path.name[0] != "." and path.is_file())


def _has_dicom(folder: Path) -> bool:
    for path in _files(folder):
        try:
            if is_dicom(path):
                return True
        except OSError:  # an error once the folder is read
            continue
    return False


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM and not the directory of a disk (DICOMDIR), by a few bytes of it.

    Some tools leave out the preamble with DICOM's mark, and the file meta information behind it.

    Raises:
        OSError: it cannot be read.
    """
    if path.suffix.lower() in _OTHERS:
        return False
    with path.open("rb") as file:
        start = file.read(512)
    return (start[128:132] == b"DICM" or _starts_with_data_set(start)) and _DICOMDIR not in start


def _starts_with_data_set(start: bytes) -> bool:
    """Whether the first two elements are of a DICOM data set, in little endian: of group 8, in ascending order."""
    at, elements = 0, []
    for _ in range(2):
        group, element = (int.from_bytes(start[at + n : at + n + 2], "little") for n in (0, 2))
        explicit = start[at + 4 : at + 6].isalpha() and start[at + 4 : at + 6].isupper()
        length = start[at + 6 : at + 8] if explicit else start[at + 4 : at + 8]
        if group != 8:
            return False
        elements.append(element)
        at += 8 + int.from_bytes(length, "little")
    return elements[0] < elements[1]
