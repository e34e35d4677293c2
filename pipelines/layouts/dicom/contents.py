"""The DICOM files of a folder, sorted by what they hold."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from pydicom import FileDataset

from pipelines.files.mask_likeness import MASK_NAME, mask_labels
from pipelines.findings import Findings, Report
from pipelines.layouts.dicom.slices import Slice, other_content, parse_slice, read_header, read_pixels
from pipelines.orientation import OFF_AXIAL
from pipelines.targets import targets_in

_MULTIFRAME = "multi-frame images, which must be converted to one file per slice"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """What the DICOM files of a folder hold.

    Attributes:
        folder: where they lie.
        slices: of axial CT series.
        off_axial: of CT series in other planes.
        segs: segmentations.
        multiframe: CT images of several slices, which are not read.
    """

    folder: Path
    slices: list[Slice]
    off_axial: list[Slice]
    segs: list[Path]
    multiframe: list[Path]

    def leave_multiframe(self, findings: Findings) -> None:
        """Reports the images of several slices."""
        findings.skip(_MULTIFRAME, self.multiframe, doubtful=True)


def sort_files(folder: Path, paths: Iterable[Path], findings: Findings) -> Contents:
    """Sorts DICOM files by their headers.

    Args:
        folder: where they lie.
        paths: the files.
        findings: takes files that are damaged, or of another modality than their series, as errors; and as skipped
            localizers, dose reports, structure sets, series of other modalities, and slices at one place beside a stack
            (bolus tracking).
    """
    series: dict[str, list[Slice]] = {}
    segs: list[Path] = []
    others: dict[str, list[Path]] = {}
    strangers = []
    for path in paths:
        header = read_header(path, findings)
        if header is None:
            continue
        modality = str(header.get("Modality") or "CT")
        if modality == "SEG":
            segs.append(path)
        elif other := other_content(header):
            others.setdefault(other, []).append(path)
        elif modality != "CT" or _frames(header) > 1 or not header.get("ImagePositionPatient"):
            strangers.append((path, header, modality))
        elif one := parse_slice(path, header, findings):
            if one.localizer:
                others.setdefault("localizers", []).append(path)
            else:
                series.setdefault(one.series, []).append(one)
    multiframe = []
    for path, header, modality in strangers:
        unplaced = modality == "CT" and _frames(header) == 1
        cut_short = not (header.get("SeriesInstanceUID") and header.get("Rows"))
        if str(header.get("SeriesInstanceUID")) in series or (unplaced and (cut_short or not series)):
            parse_slice(path, header, findings)  # which says what is wrong with it
        elif unplaced:
            others.setdefault("images without a place in the patient", []).append(path)
        elif modality == "CT":
            multiframe.append(path)
        else:
            others.setdefault(f"{modality} images", []).append(path)
    axial, off_axial = _axial_stacks(list(series.values()), others)
    for what, files in others.items():
        findings.skip(what, files)
    return Contents(folder=folder, slices=axial, off_axial=off_axial, segs=segs, multiframe=multiframe)


def shows_masks(slices: Sequence[Slice], names: Sequence[str]) -> bool:
    """Whether slices are those of a mask, as 3D-IRCADb stores them, by names and by the pixels of the middle one.

    Args:
        slices: of one folder.
        names: of the folder, and of those above that may speak of masks.
    """
    if not slices or not any(targets_in(name) or MASK_NAME.search(name) for name in names):
        return False
    ordered = sorted(slices, key=lambda one: float(one.position @ one.normal))
    planes = [read_pixels(ordered[at], Report(ordered[0].path.parent)) for at in {len(ordered) // 2, len(ordered) // 3}]
    return all(plane is not None and (plane.min() == plane.max() or bool(mask_labels(plane[None]))) for plane in planes)


def _frames(header: FileDataset) -> int:
    try:
        return int(header.get("NumberOfFrames") or 1)
    except (TypeError, ValueError):
        return 1


def _axial_stacks(series: Sequence[list[Slice]], others: dict[str, list[Path]]) -> tuple[list[Slice], list[Slice]]:
    """The slices of axial stacks, and of series in other planes; adds those that stand beside a stack to `others`."""
    axial: list[list[Slice]] = []
    off_axial: list[list[Slice]] = []
    for group in series:
        normal = group[0].normal
        off = abs(normal[2]) < np.cos(np.radians(OFF_AXIAL)) * np.linalg.norm(normal)
        (off_axial if off else axial).append(group)
    stacks = [group for group in axial if _extent(group)]
    for group in axial:
        if stacks and not _extent(group):
            # One in line with a stack may be a slice of it that another series' UID was given to, which is an error.
            if len(group) == 1 and any(_in_line(group[0], stack[0]) for stack in stacks):
                stacks.append(group)
            else:
                others.setdefault("slices at one place, as of bolus tracking", []).extend(one.path for one in group)
    first, second = (list(itertools.chain.from_iterable(groups)) for groups in (stacks or axial, off_axial))
    return first, second


def _extent(group: Sequence[Slice]) -> float:
    """Millimeters from the first to the last place of slices."""
    return float(np.ptp([one.position @ one.normal for one in group]))


def _in_line(one: Slice, other: Slice) -> bool:
    """Whether two slices show the same pixels but for their height."""
    way = one.position - other.position
    beside = np.linalg.norm(way - (way @ other.normal) * other.normal)
    return one.shape == other.shape and np.allclose(one.spacing, other.spacing) and bool(beside < other.spacing.min())
