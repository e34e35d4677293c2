"""Masks and probabilities of a scan as files on its own grid."""

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.scans.scan import Scan
from pipelines.scans.writers.algorithm import Algorithm

_MODULES = {
    "nifti": "nifti",
    "nrrd": "nrrd",
    "metaimage": "metaimage",
    "png": "png",
    "dicom-seg": "dicom_seg",
}
MASK_FORMATS = tuple(_MODULES)


def default_format(scan: Scan) -> str:
    """The one of `MASK_FORMATS` that goes with a scan's own format."""
    return "dicom-seg" if scan.format == "dicom" else scan.format


def check_format(scan: Scan, file_format: str) -> None:
    """Refuses a format that cannot hold a mask of the scan.

    Args:
        scan: what the mask is of.
        file_format: one of `MASK_FORMATS`.

    Raises:
        DataError: the format needs what the scan lacks.
    """
    if file_format not in MASK_FORMATS:
        raise DataError(f"`format` {file_format}: unknown; choose one of {', '.join(MASK_FORMATS)}")
    if file_format == "dicom-seg" and scan.format != "dicom":
        raise DataError(f"{scan.path}: a DICOM SEG refers to DICOM slices; choose another `format`, such as nifti")
    if file_format != "png" and scan.format == "png":
        raise DataError(f"{scan.path}: a PNG does not say where it lies in the patient; choose `format` png")


def write_mask(
    labels: np.ndarray,
    path_without_suffix: str | Path,
    *,
    scan: Scan,
    case: Case,
    file_format: str,
    labels_of: Mapping[str, int],
    algorithm: Algorithm,
) -> list[Path]:
    """Writes a label map on the grid of the scan's own files, atomically.

    Args:
        labels: uint8 `(slices, H, W)` in the orientation of the case.
        path_without_suffix: folder and name of the file; the suffix is the format's. Slices of a PNG case of several
            are named after themselves instead, in the same folder.
        scan: what the mask is of.
        case: what it was read as.
        file_format: one of `MASK_FORMATS`.
        labels_of: target to its label; lesions count as liver too where a format lets segments overlap.
        algorithm: what made the mask; recorded by DICOM SEG.

    Returns:
        The files written.

    Raises:
        DataError: the format needs what the scan lacks.
    """
    check_format(scan, file_format)
    writer = importlib.import_module(f"pipelines.scans.writers.{_MODULES[file_format]}")
    files: list[Path] = writer.write_labels(
        labels, Path(path_without_suffix), scan=scan, case=case, labels_of=labels_of, algorithm=algorithm
    )
    return files


def write_probability(
    probability: Iterable[np.ndarray], path_without_suffix: str | Path, *, scan: Scan, case: Case, file_format: str
) -> list[Path]:
    """Writes a probability on the grid of the scan's own files, atomically, with the precision of float16.

    No format but NumPy's has float16, so volumes hold its values as float32, whose low bits are then 0 and compress
    well; PNG holds 16 bits, 65535 being 1. A DICOM scan's probabilities are written as NIfTI, since DICOM's fractional
    segmentations have 256 levels. In memory is a float16 stack, and of float32 one plane.

    Args:
        probability: one float32 `(H, W)` per slice in [0, 1], in the orientation of the case.
        path_without_suffix: see `write_mask`; of several PNG slices, its name follows each slice's own.
        scan: what it is of.
        case: what it was read as.
        file_format: one of `MASK_FORMATS`.

    Returns:
        The files written.

    Raises:
        DataError: the format needs what the scan lacks.
    """
    check_format(scan, file_format)
    name = "nifti" if file_format == "dicom-seg" else _MODULES[file_format]
    writer = importlib.import_module(f"pipelines.scans.writers.{name}")
    stack = np.empty(case.images.shape, np.float16)
    for plane, values in zip(stack, probability, strict=True):
        plane[:] = values
    files: list[Path] = writer.write_values(stack, Path(path_without_suffix), scan=scan, case=case)
    return files
