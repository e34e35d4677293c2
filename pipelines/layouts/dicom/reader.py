"""Folders of DICOM CT slices, with masks beside them as DICOM SEG, NRRD or NIfTI."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.findings import Strict
from pipelines.fingerprint import fingerprint
from pipelines.index import assign_parts, read_index
from pipelines.layouts.dicom.listing import SUFFIXES, case_folders, files_of, is_dicom
from pipelines.layouts.dicom.masks import MaskFile, find_masks, read_masks
from pipelines.layouts.dicom.series import Series, choose_series, parse_slice, read_header, read_pixels, read_series
from pipelines.orientation import RADIOLOGICAL

__all__ = ["Dicom", "read_series"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Scan:
    """One case: its slices, its masks, and what was left aside."""

    name: str
    patient: str
    series: Series
    masks: list[MaskFile]
    notes: list[str]


class Dicom(Source):
    """Reads a folder of CT slices (one case), or a folder of such folders (one case each).

    Files are told by what is in them, not by their names. A case is named after its folder; its patient is the
    PatientID or, without one, the folder. The constructor reads headers only; label maps (NRRD, NIfTI) whose names do
    not say that they show lesions are read until one does.

    Args:
        directory: the folder.
        labelled: read masks too; each case must have them.

    Raises:
        DataError: a series is incomplete or mixed, a file is broken or no CT slice, or a mask is missing; one line
            with the file or folder and the mend.

    Attributes:
        layout: `"dicom"`.
        intensity: `"hu"`.
        targets: `("liver", "lesion")` if any mask speaks of or shows lesions, else `("liver",)`; `()` if not
            `labelled`.
        notes: how patients were told apart, where the split comes from, what was left aside.
    """

    layout = "dicom"
    intensity = "hu"
    orientation = RADIOLOGICAL

    def __init__(self, directory: str | Path, *, labelled: bool = True):
        self._directory = Path(directory)
        scans = [_scan(folder, labelled) for folder in case_folders(self._directory)]
        self._scans = {scan.name: scan for scan in scans}
        self.targets = _find_targets(scans) if labelled else ()
        patients = {scan.name: scan.patient for scan in scans}
        findings = Strict(self._directory)
        self.parts, note = assign_parts(read_index(self._directory, patients, findings), findings, few=True)
        unnamed = sum(not scan.series.patient for scan in scans)
        told = f", {unnamed} without one by its folder" if unnamed else ""
        self._notes = [f"patients: by PatientID{told}", note, *(line for scan in scans for line in scan.notes)]

    def case(self, name: str) -> Case:
        """Reads the slices and masks of one folder."""
        scan = self._scans[name]
        frame = scan.series.frame
        masks = read_masks(scan.masks, frame, slack=scan.series.slack) if scan.masks else {}
        return Case(
            name=name,
            patient=scan.patient,
            split=self.parts[name],
            images=frame.to_slices(read_pixels(scan.series)),
            masks={target: frame.to_slices(masks[target]) for target in self.targets},
            slice_names=tuple(f"{name}_{k:03d}" for k in range(len(scan.series.paths))),
            spacing=frame.spacing,
            frame=frame,
        )

    def fingerprint(self) -> str:
        """SHA-256, in hex, over names, sizes and ends of the slices, the masks that are read and `index.csv`."""
        scans = self._scans.values()
        files = [path for scan in scans for path in (*scan.series.paths, *(mask.path for mask in scan.masks))]
        index = self._directory / "index.csv"
        return fingerprint([*files, index] if index.exists() else files, self._directory)


def _scan(folder: Path, labelled: bool) -> _Scan:
    """Reads the headers of one case."""
    slices, segs, notes = [], [], []
    for path in files_of(folder):
        if not is_dicom(path):
            if path.suffix.lower() in SUFFIXES:
                raise DataError(f"{path}: is no DICOM file; copy it again or delete it")
            continue
        header = read_header(path)
        if header.get("Modality") == "SEG":
            segs.append(path)
        elif header.get("Modality", "") in ("CT", "") or "Rows" in header:  # without either it was cut short
            slices.append(parse_slice(path, header))
        else:
            notes.append(f"{path}: shows no picture and was left aside")
    if not slices:
        raise DataError(f"{folder}: has no CT slices; put them beside {segs[0].name if segs else 'the other files'}")
    series, left_aside = choose_series(slices)
    notes += left_aside
    if series.tilt > 0.5:
        notes.append(f"{folder}: tilted gantry, slices stand {series.tilt:.1f} degrees off their stack")
    masks = find_masks(folder, segs) if labelled else []
    if labelled and not any(mask.surely_has("liver") or mask.is_label_map for mask in masks):
        what = "liver mask" if masks else "mask"
        raise DataError(f"{folder}: has no {what}; put a DICOM SEG, NRRD or NIfTI file of it beside the slices")
    name = folder.resolve().name
    return _Scan(name=name, patient=series.patient or name, series=series, masks=masks, notes=notes)


def _find_targets(scans: Sequence[_Scan]) -> tuple[str, ...]:
    """The targets of all scans, each of which has them or is refused."""
    unsure = [scan for scan in scans if not any(mask.surely_has("lesion") for mask in scan.masks)]
    # A label map without 2 is a healthy liver where other label maps have one, and just a liver where none has.
    if any(mask.shows_lesions() for scan in unsure for mask in scan.masks if mask.is_label_map):
        unsure = [scan for scan in unsure if not any(mask.is_label_map for mask in scan.masks)]
    elif len(unsure) == len(scans):
        return ("liver",)
    if unsure:
        folder = unsure[0].series.paths[0].parent
        raise DataError(f"{folder}: has no lesion mask, as others have; add one (all 0 if nothing is there)")
    return ("liver", "lesion")
