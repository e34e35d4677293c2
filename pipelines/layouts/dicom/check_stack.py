"""Whether the slices of a DICOM folder are one even stack, and each can be decoded."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom import dcmread

from pipelines.checks.duplicates import digest
from pipelines.findings import Findings
from pipelines.layouts.dicom.series import Slice

_ALIKE = 1e-4  # mm or cosine by which spacing and orientation may differ within a series
_UNEVEN = 0.1  # steps by which a distance may differ from the usual one, as the reader has it


@dataclasses.dataclass(frozen=True)
class Pixels:
    """What is remembered of a slice: least and greatest HU, digest (None if blank) and InstanceNumber if it has one."""

    low: float
    high: float
    digest: bytes | None
    number: int | None


def check_pixels(report: Findings, one: Slice) -> Pixels | None:
    """Decodes a slice; None where its fault has been reported."""
    path = one.path
    try:
        dataset = dcmread(path)
        hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        number = dataset.get("InstanceNumber")
        number = None if number is None else int(number)
    except Exception as error:  # every decoder has errors of its own
        told = " ".join(str(error).split())[:120]
        report.error("truncated", path, f"its pixels cannot be read ({told}); copy it again")
        return None
    if hu.shape != one.shape:
        report.error(
            "size-mismatch", path, "its pixels are no grey picture of its rows and columns; export the series again"
        )
        return None
    low, high = float(hu.min()), float(hu.max())
    if not (low >= -32768 and high <= 32767):
        report.error("hu-range", path, f"values from {low:g} to {high:g}, not Hounsfield units; mend its RescaleSlope")
        return None
    return Pixels(low, high, digest(hu.astype(np.int32)), number)


def check_stack(report: Findings, folder: Path, slices: Sequence[Slice]) -> None:
    """Reports every slice that does not belong, each gap and each place that is taken twice."""
    groups: dict[str, list[Slice]] = {}
    for one in slices:
        if not one.localizer:
            groups.setdefault(one.series, []).append(one)
    stacks = [group for group in groups.values() if len(group) > 1]
    if len(stacks) > 1:
        first = ", ".join(f"{group[0].series} ({len(group)} slices)" for group in stacks[:3])
        report.error("several-series", folder, f"{len(stacks)} series, {first}; give each a folder of its own")
    for group in stacks:
        _check_alike(report, group)
        _check_steps(report, group)


def _check_alike(report: Findings, group: Sequence[Slice]) -> None:
    """Holds every slice against what most have, so that the odd one is told and not all others."""
    usual = group[len(group) // 2]
    if sum(one.shape == usual.shape for one in group) * 2 < len(group):
        usual = group[0]
    for one in group:
        if one.shape != usual.shape:
            shapes = "{}x{} against {}x{}".format(*one.shape, *usual.shape)
            report.error("size-mismatch", one.path, f"rows and columns differ from its series', {shapes}; part the two")
        spaced = np.allclose(one.spacing, usual.spacing, rtol=0, atol=_ALIKE)
        if not (spaced and np.allclose(one.orientation, usual.orientation, rtol=0, atol=_ALIKE)):
            tag = "ImageOrientationPatient" if spaced else "PixelSpacing"
            report.error("geometry-mismatch", one.path, f"{tag} differs from its series'; part the two")
        if one.patient != usual.patient:
            report.error("patient-mixed", one.path, "PatientID differs from its series'; part the two")


def _check_steps(report: Findings, group: Sequence[Slice]) -> None:
    normal = group[0].normal
    order = sorted(group, key=lambda one: float(one.position @ normal))
    steps = np.diff([float(one.position @ normal) for one in order])
    apart = np.sort(steps[steps >= 1e-3])
    # The lower middle, so that of two steps the shorter is the rule and the longer the gap.
    usual = float(apart[(len(apart) - 1) // 2]) if len(apart) else 0.0
    for one, other, step in zip(order[:-1], order[1:], steps, strict=True):
        if step < 1e-3:
            report.error(
                "position-twice", other.path, f"lies in the same place as {one.path.name}; keep one, or part the scans"
            )
        elif abs(step - usual) > _UNEVEN * usual:
            report.error(
                "slice-gap",
                one.path,
                f"the next slice, {other.path.name}, lies {step:.6g} mm on, others {usual:.6g} mm; "
                "add the slices that are missing between them",
            )
