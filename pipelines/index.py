"""Index tables: the `index.csv` of a data folder, with the patients and the split of its cases or slices."""

import csv
import dataclasses
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pipelines.case import SPLITS
from pipelines.errors import DataError
from pipelines.findings import Findings
from pipelines.split import carve_validation, split_patients

NAME = "index.csv"
_PARTS = {**{part: part for part in SPLITS}, "val": "validation"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Index:
    """Patients and split of the cases (or slices) of a folder.

    Attributes:
        path: the table; None if the folder has none.
        patients: name of each case to its patient: the table's, or else the layout's own.
        parts: name of each case to its part of the split, where the table has it.
        columns: which of `"id"`, `"patient"`, `"split"` and those that were asked for the table has.
        cells: name of each case to its cells by column.
    """

    path: Path | None
    patients: dict[str, str]
    parts: dict[str, str]
    columns: tuple[str, ...]
    cells: Mapping[str, Mapping[str, str]]


def read_index(
    directory: Path,
    patients: Mapping[str, str],
    findings: Findings,
    *,
    keys: Collection[str] = ("id", "patient"),
    others: Collection[str] = (),
) -> Index:
    """Reads the `index.csv` of a folder, if there is one.

    Columns are `id` (the case or slice), `patient` and `split` (train, validation or val, test); others are ignored.
    The table must list exactly what is in the folder.

    Args:
        directory: the folder.
        patients: name of each case in the folder to its patient according to the layout.
        findings: takes every line that cannot be used.
        keys: columns that may tell which case a line is about, the preferred one first. A line with a `patient` only
            is about all cases of that patient.
        others: further columns to read where the table has them.
    """
    path = directory / NAME
    if not path.exists():
        return Index(path=None, patients=dict(patients), parts={}, columns=(), cells={})
    findings.count("files")
    none = Index(path=path, patients=dict(patients), parts={}, columns=(), cells={})
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            # A column that a blank or a capital hides would drop the user's split without a word.
            reader.fieldnames = [column.strip().lower() for column in reader.fieldnames or ()]
            columns: tuple[str, ...] = tuple(
                column for column in ("id", "patient", "split", *others) if column in reader.fieldnames
            )
            lines = [(reader.line_num, {column: (line[column] or "").strip() for column in columns}) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error):
        findings.error("csv-unreadable", path, "cannot be read as a table; save it as UTF-8 CSV")
        return none
    key = next((column for column in keys if column in columns), None)
    if key is None:
        wanted = " or ".join(keys)
        findings.error(
            "csv-unreadable", path, f"no column called {wanted}; start the file with the line id,patient,split"
        )
        return none
    rows = _read_rows(path, key, lines, findings)
    listed = {name: name if key == "id" else patient for name, patient in patients.items()}
    for name in sorted(set(rows) - set(listed.values())):
        findings.error("row-without-file", path, f"{name} is not in the folder; add its files or delete the line")
    for name in sorted(set(listed.values()) - set(rows)):
        findings.error("file-without-row", path, f"{name} is not listed; add a line for it or delete its files")
    cells = {name: rows.get(row, {}) for name, row in listed.items()}
    return Index(
        path=path,
        patients={name: cells[name].get("patient") or patients[name] for name in patients},
        parts={name: _PARTS[part] for name in patients if (part := cells[name].get("split", "").lower()) in _PARTS},
        columns=columns,
        cells=cells,
    )


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
        check_sides(findings, findings.root / NAME, index.patients, index.parts)
    try:
        parts, note = _split(index, few=few)
    except DataError as error:
        findings.refused("patients-few", ".", error)
        parts, note = {}, "split: none"
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
        return parts, f"split: by {NAME}"
    parts |= dict.fromkeys(carve_validation(train), "validation")
    return parts, f"split: by {NAME}, which has no validation part: some of its training patients stand for it"


def check_sides(findings: Findings, path: Path, patients: Mapping[str, str], parts: Mapping[str, str]) -> None:
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


def _read_rows(
    path: Path, key: str, lines: list[tuple[int, dict[str, str]]], findings: Findings
) -> dict[str, dict[str, str]]:
    """Case (or patient) to the cells of its line."""
    rows: dict[str, dict[str, str]] = {}
    for number, line in lines:
        name = line[key]
        where = f"line {number}" + f" ({name})" * bool(name)
        for column in (column for column, cell in line.items() if not cell):
            findings.error("csv-cell", path, f"{where} has no {column}; fill it in")
        part = line.get("split", "")
        if part and part.lower() not in _PARTS:
            findings.error("csv-cell", path, f"{where} has split {part!r}; write train, validation or test")
        if name in rows:
            findings.error("row-twice", path, f"{name} is listed twice, again in line {number}; keep one line")
        elif name:
            rows[name] = line
    return rows
