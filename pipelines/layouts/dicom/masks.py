"""Masks beside the slices of a CT: which files there are, and their voxels on the grid of the CT, unresampled."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.files.kinds import is_scan_name
from pipelines.files.labels import MaskError
from pipelines.findings import Findings
from pipelines.frame import Frame
from pipelines.layouts.dicom.cases import CaseFiles
from pipelines.layouts.dicom.mask_files import MaskFile, open_mask_file, parts_of
from pipelines.placement import doubt, fit
from pipelines.targets import LESION, LIVER, Naming

_SLICES = "its slices"


def find_masks(case: CaseFiles, naming: Naming, findings: Findings) -> list[MaskFile] | None:
    """Lists the mask files of a case by their headers; None after an error.

    Args:
        case: its files.
        naming: which names are those of masks.
        findings: takes headers that cannot be read or name segments none of which is liver or lesion, and a case
            without a mask of the liver; masks of other structures and scans beside the slices are left aside.
    """
    findings.count("files", len(case.volumes))
    found, sound = list(case.mask_slices), True
    beside = [(path, "nrrd" if path.suffix.lower() == ".nrrd" else "nifti") for path in case.volumes]
    for path, kind in itertools.chain(((path, "seg") for path in case.segs), beside):
        if is_scan_name(path):
            findings.left_aside("volumes beside DICOM slices", [path])
            continue
        try:
            file = open_mask_file(path, kind, naming)
        except MaskError as error:
            problem = error
        else:
            if file:
                found.append(file)
            else:
                findings.left_aside("masks of other structures", [path])
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


def _settled(file: MaskFile, files: Sequence[MaskFile]) -> MaskFile:
    """A file whose name speaks of both, such as liver_tumor.nii.gz: a label map, unless another file has the liver."""
    if file.named == {LIVER, LESION} and not any(
        other is not file and other.surely_has(LIVER) and other.named != {LIVER, LESION} for other in files
    ):
        return dataclasses.replace(file, named=frozenset())
    return file


def read_masks(
    folder: Path, files: Sequence[MaskFile], frame: Frame, findings: Findings, *, slack: float = 0.0
) -> dict[tuple[Path, str], np.ndarray] | None:
    """Reads the masks of a case onto the grid of its CT.

    Args:
        folder: of the case.
        files: as `find_masks` returned them.
        frame: of the CT's array.
        findings: takes files that cannot be read, lie on another grid or have unknown labels, and a liver in no file or
            in two, as errors; and a warning about files that lie doubtfully.
        slack: fraction of a voxel that the CT's own slices lie off their even grid, granted to the masks too.

    Returns:
        (file, `"liver"` or `"lesion"`) to bool `frame.shape`, as the file has it; None after an error.
    """
    masks: dict[tuple[Path, str], np.ndarray] = {}
    sound = True
    for file in files:
        try:
            read, beside = _read_file(file, frame, slack)
        except MaskError as error:
            problem = error
        else:
            masks |= read
            if warning := doubt(beside, other=_SLICES, slack=slack):
                findings.warning("geometry-offset", file.path, warning)
            continue
        findings.error(problem.code, file.path, str(problem))
        sound = False
    livers = [path for path, target in masks if target == "liver"]
    if len(livers) > 1:  # two files of lesions are two lesions, but two livers are two opinions
        findings.error("mask-twice", livers[1], f"shows the liver, and so does {livers[0].name}; keep one of them")
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


def _read_file(file: MaskFile, frame: Frame, slack: float) -> tuple[dict[tuple[Path, str], np.ndarray], float]:
    """(file, target) to its mask on the grid, and the fraction of a voxel that the farthest voxel lies beside it."""
    masks: dict[tuple[Path, str], np.ndarray] = {}
    beside = 0.0
    for target, part, affine in parts_of(file):
        if (file.path, target) not in masks:
            masks[file.path, target] = _nothing(frame)
        if part is not None and affine is not None:
            placement = fit(part.shape, affine, frame, other=_SLICES, cropped=file.cropped, slack=slack)
            placement.paste(part, masks[file.path, target])
            beside = max(beside, placement.beside)
    return masks, beside
