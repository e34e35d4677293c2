"""Masks beside the slices of a CT: which files there are, and their voxels on the grid of the CT, unresampled."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.files.dicom_seg import SegHeader
from pipelines.files.kinds import is_scan_name
from pipelines.files.labels import MaskError
from pipelines.findings import Findings, listed
from pipelines.frame import Frame
from pipelines.layouts.dicom.cases import CaseFiles
from pipelines.layouts.dicom.mask_files import MaskFile, open_mask_file, parts_of
from pipelines.layouts.dicom.seg_series import check_sources, check_steps, compare
from pipelines.layouts.dicom.series import Series
from pipelines.placement import doubt, fit
from pipelines.targets import LESION, LIVER, Naming

_SLICES = "its slices"


def find_masks(case: CaseFiles, series: Series | None, naming: Naming, findings: Findings) -> list[MaskFile] | None:
    """Lists the mask files of a case by their headers; None after an error.

    Args:
        case: its files.
        series: its CT; None where that is not known.
        naming: which names are those of masks.
        findings: takes headers that cannot be read, are of another series, or name segments none of which is liver or
            lesion, and a case without a mask of the liver; masks of other structures and scans beside the slices are
            skipped.
    """
    findings.count("files", len(case.volumes))
    found, sound = list(case.mask_slices), True
    beside = [(path, "nrrd" if path.suffix.lower() == ".nrrd" else "nifti") for path in case.volumes]
    for path, kind in itertools.chain(((path, "seg") for path in case.segs), beside):
        if is_scan_name(path):
            findings.skip("volumes beside DICOM slices", [path])
            continue
        try:
            file = open_mask_file(path, kind, naming)
            if file and file.header:
                _compare_header(file.path, file.header, series, findings)
        except MaskError as error:
            problem = error
        else:
            if file:
                found.append(file)
            else:
                findings.skip("masks of other structures", [path])
            continue
        findings.error(problem.code, path, str(problem))
        sound = False
    found = [_settled(file, found) for file in found]
    if sound and not any(file.surely_has("liver") or file.is_label_map for file in found):
        what = "liver mask" if found else "mask"
        findings.error(
            "mask-missing", case.folder, f"has no {what}; put a DICOM SEG, NRRD or NIfTI file of it beside the slices"
        )
        sound = False
    return found if sound else None


def _compare_header(path: Path, header: SegHeader, series: Series | None, findings: Findings) -> None:
    disputed = [segment.text for segment in header.segments.values() if segment.disputed]
    if disputed:
        findings.warning(
            "segment-disputed", path, f"segments {listed(disputed)} are skipped, whose codes say liver or lesion"
        )
    if series and (warning := compare(header, series)):
        findings.warning("series-differs", path, warning)


def _settled(file: MaskFile, files: Sequence[MaskFile]) -> MaskFile:
    """A file whose name speaks of both, such as liver_tumor.nii.gz: a label map, unless another file has the liver."""
    if file.named == {LIVER, LESION} and not any(
        other is not file and other.surely_has(LIVER) and other.named != {LIVER, LESION} for other in files
    ):
        return dataclasses.replace(file, named=frozenset())
    return file


def read_masks(
    folder: Path, files: Sequence[MaskFile], series: Series, findings: Findings
) -> dict[tuple[Path, str], np.ndarray] | None:
    """Reads the masks of a case onto the grid of its CT.

    Args:
        folder: of the case.
        files: as `find_masks` returned them.
        series: the CT.
        findings: takes files that cannot be read, lie on another grid or have unknown labels, and a liver in no file or
            in two, as errors; and a warning about files that lie doubtfully.

    Returns:
        (file, `"liver"` or `"lesion"`) to bool of the CT's shape, as the file has it; None after an error.
    """
    masks: dict[tuple[Path, str], np.ndarray] = {}
    sound = True
    for file in files:
        try:
            masks |= _read_file(file, series, findings)
            continue
        except MaskError as error:
            problem = error
        findings.error(problem.code, file.path, str(problem))
        sound = False
    livers = [path for path, target in masks if target == "liver"]
    if len(livers) > 1:  # two files of lesions are two lesions, but two livers are two opinions
        fix = "keep one of them, or say by `labels` what each shows"
        findings.error("mask-twice", livers[1], f"shows the liver, and so does {livers[0].name}; {fix}")
    if sound and not livers:
        names = ", ".join(file.path.name for file in files)
        findings.error("mask-missing", folder, f"no liver mask in {names}; add one beside the slices")
    return masks if sound and len(livers) == 1 else None


def merge(masks: dict[tuple[Path, str], np.ndarray], frame: Frame) -> dict[str, np.ndarray]:
    """`"liver"` and `"lesion"` to bool `frame.shape`, of all files; liver includes lesion, and lesion may be empty.

    The arrays of `masks` are changed, so that a case is in memory only once.
    """
    merged: dict[str, np.ndarray] = {}
    for (_, target), mask in masks.items():
        merged[target] = np.logical_or(merged[target], mask, out=mask) if target in merged else mask
    merged.setdefault("lesion", _nothing(frame))
    merged["liver"] |= merged["lesion"]
    return merged


def _nothing(frame: Frame) -> np.ndarray:
    return np.zeros(frame.shape[::-1], bool).T  # the last axis of a DICOM array is the slowest in memory


def _read_file(file: MaskFile, series: Series, findings: Findings) -> dict[tuple[Path, str], np.ndarray]:
    masks: dict[tuple[Path, str], np.ndarray] = {}
    beside = 0.0
    sources: dict[int, set[str]] = {}  # of each slice with a frame
    for part in parts_of(file):
        mask = masks.setdefault((file.path, part.target), _nothing(series.frame))
        if part.mask is not None and part.affine is not None:
            placement = fit(
                part.mask.shape, part.affine, series.frame, other=_SLICES, cropped=file.cropped, slack=series.slack
            )
            placement.paste(part.mask, mask)
            beside = max(beside, placement.beside)
            sources.setdefault(placement.start[2], set()).update(part.sources)
    warnings = {"geometry-offset": doubt(beside, other=_SLICES, slack=series.slack)}
    if file.header:
        warnings["slices-skipped"] = check_steps(file.header, sources, series)
        warnings["slices-differ"] = check_sources(sources, series)
    for code, warning in warnings.items():
        if warning:
            findings.warning(code, file.path, warning)
    return masks
