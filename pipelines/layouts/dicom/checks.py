"""Checks of folders of DICOM CT slices with masks beside them, beyond those of the reader."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.checks.content import (
    Emptiness,
    PartTargets,
    check_hu,
    check_label_map,
    check_lesion,
    check_padding,
    check_spacing,
)
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.findings import Findings
from pipelines.layouts.dicom.masks import read_masks
from pipelines.layouts.dicom.reader import Dicom, Scan
from pipelines.layouts.dicom.slices import read_pixels


def check(directory: Path, findings: Findings, *, labels: Sequence[str] = ()) -> None:
    """Reads every slice and mask. Holds the headers of all cases and the pixels of one."""
    source = Dicom(directory, labels=labels, findings=findings)
    duplicates, emptiness, targets = Duplicates(findings), Emptiness(findings), PartTargets(findings)
    for name, scan in source.scans.items():
        findings.count("cases")
        findings.count("slices", len(scan.slices))
        if scan.series:
            check_spacing(findings, scan.folder, scan.series.frame.spacing)
        duplicates.add(name, scan.folder, _check_slices(scan, findings), part=source.index.parts.get(name))
        targets.add(source.parts.get(name, "test"), _check_masks(scan, findings, emptiness))
    emptiness.finish()
    targets.finish()


def _check_slices(scan: Scan, findings: Findings) -> list[tuple[Path, bytes | None]]:
    """Reads the pixels of every slice, also of those that are not one stack; returns their digests."""
    digests, ends = [], []
    for one in scan.slices:
        if (hu := read_pixels(one, findings)) is not None:
            digests.append((one.path, digest(hu)))
            ends += [float(hu.min()), float(hu.max())]
    if ends:
        check_hu(findings, scan.folder, min(ends), max(ends))
        check_padding(findings, scan.folder, min(ends))
    if scan.series:
        numbers = [one.number for one in scan.series.slices if one.number is not None]
        steps = np.diff(numbers)
        if len(numbers) == len(scan.series.slices) > 1 and not ((steps > 0).all() or (steps < 0).all()):
            findings.note(
                "slice-order",
                scan.folder,
                "InstanceNumber does not follow the positions; the reader sorts by position",
            )
    return digests


def _check_masks(scan: Scan, findings: Findings, emptiness: Emptiness) -> dict[str, bool]:
    """Checks the masks of a case; returns target to whether any shows it."""
    if scan.series is None or not scan.masks:
        return {}
    masks = read_masks(scan.folder, scan.masks, scan.series, findings)
    if masks is None:
        return {}
    liver = next(mask for (_, target), mask in masks.items() if target == "liver")
    lesions = {path: mask for (path, target), mask in masks.items() if target == "lesion"}
    in_label_maps = [lesions[file.path] for file in scan.masks if file.is_label_map and file.path in lesions]
    emptiness.liver(scan.folder, any(mask.any() for mask in (liver, *in_label_maps)))
    if lesions:
        emptiness.lesion(scan.folder, any(mask.any() for mask in lesions.values()))
    for file in scan.masks:
        lesion = lesions.get(file.path)
        if lesion is not None and (file.is_label_map or not (lesion & liver).any()):  # one excludes the other
            check_label_map(findings, file.path, np.where(lesion, np.uint8(2), liver.astype(np.uint8)))
        elif lesion is not None:
            check_lesion(findings, file.path, liver, lesion)
    return {target: any(mask.any() for (_, of), mask in masks.items() if of == target) for _, target in masks}
