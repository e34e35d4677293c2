"""The folders of DICOM cases and their files."""

from pathlib import Path

from pipelines.errors import DataError

SUFFIXES = (".dcm", ".dicom", ".ima")
_OTHERS = (".png", ".nii", ".gz", ".nrrd", ".csv", ".json", ".txt", ".jpg", ".zip")  # not worth opening
_DICOMDIR = b"1.2.840.10008.1.3.10"  # SOP class of the directory of a disk


def detect(directory: Path) -> bool:
    """Whether the folder, or one just below it, has a DICOM file; reads a few bytes a file until there is one."""
    return directory.is_dir() and any(
        any(is_dicom(path) for path in files_of(folder)) for folder in (directory, *_folders(directory))
    )


def case_folders(directory: Path) -> list[Path]:
    """The folder itself if it holds DICOM files, else those of its folders that do."""
    if not directory.is_dir():
        raise DataError(f"{directory}: no such folder; give a folder of CT slices, or of such folders")
    # By suffix too, so that a folder of broken files is told and not passed over.
    below = [
        folder
        for folder in _folders(directory)
        if any(path.suffix.lower() in SUFFIXES or is_dicom(path) for path in files_of(folder))
    ]
    if any(is_dicom(path) for path in files_of(directory)):
        if below:
            raise DataError(f"{directory}: has slices of its own and in {below[0].name}/; move its own into a folder")
        return [directory]
    if not below:
        raise DataError(f"{directory}: no DICOM files in it or in its folders; give a folder of CT slices")
    return below


def _folders(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.is_dir() and path.name[0] != ".")


def files_of(folder: Path) -> list[Path]:
    """Files by name; those with a leading dot are what macOS strews about on foreign disks."""
    return sorted(path for path in folder.iterdir() if path.name[0] != "." and path.is_file())


def is_dicom(path: Path) -> bool:
    """Whether the file has DICOM's mark behind its preamble and is no directory of a disk (DICOMDIR)."""
    if path.suffix.lower() in _OTHERS:
        return False
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); mend its permissions") from None
    return start[128:132] == b"DICM" and _DICOMDIR not in start
