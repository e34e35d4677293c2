"""Masks beside the slices of a CT: which files there are, and their voxels on the grid of the CT, unresampled."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.files.kinds import is_scan_name
from pipelines.files.labels import MaskError
from pipelines.findings import Findings
from pipelines.frame import Frame, place
from pipelines.layouts.dicom.cases import CaseFiles
from pipelines.layouts.dicom.mask_files import MaskFile, open_mask_file, parts_of
from pipelines.targets import LESION, LIVER, Naming

TOLERANCE = 1e-3  # mm by which a voxel of a mask may lie beside the CT's


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
            in two.
        slack: mm that the CT's own slices lie off their even grid, granted to the masks too.

    Returns:
        (file, `"liver"` or `"lesion"`) to bool `frame.shape`, as the file has it; None after an error.
    """
    masks: dict[tuple[Path, str], np.ndarray] = {}
    sound = True
    for file in files:
        try:
            read = _read_file(file, frame, TOLERANCE + slack)
        except MaskError as error:
            problem = error
        else:
            masks |= read
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


def _read_file(file: MaskFile, frame: Frame, tolerance: float) -> dict[tuple[Path, str], np.ndarray]:
    masks: dict[tuple[Path, str], np.ndarray] = {}
    for target, part, affine in parts_of(file):
        if (file.path, target) not in masks:
            masks[file.path, target] = _nothing(frame)
        if part is not None and affine is not None:
            part, start = _onto_grid(part, affine, frame, tolerance, whole=file.segments is None)
            box = tuple(slice(low, low + count) for low, count in zip(start, part.shape, strict=True))
            masks[file.path, target][box] |= part
    return masks


def _onto_grid(
    array: np.ndarray, affine: np.ndarray, frame: Frame, tolerance: float, *, whole: bool
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Swaps and turns a mask's axes into the CT's; returns it and the CT index of its first voxel."""
    placement = place(array.shape, affine, frame)
    detail = "other axes"
    if placement is not None:
        detail = f"voxels up to {placement.off:.3g} mm off"
        if placement.off <= tolerance:
            inside = min(placement.start) >= 0 and all(np.less_equal(placement.stop, frame.shape))
            if inside and (not whole or np.subtract(placement.stop, placement.start).tolist() == list(frame.shape)):
                return placement.turn(array), placement.start
            detail = "which ends elsewhere"
    shapes = "{}x{}x{} against {}x{}x{}".format(*array.shape, *frame.shape)
    raise MaskError(
        "geometry-mismatch", f"not on the grid of its slices ({shapes} voxels, {detail}); resample it onto the CT"
    )
