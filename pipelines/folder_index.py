"""Which patient and which part of the split each slice of a paired folder belongs to."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import DataError
from pipelines.split import carve_validation, split_patients

# 10001_103_f, 11485_16, volume-12_45: a patient, a slice number, perhaps letters.
_SLICE_OF_PATIENT = re.compile(r"(.+)_\d+(?:_[A-Za-z]+)?")
_PARTS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


def read_index(path: Path, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Reads `index.csv`.

    Args:
        path: the file; a header with `id`, and `patient` and `split` where known. Other columns are ignored.
        ids: names of the slices that are there.

    Returns:
        ID to its row, which has `patient` and `split` (as in `SPLITS`) only where the file has the column.

    Raises:
        DataError: unreadable, no `id` column, an empty or unknown cell, or other IDs than those there.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [column for column in ("patient", "split") if column in (reader.fieldnames or ())]
            if "id" not in (reader.fieldnames or ()):
                raise DataError(f"{path}: no column called id; start the file with the line id,patient,split")
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise DataError(f"{path}: cannot be read as a table; save it as UTF-8 CSV") from None
    rows: dict[str, dict[str, str]] = {}
    for line in lines:
        name = (line["id"] or "").strip()
        row = {column: (line[column] or "").strip() for column in columns}
        if name in rows:
            raise DataError(f"{path}: {name} is listed twice; keep one line")
        if empty := [column for column, cell in row.items() if not cell]:
            raise DataError(f"{path}: {name} has no {empty[0]}; fill it in or delete the column")
        if "split" in row:
            if row["split"].lower() not in _PARTS:
                raise DataError(f"{path}: {name} has split {row['split']!r}; write train, validation or test")
            row["split"] = _PARTS[row["split"].lower()]
        rows[name] = row
    there = set(ids)
    for name in rows:
        if name not in there:
            raise DataError(f"{path}: {name} has no images/{name}.png; add the file or delete the line")
    for name in ids:
        if name not in rows:
            raise DataError(f"{path}: {name} is not listed; add a line for it or delete the pair")
    return rows


def find_patients(ids: Sequence[str], rows: dict[str, dict[str, str]], pattern: str | None) -> tuple[list[str], str]:
    """Tells the patients apart: by `pattern` if given, else by the index, else by a guess from the names.

    Args:
        ids: names of the slices.
        rows: what `read_index` returned, or empty.
        pattern: regular expression, searched for in each ID; its first group is the patient.

    Returns:
        The patient of each ID, and a line that says how they were told apart.

    Raises:
        DataError: the pattern is no regular expression, has no group, or misses an ID.
    """
    if pattern is not None:
        return _by_pattern(ids, pattern), f"patients: by --patient-pattern {pattern}"
    if rows and "patient" in rows[ids[0]]:
        return [rows[name]["patient"] for name in ids], "patients: by index.csv"
    matches = [_SLICE_OF_PATIENT.fullmatch(name) for name in ids]
    if all(matches):
        return [match[1] for match in matches], "patients: guessed, the name before _<slice number>"
    return list(ids), "patients: guessed, one for each image; give --patient-pattern if that is wrong"


def find_parts(
    ids: Sequence[str], patients: Sequence[str], rows: dict[str, dict[str, str]], index: Path
) -> tuple[dict[str, str], str]:
    """Gives every patient to a part: the index's where it has a split, else `split_patients`.

    Args:
        ids: names of the slices.
        patients: the patient of each ID.
        rows: what `read_index` returned, or empty.
        index: where the rows come from, for messages.

    Returns:
        Patient to its part (one of `SPLITS`), and a line that says where the split comes from.

    Raises:
        DataError: a patient on two sides of the split, or too few patients.
    """
    if not rows or "split" not in rows[ids[0]]:
        return split_patients(patients), "split: by patient, 70:15:15, from a hash of the names"
    parts: dict[str, str] = {}
    for name, patient in zip(ids, patients, strict=True):
        part = rows[name]["split"]
        if parts.setdefault(patient, part) != part:
            raise DataError(
                f"{index}: {name} is in {part}, but patient {patient} has slices in {parts[patient]}; "
                "give every patient one split"
            )
    train = [patient for patient, part in parts.items() if part == "train"]
    if not train or "validation" in parts.values():
        return parts, "split: by index.csv"
    parts |= dict.fromkeys(carve_validation(train), "validation")
    return parts, "split: by index.csv, its validation carved out of the training patients"


def _by_pattern(ids: Sequence[str], pattern: str) -> list[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"--patient-pattern {pattern}: not a regular expression ({error}); mend it") from None
    if not compiled.groups:
        raise DataError(f"--patient-pattern {pattern}: no group; put the patient in brackets, as in ^([^_]+)_")
    patients = []
    for name in ids:
        match = compiled.search(name)
        if not match or not match[1]:
            raise DataError(f"--patient-pattern {pattern}: finds no patient in {name}; mend the pattern")
        patients.append(match[1])
    return patients
