"""The masks beside a DICOM series, file by file."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.checks.content import Emptiness, check_label_map, check_lesion
from pipelines.errors import DataError
from pipelines.findings import Findings
from pipelines.layouts.dicom.masks import MaskFile, find_masks, read_masks
from pipelines.layouts.dicom.series import Series

# Words of the reader's refusals, to the code that says the same.
_CODES = {
    "not on the grid": "geometry-mismatch",
    "does not say where": "affine-unset",
    "span no volume": "affine-singular",
    "labels": "mask-values",
    "fractions": "mask-values",
    "no segment called": "mask-values",
}


def check_masks(
    report: Findings, folder: Path, segs: Sequence[Path], series: Series | None, emptiness: Emptiness
) -> bool | None:
    """Reads the masks of a case and reports what is wrong with them.

    Args:
        report: takes what is wrong.
        folder: of the case.
        segs: its DICOM SEG files.
        series: its slices; None if they are no stack, and then only the masks' headers are read.
        emptiness: takes in what the masks show.

    Returns:
        Whether the case has a mask for lesions; None for a label map that shows none, which is as others have it, and
        for masks that cannot be read.
    """
    try:
        files = find_masks(folder, segs)
    except DataError as error:
        _refuse(report, folder, error)
        return None
    report.count("files", sum(file.kind != "seg" for file in files))
    livers = [file for file in files if file.surely_has("liver") or file.is_label_map]
    if not livers:
        what = "liver mask" if files else "mask"
        report.error("mask-missing", folder, f"no {what}; put a DICOM SEG, NRRD or NIfTI file of it beside the slices")
        return None
    if len(livers) > 1:
        report.error("mask-twice", livers[1].path, f"shows the liver, and so does {livers[0].path.name}; keep one")
    has_lesions = any(file.surely_has("lesion") for file in files)
    if series is None:
        return has_lesions or None
    masks = _read(report, folder, files, livers, series)
    if masks is None:
        return has_lesions or None
    emptiness.liver(folder, bool(masks["liver"].any()))
    if has_lesions or masks["lesion"].any():
        emptiness.lesion(folder, bool(masks["lesion"].any()))
        return True
    return None if any(file.is_label_map for file in files) else False


def _read(
    report: Findings, folder: Path, files: Sequence[MaskFile], livers: Sequence[MaskFile], series: Series
) -> dict[str, np.ndarray] | None:
    """Target to bool array, or None where a file cannot be used. One file at a time, so that each is told."""
    frame, slack = series.frame, series.slack
    masks: dict[str, np.ndarray] = {}
    alone: MaskFile | None = None
    broken: set[Path] = set()
    for file in livers:
        try:
            got = read_masks([_only(file, "liver")], frame, slack=slack)
        except DataError as error:
            _refuse(report, file.path, error)
            broken.add(file.path)
            continue
        if file.is_label_map and "liver" not in masks:
            check_label_map(report, file.path, got["liver"].astype(np.uint8) + got["lesion"])
        if alone is None:
            alone, masks = _only(file, "liver"), got
    if alone is None:
        return None
    for file in files:
        if not file.surely_has("lesion") or file.path in broken:
            continue
        try:
            lesion = read_masks([alone, _only(file, "lesion")], frame, slack=slack)["lesion"]
        except DataError as error:
            _refuse(report, file.path, error)
            broken.add(file.path)
            continue
        if file.segments is not None or not file.surely_has("liver"):  # else one label excludes the other
            check_lesion(report, file.path, masks["liver"], lesion)
        masks["lesion"] = masks["lesion"] | lesion
    return None if broken else masks


def _only(file: MaskFile, target: str) -> MaskFile:
    """The file as if it had segments of one target only: the reader would else make the lesions a part of the liver."""
    if file.segments is None:
        return file
    return dataclasses.replace(file, segments={key: name for key, name in file.segments.items() if name == target})


def _refuse(report: Findings, file: Path, error: DataError) -> None:
    code = next((code for words, code in _CODES.items() if words in str(error)), "mask-unreadable")
    report.refused(code, file, error)
