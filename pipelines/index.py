"""Index tables: the `index.csv` of a data folder, with the patients and the split of its cases or slices."""

import csv
import dataclasses
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pipelines.case import SPLITS
from pipelines.errors import DataError
from pipelines.findings import Findings
from pipelines.index_table import NAME, Index, read_table
from pipelines.other_splits import check_other_splits, parts_by_folder
from pipelines.patients import spelled_alike
from pipelines.split import carve_validation, split_patients

__all__ = ["NAME", "Index", "assign_parts", "check_sides", "read_index", "write_index"]


def read_index(
    directory: Path,
    patients: Mapping[str, str],
    findings: Findings,
    *,
    keys: Collection[str] = ("id", "patient"),
    others: Collection[str] = (),
    places: Mapping[str, Path] | None = None,
    split: bool = True,
) -> Index:
    """Reads the `index.csv` of a folder, if there is one.

    Columns are `id` (the case or slice, or its file), `patient` and `split` (train, validation, test and words like
    these); a note names others. The table must list exactly what is in the folder. A folder without one is searched
    for other files that look like a split, see `check_other_splits`.

    Args:
        directory: the folder.
        patients: name of each case in the folder to its patient according to the layout.
        findings: takes every line that cannot be used.
        keys: columns that may tell which case a line is about, the preferred one first. A line with a `patient` only
            is about all cases of that patient.
        others: further columns to read where the table has them.
        places: name of each case to its file or folder, whose folders may be called `train`, `validation` and `test`:
            the split where no table has one. None where they lie in one folder.
        split: whether the cases are to be split; without, no split is searched for outside of the table.
    """
    index = read_table(directory, patients, findings, keys=keys, others=others)
    if not split:
        return index
    given = "split" in index.columns
    by_folder = parts_by_folder(places or {}, directory, findings)
    if by_folder and not given:
        index = dataclasses.replace(index, parts=by_folder, columns=(*index.columns, "split"), by_folder=True)
    elif any(index.parts.get(name) != part for name, part in by_folder.items()):
        findings.warning("split-unused", ".", f"{index.name} has another split than the folders; the table's is used")
    used = () if index.path is None else (index.path,)
    check_other_splits(directory, patients, findings, used=used, split=given or bool(by_folder))
    return index


def write_index(directory: Path, rows: Iterable[tuple[str, str, str]]) -> None:
    """Writes `index.csv` into a folder, from (id, patient, split) of each case or slice."""
    with (directory / NAME).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("id", "patient", "split"), *rows])


def assign_parts(index: Index, findings: Findings, *, few: bool = False) -> tuple[dict[str, str], str]:
    """Gives every case to a part of the split: the table's, or else by a hash of the patients' names.

    A table without a validation part gets one carved out of its training patients.

    Args:
        index: as `read_index` returned it.
        findings: takes patients in more than one part, and too few patients.
        few: whether fewer than three patients without a split are all put in test, so that a folder of one scan can be
            described or predicted, rather than refused.

    Returns:
        Name of each case to one of `SPLITS`, and a line that says where the split comes from.
    """
    if "split" in index.columns:
        check_sides(findings, "." if index.by_folder else index.path or NAME, index.patients, index.parts)
    try:
        parts, note = _split(index, few=few)
    except DataError as error:
        findings.refused("patients-few", ".", error)
        parts, note = {}, "split: none"
    for alike in spelled_alike(parts):
        if len({parts[patient] for patient in alike}) > 1:
            shown = " and ".join(f"{patient} ({parts[patient]})" for patient in alike)
            findings.warning(
                "split-leak", index.path or ".", f"patients {shown} are spelled alike; if they are one, spell them so"
            )
    return {name: parts.get(patient, "test") for name, patient in index.patients.items()}, note


def _split(index: Index, *, few: bool) -> tuple[dict[str, str], str]:
    """Patient to part, and the note."""
    people = set(index.patients.values())
    if "split" not in index.columns:
        if few and len(people) < len(SPLITS):
            return dict.fromkeys(people, "test"), "split: fewer than 3 patients, all of them in test"
        return split_patients(people), "split: by patient, 70:15:15, from a hash of the names"
    parts = {index.patients[name]: part for name, part in index.parts.items()}
    train = [patient for patient, part in parts.items() if part == "train"]
    if not train or "validation" in parts.values():
        return parts, f"split: by {index.split_by}"
    parts |= dict.fromkeys(carve_validation(train), "validation")
    carved = "which has no validation part: some of its training patients stand for it"
    return parts, f"split: by {index.split_by}, {carved}"


def check_sides(findings: Findings, path: Path | str, patients: Mapping[str, str], parts: Mapping[str, str]) -> None:
    """Adds an error for each patient that has cases or slices in more than one part of the split.

    Args:
        findings: takes the errors.
        path: where the split comes from.
        patients: name of each case to its patient.
        parts: name of each case to its part.
    """
    sides: dict[str, set[str]] = {}
    for name, part in parts.items():
        sides.setdefault(patients[name], set()).add(part)
    for patient, both in sides.items():
        if len(both) > 1:
            findings.error(
                "split-leak",
                path,
                f"patient {patient} is in {' and '.join(sorted(both))}; give every patient one split",
            )
