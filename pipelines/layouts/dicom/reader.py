"""Reader of folders of DICOM CT slices, with masks beside them as DICOM SEG, NRRD or NIfTI."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.files.labels import MaskError
from pipelines.findings import Findings, Strict
from pipelines.fingerprint import fingerprint
from pipelines.index import assign_parts, read_index
from pipelines.layouts.dicom.listing import case_folders, dicom_files
from pipelines.layouts.dicom.mask_files import MaskFile
from pipelines.layouts.dicom.masks import find_masks, merge, read_masks
from pipelines.layouts.dicom.series import Series, choose_series, read_series, read_volume
from pipelines.layouts.dicom.slices import Slice, other_content, parse_slice, read_header
from pipelines.orientation import RADIOLOGICAL

__all__ = ["Dicom", "Scan", "read_series"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scan:
    """One case by its headers.

    Attributes:
        name: of its folder.
        folder: where it lies.
        patient: PatientID, or the name of the folder.
        identified: whether it has a PatientID.
        slices: all that could be read, of any series.
        series: the CT; None after an error.
        masks: the files of masks; None after an error.
    """

    name: str
    folder: Path
    patient: str
    identified: bool
    slices: list[Slice]
    series: Series | None
    masks: list[MaskFile] | None


class Dicom(Source):
    """Reads a folder of CT slices (one case), or a folder of such folders (one case each).

    Files are recognized by their contents, not by their names. A case is named after its folder; its patient is the
    PatientID or, without one, the folder. The constructor reads headers only; label maps (NRRD, NIfTI) whose names do
    not say that they show lesions are read until one does.

    Args:
        directory: the folder.
        labelled: read masks too; each case must have them.
        findings: takes what is found while listing and reading; None to raise the first error.

    Raises:
        DataError: a series is incomplete or mixed, a file is broken or not a CT slice, or a mask is missing; one line
            with the file or folder and the fix.

    Attributes:
        layout: `"dicom"`.
        intensity: `"hu"`.
        orientation: `"SPL"`, the radiological view from the feet up.
        targets: `("liver", "lesion")` if any mask's name or content is of lesions, else `("liver",)`; `()` if not
            `labelled`.
        notes: how patients were identified, where the split comes from, what was skipped.
        scans: name of each case to its headers.
    """

    layout = "dicom"
    intensity = "hu"
    orientation = RADIOLOGICAL

    def __init__(self, directory: str | Path, *, labelled: bool = True, findings: Findings | None = None):
        self._directory = Path(directory)
        if not self._directory.is_dir():
            raise DataError(f"{directory}: no such folder; give a folder of CT slices, or of such folders")
        self._findings = findings or Strict(self._directory)
        scans = [_scan(folder, labelled, self._findings) for folder in case_folders(self._directory, self._findings)]
        self.scans = {scan.name: scan for scan in scans}
        self.targets = _find_targets(scans, self._findings) if labelled else ()
        self.index = read_index(self._directory, {scan.name: scan.patient for scan in scans}, self._findings)
        self.parts, split_note = assign_parts(self.index, self._findings, few=True)
        self.patients_by = "table" if "patient" in self.index.columns else "header"
        unnamed = sum(not scan.identified for scan in scans)
        by_folder = f", {unnamed} without one by its folder" if unnamed else ""
        self._notes = [f"patients: by PatientID{by_folder}", split_note, *self._findings.notes]

    def case(self, name: str) -> Case:
        """Reads the slices and masks of one folder."""
        scan = self.scans[name]
        series = scan.series
        assert series is not None  # or the first error was raised
        frame = series.frame
        masks: dict[str, np.ndarray] = {}
        if scan.masks:
            found = read_masks(scan.folder, scan.masks, frame, self._findings, slack=series.slack)
            masks = merge(found or {}, frame)
        return Case(
            name=name,
            patient=self.index.patients[name],
            split=self.parts[name],
            images=frame.to_slices(read_volume(series, self._findings)),
            masks={target: frame.to_slices(masks[target]) for target in self.targets},
            slice_names=tuple(f"{name}_{k:03d}" for k in range(len(series.slices))),
            spacing=frame.spacing,
            frame=frame,
        )

    def fingerprint(self) -> str:
        """SHA-256, in hex, over names, sizes and ends of the slices, the masks that are read and `index.csv`."""
        scans = self.scans.values()
        slices = [one.path for scan in scans if scan.series for one in scan.series.slices]
        masks = [mask.path for scan in scans for mask in scan.masks or ()]
        index = [] if self.index.path is None else [self.index.path]
        return fingerprint([*slices, *masks, *index], self._directory)


def _scan(folder: Path, labelled: bool, findings: Findings) -> Scan:
    """Reads the headers of one case."""
    slices: list[Slice] = []
    segs: list[Path] = []
    for path in dicom_files(folder, findings):
        header = read_header(path, findings)
        if header is None:
            continue
        if header.get("Modality") == "SEG":
            segs.append(path)
        elif other := other_content(header):
            findings.note("left-aside", path, f"{other}, which were skipped")
        elif one := parse_slice(path, header, findings):
            slices.append(one)
    if not slices:
        beside = segs[0].name if segs else "the other files"
        findings.error("image-missing", folder, f"has no CT slices; put them beside {beside}")
    series = choose_series(folder, slices, findings) if slices else None
    name = folder.resolve().name
    patient = series.patient if series else slices[0].patient if slices else ""
    return Scan(
        name=name,
        folder=folder,
        patient=patient or name,
        identified=bool(patient),
        slices=slices,
        series=series,
        masks=find_masks(folder, segs, findings) if labelled else [],
    )


def _find_targets(scans: Sequence[Scan], findings: Findings) -> tuple[str, ...]:
    """The targets of all scans; one without lesions where others have them is an error."""
    known = {scan.folder: scan.masks for scan in scans if scan.masks is not None}
    unsure = {folder: masks for folder, masks in known.items() if not any(mask.surely_has("lesion") for mask in masks)}
    label_maps = [mask for masks in unsure.values() for mask in masks if mask.is_label_map]
    # A label map without 2 is a healthy liver where other label maps have one, and just a liver where none has.
    if any(_shows_lesions(mask, findings) for mask in label_maps):
        unsure = {folder: masks for folder, masks in unsure.items() if not any(mask.is_label_map for mask in masks)}
    elif len(unsure) == len(known):
        return ("liver",)
    for folder in unsure:
        findings.error(
            "mask-missing", folder, "has no lesion mask, as others have; add one (all 0 if nothing is there)"
        )
    return ("liver", "lesion")


def _shows_lesions(mask: MaskFile, findings: Findings) -> bool:
    try:
        return mask.shows_lesions()
    except MaskError as error:
        problem = error
    findings.error(problem.code, mask.path, str(problem))
    return False
