"""Masks beside the slices of a CT: which files there are, and their voxels on the grid of the CT, unresampled."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.files.labels import MaskError
from pipelines.findings import Findings
from pipelines.frame import Frame, place
from pipelines.layouts.dicom.mask_files import MaskFile, open_mask_file, parts_of

TOLERANCE = 1e-3  # mm by which a voxel of a mask may lie beside the CT's


def find_masks(folder: Path, segs: Sequence[Path], findings: Findings) -> list[MaskFile] | None:
    """Lists the mask files of a case by their headers; None after an error.

    Args:
        folder: searched for .nrrd, .nii and .nii.gz.
        segs: its DICOM SEG files.
        findings: takes headers that cannot be read or name segments none of which is liver or lesion, and a case
            without a mask of the liver.
    """
    kinds = {".nrrd": "nrrd", ".nii": "nifti", ".gz": "nifti"}
    beside = [
        (path, kinds[path.suffix.lower()])
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in kinds
        and path.name[0] != "."
        and (path.suffix != ".gz" or path.stem.lower().endswith(".nii"))
    ]
    findings.count("files", len(beside))
    found, sound = [], True
    for path, kind in itertools.chain(((path, "seg") for path in segs), beside):
        try:
            found.append(open_mask_file(path, kind))
            continue
        except MaskError as error:
            problem = error
        findings.error(problem.code, path, str(problem))
        sound = False
    if sound and not any(file.surely_has("liver") or file.is_label_map for file in found):
        what = "liver mask" if found else "mask"
        findings.error(
            "mask-missing", folder, f"has no {what}; put a DICOM SEG, NRRD or NIfTI file of it beside the slices"
        )
        sound = False
    return found if sound else None


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
