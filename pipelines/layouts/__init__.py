"""Readers, one for each layout, and the way to the right one."""

import importlib
from pathlib import Path

from pipelines.case import Source
from pipelines.errors import DataError

# In the order in which a folder is looked at: the ones with the most telling marks first.
LAYOUTS = ("prepared", "lits_png", "nifti", "dicom", "paired_folder")


def open_source(
    data: str | Path,
    *,
    target: str,
    size: int,
    layout: str | None = None,
    patient_pattern: str | None = None,
) -> Source:
    """Opens data by what the user calls them.

    Args:
        data: `"phantom"` for made-up scans, otherwise a folder; one of that name is `"./phantom"`, or a `Path`.
        target: `"liver"`, `"lesion"` or `"both"`.
        size: height and width in pixels of the phantom's slices and of a paired folder's; the others are read as they
            are.
        layout: one of `LAYOUTS`; None to find out by looking.
        patient_pattern: see `PairedFolder`; the others know their patients.

    Returns:
        The reader. Folders are listed here; their slices are read, and checked, case by case.

    Raises:
        DataError: no such folder, or something in it is wrong, or it cannot have this target.
    """
    # Imported here, so that one layout's users never wait for another's packages.
    if data == "phantom":
        from pipelines.layouts.phantom.reader import Phantom

        if patient_pattern is not None or layout is not None:
            option = "--layout" if patient_pattern is None else "--patient-pattern"
            raise DataError(f"phantom: is made here and knows its patients; leave {option} out")
        return Phantom(size=size)
    if not Path(data).is_dir():
        raise DataError(f"no such data folder: {data}; give a folder with images/ and masks/, or phantom")
    layout = layout or find_layout(data)
    if layout != "paired_folder":
        if patient_pattern is not None:
            raise DataError(f"{data}: a {layout} folder knows its patients; leave --patient-pattern out")
        return open_volumes(data, layout=layout)
    from pipelines.layouts.paired_folder.reader import PairedFolder

    if target == "both":
        raise DataError(f"{data}: one folder has masks of one target; give --target liver or --target lesion")
    return PairedFolder(data, target=target, size=size, patient_pattern=patient_pattern)


def open_volumes(data: str | Path, *, layout: str) -> Source:
    """Opens a folder of whole scans, in any layout but `"paired_folder"`, at the size it has.

    Raises:
        DataError: the layout is unknown, or something in the folder is wrong.
    """
    classes = {"prepared": "Prepared", "lits_png": "LitsPng", "nifti": "Nifti", "dicom": "Dicom"}
    if layout not in classes:
        raise DataError(f"--layout {layout}: unknown; give {', '.join(LAYOUTS)}")
    return getattr(_module(layout), classes[layout])(data)


def find_layout(data: str | Path) -> str:
    """Tells the layout of a folder by looking at it.

    Returns:
        One of `LAYOUTS`.

    Raises:
        DataError: it looks like none.
    """
    for layout in LAYOUTS:
        if _module(layout).found(data):
            return layout
    raise DataError(
        f"{data}: no layout that is known; it needs volume-N_K.png with segmentation-N_..., volume-N.nii with "
        "segmentation-N.nii, dataset.json with imagesTr/, DICOM slices, or images/ and masks/"
    )


def _module(layout):
    return importlib.import_module(f"pipelines.layouts.{layout}.reader")
