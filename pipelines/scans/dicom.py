"""Scans in folders of DICOM files: each folder's axial CT series is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.case import Case
from pipelines.findings import Strict
from pipelines.optional import optional
from pipelines.scans.checks import MASK_NAME, OFF_AXIAL, mask_labels
from pipelines.scans.scan import Scan
from pipelines.scans.skipped import Skipped
from pipelines.scans.volume import volume_case
from pipelines.targets import targets_in

if TYPE_CHECKING:
    from pipelines.layouts.dicom.slices import Slice


def find(folder: Path, paths: Sequence[Path], skipped: Skipped) -> Scan | None:
    """The axial CT series among the DICOM files of a folder, by their headers; None if there is none.

    Args:
        folder: after which the scan is named.
        paths: the files, one or more.
        skipped: takes what is not a slice of such a series: localizers, dose reports, segmentations, structure sets,
            series in other planes and of other modalities, and slices at one place beside a stack (bolus tracking).

    Raises:
        DataError: there are several such series, or one with missing or different slices; or a file is damaged.
    """
    with optional("reading DICOM files", extra="dicom"):
        from pipelines.layouts.dicom.series import choose_series
        from pipelines.layouts.dicom.slices import other_content, parse_slice, read_header

    findings = Strict(folder)
    series: dict[str, list[Slice]] = {}
    for path in paths:
        header = read_header(path, findings)
        assert header is not None  # or an error was raised
        modality = str(header.get("Modality") or "CT")
        if other := other_content(header):
            skipped.add(other, [path])
        elif modality != "CT":
            skipped.add("segmentations" if modality == "SEG" else f"{modality} images", [path])
        elif int(header.get("NumberOfFrames") or 1) > 1:
            skipped.add("multi-frame images, which must be converted to one file per slice", [path])
        else:
            one = parse_slice(path, header, findings)
            assert one is not None
            if one.localizer:
                skipped.add("localizers", [path])
            else:
                series.setdefault(one.series, []).append(one)
    stacks = list(_axial_stacks(list(series.values()), skipped))
    if not stacks:
        return None
    if _is_of_masks(folder, stacks[0]):
        skipped.add("masks", [one.path for one in stacks[0]])
        return None
    found = choose_series(folder, [one for stack in stacks for one in stack], findings)
    assert found is not None
    # The slices from the feet up, as the case has them.
    order = found.frame.to_slices(np.broadcast_to(np.arange(len(found.slices)), found.frame.shape))[:, 0, 0]
    return Scan(
        name=folder.resolve().name,
        path=folder,
        files=tuple(found.slices[k].path for k in order),
        format="dicom",
        patient=found.patient,
    )


def read(scan: Scan) -> Case:
    """Reads a scan, see `Scan.read`."""
    with optional("reading DICOM files", extra="dicom"):
        from pipelines.layouts.dicom.series import read_series

    return volume_case(scan, *read_series(scan.files))


def _axial_stacks(series: Sequence[list[Slice]], skipped: Skipped) -> list[list[Slice]]:
    axial = []
    for group in series:
        normal = group[0].normal
        if abs(normal[2]) < np.cos(np.radians(OFF_AXIAL)) * np.linalg.norm(normal):
            skipped.add("slices that are not axial", [one.path for one in group])
        else:
            axial.append(group)
    stacks = [group for group in axial if _extent(group)]
    if not stacks:
        return axial
    for group in axial:
        if not _extent(group):
            # One in line with a stack may be a slice of it that another series' UID was given to, which is an error.
            if len(group) == 1 and any(_in_line(group[0], stack[0]) for stack in stacks):
                stacks.append(group)
            else:
                skipped.add("slices at one place, as of bolus tracking", [one.path for one in group])
    return stacks


def _extent(group: Sequence[Slice]) -> float:
    """Millimeters from the first to the last place of slices."""
    return float(np.ptp([one.position @ one.normal for one in group]))


def _in_line(one: Slice, other: Slice) -> bool:
    """Whether two slices show the same pixels but for their height."""
    way = one.position - other.position
    beside = np.linalg.norm(way - (way @ other.normal) * other.normal)
    return one.shape == other.shape and np.allclose(one.spacing, other.spacing) and bool(beside < other.spacing.min())


def _is_of_masks(folder: Path, stack: Sequence[Slice]) -> bool:
    """Whether slices are those of a mask, as 3D-IRCADb stores them, by the folders' names and the pixels."""
    from pipelines.layouts.dicom.slices import read_pixels

    if not any(targets_in(name) or MASK_NAME.search(name) for name in folder.absolute().parts[-2:]):
        return False
    planes = [read_pixels(one, Strict(folder)) for one in stack]
    return bool(mask_labels(np.stack([plane for plane in planes if plane is not None])))
