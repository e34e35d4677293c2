"""Checks of the values of scans and masks."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import scipy

from pipelines.findings import Findings

_LEAST, _MOST = -3100, 16000  # HU: below what scanners pad with, above metal
_PADDING = -1500  # HU: below air's -1024 and its noise
_UNSIGNED = 1100  # HU: the least maximum of a scan with 1024 added to it, as of contrast in soft tissue
_STEPS = (0.1, 20.0)  # mm, least and largest between voxels


def check_scan(findings: Findings, file: Path | str, images: np.ndarray, spacing: tuple[float, ...] | None) -> None:
    """Warns of what a CT does not have: what every reader knows of a scan once it has read it.

    Args:
        findings: takes the warnings.
        file: of the scan, or its name.
        images: int16, Hounsfield units, of any shape.
        spacing: millimetres between voxels; None if unknown.
    """
    if spacing is not None:
        check_spacing(findings, file, spacing)
    if images.size:
        check_hu(findings, file, float(images.min()), float(images.max()))


def check_padding(findings: Findings, file: Path | str, low: float) -> None:
    """Notes a minimum, in Hounsfield units, that scanners pad with."""
    if _LEAST <= low < _PADDING:
        findings.note(
            "padding", file, f"{low:g} outside the scanner's circle; the window makes it black, as it should be"
        )


def check_hu(findings: Findings, file: Path | str, low: float, high: float) -> None:
    """Warns of a minimum and maximum that a CT in Hounsfield units does not have."""
    span = f"values from {low:g} to {high:g}"
    if low == high:
        findings.warning("image-blank", file, f"every voxel is {low:g}; copy or export the scan again")
    elif low >= 0 and high > _UNSIGNED:
        findings.warning(
            "hu-unsigned", file, f"{span}: stored without its intercept; subtract 1024 or what its export says"
        )
    elif low < _LEAST or high > _MOST or low > -200 or high < 100:
        why = "grey values of a picture" if low >= 0 and high <= 255 else "no scan with air and tissue in HU"
        findings.warning("hu-range", file, f"{span}: {why}; export the CT again in HU")


def check_spacing(findings: Findings, file: Path | str, spacing: tuple[float, ...]) -> None:
    """Warns of distances between voxels, in mm, that a CT does not have."""
    if min(spacing) < _STEPS[0] or max(spacing) > _STEPS[1]:
        steps = " x ".join(f"{step:.4g}" for step in spacing)
        findings.warning(
            "spacing-implausible", file, f"voxels of {steps} mm are not those of a CT; fix the header's units"
        )


def check_lesion(findings: Findings, file: Path | str, liver: np.ndarray, lesion: np.ndarray) -> None:
    """Warns of lesion pixels outside the liver; both are bool arrays of one shape."""
    if outside := int(np.count_nonzero(lesion & ~liver)):
        findings.warning(
            "lesion-outside-liver",
            file,
            f"{outside} of {np.count_nonzero(lesion)} lesion pixels lie outside the liver mask; "
            "the reader adds them to the liver, so look at them",
        )


def check_label_map(findings: Findings, file: Path | str, labels: np.ndarray) -> None:
    """Warns of lesions (label 2) that touch no liver (label 1) in `(i, j, k)` uint8."""
    box = _box(labels == 2)
    if box is None:
        return
    near = labels[box]
    lesions, count = scipy.ndimage.label(near == 2)
    touched = np.unique(lesions[scipy.ndimage.binary_dilation(near == 1)])
    lost = np.setdiff1d(np.arange(1, count + 1), touched)
    if len(lost):
        voxels = int(np.isin(lesions, lost).sum())
        findings.warning(
            "lesion-outside-liver",
            file,
            f"{voxels} lesion voxels in {len(lost)} of {count} lesions touch no liver; look at them and relabel them",
        )


def _box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The least box, one voxel wider on every side, around what a mask shows."""
    box = []
    for axis in range(mask.ndim):
        there = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not len(there):
            return None
        box.append(slice(max(0, int(there[0]) - 1), int(there[-1]) + 2))
    return tuple(box)


class Emptiness:
    """Checks which cases show nothing of a target."""

    def __init__(self, findings: Findings):
        self._findings = findings
        self._lesions: dict[str, bool] = {}

    def liver(self, file: Path | str, shown: bool) -> None:
        """Warns of a case whose liver mask is empty."""
        if not shown:
            self._findings.warning("mask-empty", file, "no liver in the whole case; check that this is its mask")

    def lesion(self, file: Path | str, shown: bool, *, target: str = "lesion") -> None:
        """Notes a case whose lesion mask is empty, since healthy patients are common.

        Args:
            file: the mask or the case.
            shown: whether any pixel is set.
            target: name of the target in the message.
        """
        self._lesions[self._findings.name(file)] = shown
        if not shown:
            self._findings.note("lesion-empty", file, f"no {target} in the whole case; right if the patient has none")

    def finish(self) -> None:
        """Warns if no case shows a lesion."""
        if self._lesions and not any(self._lesions.values()):
            self._findings.warning(
                "mask-empty", ".", "no mask of any case shows a lesion; check that these are the masks"
            )


class PartTargets:
    """Checks which parts of a split show nothing of a target that other parts show."""

    def __init__(self, findings: Findings):
        self._findings = findings
        self._shown: dict[str, dict[str, bool]] = {}

    def add(self, part: str, shown: Mapping[str, bool]) -> None:
        """Adds a case of a part: target to whether any pixel shows it."""
        for target, there in shown.items():
            parts = self._shown.setdefault(target, {})
            parts[part] = parts.get(part, False) or there

    def finish(self) -> None:
        """Warns of each part without a target."""
        for target, parts in self._shown.items():
            for part, there in parts.items():
                if not there and any(parts.values()):
                    self._findings.warning("target-missing", ".", f"{part}: {missing_target(part, target)}")


def missing_target(part: str, target: str) -> str:
    """What it means that no slice of a part of the split shows a target, and the fix."""
    why = {
        "train": "nothing about it can be learned",
        "validation": "no epoch can be chosen by it",
        "test": "its scores say nothing",
    }[part]
    return f"no slice shows {target}, so that {why}; add patients with {target}"
