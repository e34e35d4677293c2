"""Readers, one for each layout, and the way to the right one."""

from pathlib import Path

from pipelines.case import Source
from pipelines.errors import DataError


def open_source(data: str | Path, *, target: str, size: int, patient_pattern: str | None = None) -> Source:
    """Opens data by what the user calls them.

    Args:
        data: `"phantom"` for made-up scans, otherwise a folder with `images/` and `masks/`.
        target: `"liver"`, `"lesion"` or `"both"`.
        size: height and width of the slices in pixels.
        patient_pattern: see `PairedFolder`; not for the phantom, which knows its patients.

    Returns:
        The reader. A folder is read and checked whole here.

    Raises:
        DataError: no such folder, or something in it is wrong, or it cannot have this target.
    """
    # Imported here, so that one layout's users never wait for another's packages.
    if str(data) == "phantom":
        from pipelines.sources.phantom import Phantom

        if patient_pattern is not None:
            raise DataError("phantom: knows its patients; leave --patient-pattern out")
        return Phantom(size=size)
    from pipelines.sources.paired_folder import PairedFolder

    if not Path(data).is_dir():
        raise DataError(f"no such data folder: {data}; give a folder with images/ and masks/, or phantom")
    if target == "both":
        raise DataError(f"{data}: one folder has masks of one target; give --target liver or --target lesion")
    return PairedFolder(data, target=target, size=size, patient_pattern=patient_pattern)
