"""The scans that the slices of a folder belong to."""

import dataclasses
import itertools
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from pipelines.findings import Findings, listed
from pipelines.index import NAME, Index, read_index
from pipelines.layouts.paired_folder.settings import Settings
from pipelines.natural import last_numbers, natural_sort_key
from pipelines.other_splits import folder_part
from pipelines.patients import agree, find_patients, find_scans


class FolderScans:
    """Groups the slices of a folder into scans, by its `index.csv` and what that does not say by their names.

    Args:
        directory: the folder, perhaps with `index.csv`: see `PairedFolder`; None to go by the names alone.
        names: IDs of the slices.
        settings: how the folder is read.
        findings: takes what is wrong with the table.
        places: ID of each slice to its file; None where they lie in one folder.
        split: whether the slices are to be split, see `read_index`.

    Attributes:
        index: the table.
        slices: scan to the IDs of its slices, in order.
        patients: scan to its patient.
        patients_by, patients_note: see `pipelines.patients.Patients`.
    """

    def __init__(
        self,
        directory: Path | None,
        names: Collection[str],
        *,
        settings: Settings,
        findings: Findings,
        places: Mapping[str, Path] | None = None,
        split: bool = True,
    ) -> None:
        self._settings, self._findings = settings, findings
        # A patient is one in whatever part of the split: train_a_1 and test_a_2 are of the patient a.
        plain = _without_parts(names, places or {}, directory)
        guess = find_patients(list(plain.values()), settings.patient_pattern)
        guess = dataclasses.replace(guess, of={name: guess.of[plain[name]] for name in names})
        index = Index(path=None, patients=guess.of, parts={}, columns=(), cells={})
        if directory is not None:
            index = read_index(
                directory, guess.of, findings, keys=("id",), others=("case", "slice"), places=places, split=split
            )
        self.patients_note, self.patients_by = guess.note, guess.found_by
        if "patient" in index.columns:
            self.patients_note, self.patients_by = f"patients: by {index.name}", "table"
            if settings.patient_pattern is not None and not agree(guess.of, index.patients):
                message = f"has a column patient, which the `patient_pattern` {settings.patient_pattern} contradicts"
                findings.error("patients-twice", index.path or NAME, f"{message}; leave out one of them")
        elif guess.alone:
            message = f"{listed(guess.alone)}: no slice number in the name, so each is taken for a patient of its own"
            findings.warning("patient-unclear", "images", f"{message}; give the patients by `patient_pattern`")
        self.index = index
        scans, self._numbers = self._scans(names), self._slice_numbers(names)

        def place(name: str) -> tuple[object, ...]:
            number = self._numbers.get(name, 0) if "slice" in index.columns else 0
            return natural_sort_key(index.patients[name]), natural_sort_key(scans[name]), number, natural_sort_key(name)

        grouped = itertools.groupby(sorted(names, key=place), key=scans.__getitem__)
        self.slices = {scan: tuple(group) for scan, group in grouped}
        self.patients = {scan: index.patients[group[0]] for scan, group in self.slices.items()}

    def numbers(self, scan: str) -> list[int]:
        """The numbers of the slices of a scan, in order; empty if some have none."""
        numbers = [self._numbers[name] for name in self.slices[scan] if name in self._numbers]
        return numbers if len(numbers) == len(self.slices[scan]) else []

    def neighbours(self, scan: str) -> tuple[bool, np.ndarray | None]:
        """Whether the slices of a scan are neighbours, and where slices are missing: `contiguous`, `gaps` of `Case`."""
        return self._settings.neighbours(self.numbers(scan))

    def _scans(self, names: Collection[str]) -> dict[str, str]:
        """The scan of each slice: the index's, or else by the names."""
        index = self.index
        if "case" not in index.columns:
            return find_scans(index.patients)
        scans = {name: index.cells[name].get("case") or index.patients[name] for name in names}
        owners: dict[str, str] = {}
        for name, scan in scans.items():
            if owners.setdefault(scan, index.patients[name]) != index.patients[name]:
                message = f"case {scan} is of patients {owners[scan]} and {index.patients[name]}; give it one patient"
                self._findings.error("case-mixed", index.path or NAME, message)
                return find_scans(index.patients)
        return scans

    def _slice_numbers(self, names: Collection[str]) -> dict[str, int]:
        """The number of each slice in its scan: the index's, or else the last in its name; some may have none."""
        if "slice" not in self.index.columns:
            return {name: number for name in names for number in last_numbers([name])}
        numbers = {}
        for name in names:
            cell = self.index.cells[name].get("slice", "")
            if cell.isdecimal():
                numbers[name] = int(cell)
            elif cell:
                message = f"({name}) has slice {cell!r}; write the number of the slice"
                self._findings.error("csv-cell", self.index.path or NAME, message)
        return numbers


def _without_parts(names: Collection[str], places: Mapping[str, Path], directory: Path | None) -> dict[str, str]:
    """The IDs of slices, which begin with the folders that they are in, without those that are parts of the split."""
    parts: dict[Path, list[str]] = {}
    for folder in {path.parent for path in places.values()}:
        assert directory is not None  # where there are places
        parts[folder] = [name for name in folder.relative_to(directory).parts if folder_part(name)]
    plain = {name: name for name in names}
    for name, path in places.items() if any(parts.values()) else ():
        for part in parts[path.parent]:
            plain[name] = re.sub(rf"(^|_){re.escape(part)}_", r"\1", plain[name], count=1)
    return plain
