"""Reader of folders of DICOM CT slices, with masks beside them as DICOM SEG, NRRD or NIfTI."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.case import Case, Source
from pipelines.checks.content import check_scan
from pipelines.errors import DataError
from pipelines.files.labels import MaskError
from pipelines.findings import Findings, Strict, listed
from pipelines.fingerprint import fingerprint
from pipelines.index import assign_parts, read_index
from pipelines.layouts.dicom.cases import CaseFiles, list_cases
from pipelines.layouts.dicom.mask_files import MaskFile
from pipelines.layouts.dicom.masks import find_masks, merge, read_masks
from pipelines.layouts.dicom.series import Series, choose_series, read_series, read_volume
from pipelines.layouts.dicom.slices import Slice
from pipelines.orientation import RADIOLOGICAL
from pipelines.targets import Naming

__all__ = ["Dicom", "Scan", "read_series"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scan:
    """One case by its headers.

    Attributes:
        name: of its folder, after those of the folders above where several have the same.
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
    """Reads a folder of CT slices (one case), or a tree of such folders (one case each).

    Files are recognized by their contents, not by their names. Masks lie beside the slices or elsewhere in the tree,
    see `list_cases`. A case is named after its folder; its patient is the PatientID or, without one, the folder. The
    constructor reads headers only; label maps (NRRD, NIfTI) whose names do not say that they show lesions are read
    until one does.

    Args:
        directory: the folder.
        labelled: read masks too; each case must have them.
        labels: what names of files and segments stand for, and the labels of label maps, see `Naming`.
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
        notes: how patients were identified, where the split comes from, which files are masks of what, and what was
            skipped.
        scans: name of each case to its headers.
    """

    layout = "dicom"
    intensity = "hu"
    orientation = RADIOLOGICAL

    def __init__(
        self,
        directory: str | Path,
        *,
        labelled: bool = True,
        labels: Sequence[str] = (),
        findings: Findings | None = None,
    ):
        self._directory = Path(directory)
        naming = Naming(labels)
        self.reading = {"labels": list(labels)} if labels else {}
        if not self._directory.is_dir():
            raise DataError(f"{directory}: no such folder; give a folder of CT slices, or of such folders")
        self._findings = findings or Strict(self._directory)
        cases = list_cases(self._directory, self._findings, naming=naming, labelled=labelled)
        scans = [_scan(case, naming, labelled, self._findings) for case in cases]
        self.scans = {scan.name: scan for scan in scans}
        self.targets = _find_targets(scans, self._findings) if labelled else ()
        patients = {scan.name: scan.patient for scan in scans}
        places = {scan.name: scan.folder / "slices" for scan in scans}
        self.index = read_index(self._directory, patients, self._findings, places=places)
        self.parts, split_note = assign_parts(self.index, self._findings, few=True)
        self._compare_patients(scans)
        self.patients_by = "table" if "patient" in self.index.columns else "header"
        unnamed = sum(not scan.identified for scan in scans)
        by_folder = f", {unnamed} without one by its folder" if unnamed else ""
        self._notes = [f"patients: by PatientID{by_folder}", split_note, *_roles(scans)]

    @property
    def notes(self) -> list[str]:
        """See `Dicom`; reading cases may add some."""
        return [*self._notes, *self._findings.notes]

    def _compare_patients(self, scans: Sequence[Scan]) -> None:
        """Warns of folders of one PatientID on two sides of the split, whatever patients a table gives them."""
        sides: dict[str, set[str]] = {}
        for scan in scans:
            if scan.identified:
                sides.setdefault(scan.patient, set()).add(self.parts[scan.name])
        for patient, both in sides.items() if len(sides) > 1 else ():  # one name for all is an anonymous one
            if len(both) > 1:
                self._findings.warning(
                    "split-leak",
                    self.index.path or ".",
                    f"PatientID {patient} is in {' and '.join(sorted(both))}; give it one split if it is one patient",
                )

    def case(self, name: str) -> Case:
        """Reads the slices and masks of one folder."""
        scan = self.scans[name]
        series = scan.series
        assert series is not None  # or the first error was raised
        frame = series.frame
        masks: dict[str, np.ndarray] = {}
        if scan.masks:
            found = read_masks(scan.folder, scan.masks, series, self._findings)
            masks = merge(found or {}, frame)
        images = read_volume(series, self._findings)
        check_scan(self._findings, scan.folder, images, frame.spacing)
        return Case(
            name=name,
            patient=self.index.patients[name],
            split=self.parts[name],
            images=frame.to_slices(images),
            masks={target: frame.to_slices(masks[target]) for target in self.targets},
            slice_names=tuple(f"{name}_{k:03d}" for k in range(len(series.slices))),
            spacing=frame.spacing,
            frame=frame,
        )

    def fingerprint(self) -> str:
        """SHA-256, in hex, over names, sizes and ends of the slices, the masks that are read and `index.csv`."""
        scans = self.scans.values()
        slices = [one.path for scan in scans if scan.series for one in scan.series.slices]
        masks = [path for scan in scans for mask in scan.masks or () for path in mask.files or (mask.path,)]
        index = [] if self.index.path is None else [self.index.path]
        return fingerprint([*slices, *masks, *index], self._directory)


def _scan(case: CaseFiles, naming: Naming, labelled: bool, findings: Findings) -> Scan:
    """The stack of slices and the masks of one case, by their headers."""
    if not case.slices:
        beside = case.segs[0].name if case.segs else "the other files"
        findings.error("image-missing", case.folder, f"has no CT slices; put them beside {beside}")
    series = choose_series(case.folder, case.slices, findings) if case.slices else None
    patient = series.patient if series else case.slices[0].patient if case.slices else ""
    return Scan(
        name=case.name,
        folder=case.folder,
        patient=patient or case.name,
        identified=bool(patient),
        slices=case.slices,
        series=series,
        masks=find_masks(case, series, naming, findings) if labelled else [],
    )


def _roles(scans: Sequence[Scan]) -> list[str]:
    """A line that says what the files of masks are taken for, if that goes by their names."""
    roles = {mask.path.name: mask.shown for scan in scans for mask in scan.masks or () if mask.kind != "seg"}
    return [f"masks: {listed(f'{role} in {name}' for name, role in roles.items())}"] * bool(roles)


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
