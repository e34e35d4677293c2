"""Which part of the split each patient of a folder of scans belongs to."""

import csv
from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import DataError
from pipelines.split import carve_validation, split_patients

_PARTS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
_FEWEST = 3  # patients, one for each part


def split_volumes(patients: Mapping[str, str], directory: Path) -> tuple[dict[str, str], str]:
    """Splits the patients of a folder of scans: by its `index.csv` if it has one, else by a hash of their names.

    The index has a column `id` (names of cases) or `patient` or both, and perhaps `split`; other columns are ignored.
    With both, `patient` says which cases belong together. Where its split has no validation part, that is carved out
    of the training patients. Without a split in an index, patients are split 70:15:15; fewer than three of them are
    all in test, so that a folder of one scan can still be described or predicted.

    Args:
        patients: name of each case to the name of its patient.
        directory: the data folder, in which `index.csv` may lie.

    Returns:
        Patient to its part (one of `SPLITS`), and a line that says where the split comes from.

    Raises:
        DataError: the index cannot be read, lists other cases or patients than those there, has an empty or unknown
            cell, or puts a patient on two sides.
    """
    path = Path(directory) / "index.csv"
    rows = _read(path, patients) if path.exists() else {}
    # Who belongs together: the patient's own name, or what the index calls that patient.
    person = {patient: rows.get(name, {}).get("patient", patient) for name, patient in patients.items()}
    if not any("split" in row for row in rows.values()):
        if len(set(person.values())) < _FEWEST:
            return dict.fromkeys(person, "test"), f"split: fewer than {_FEWEST} patients, all of them in test"
        drawn = split_patients(person.values())
        by_hash = {patient: drawn[who] for patient, who in person.items()}
        return by_hash, "split: by patient, 70:15:15, from a hash of the names"
    parts: dict[str, str] = {}
    for name, patient in patients.items():
        part, who = rows[name]["split"], person[patient]
        if parts.setdefault(who, part) != part:
            raise DataError(
                f"{path}: {name} of patient {who} is in {part}, but the patient is in {parts[who]} too; "
                "give every patient one split"
            )
    note = "split: by index.csv"
    train = [who for who, part in parts.items() if part == "train"]
    if train and "validation" not in parts.values():
        parts |= dict.fromkeys(carve_validation(train), "validation")
        note += ", its validation carved out of the training patients"
    return {patient: parts[who] for patient, who in person.items()}, note


def _read(path: Path, patients: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Name of each case to its row of the index: `patient` and `split`, only where the file has the column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [column for column in ("id", "patient", "split") if column in (reader.fieldnames or ())]
            lines = [{column: (line[column] or "").strip() for column in columns} for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise DataError(f"{path}: cannot be read as a table; save it as UTF-8 CSV") from None
    key = next((column for column in ("id", "patient") if column in columns), None)
    if key is None:
        raise DataError(f"{path}: no column called id or patient; start the file with the line id,split")
    rows: dict[str, dict[str, str]] = {}
    for row in lines:
        name = row[key]
        if name in rows:
            raise DataError(f"{path}: {name} is listed twice; keep one line")
        if empty := [column for column, cell in row.items() if not cell]:
            raise DataError(f"{path}: the line of {name or 'no name'} has no {empty[0]}; fill it in")
        if "split" in row:
            if row["split"].lower() not in _PARTS:
                raise DataError(f"{path}: {name} has split {row['split']!r}; write train, validation or test")
            row["split"] = _PARTS[row["split"].lower()]
        rows[name] = row
    there = {name: name if key == "id" else patient for name, patient in patients.items()}
    if unknown := sorted(set(rows) - set(there.values())):
        raise DataError(f"{path}: {unknown[0]} is not in the folder; add its files or delete the line")
    if unlisted := sorted(set(there.values()) - set(rows)):
        raise DataError(f"{path}: {unlisted[0]} is not listed; add a line for it or delete its files")
    return {name: rows[listed] for name, listed in there.items()}
