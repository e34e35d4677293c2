"""The `index.csv` that tells patients and split of a paired folder, of NIfTI volumes and of DICOM folders."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

from pipelines.case import SPLITS
from pipelines.findings import Findings

_PARTS = {**{part: part for part in SPLITS}, "val": "validation"}


def check_index(
    directory: Path, report: Findings, patients: Mapping[str, str], *, keys: Collection[str] = ("id", "patient")
) -> tuple[dict[str, str], dict[str, str]]:
    """Checks the index of a folder, line by line, if there is one.

    Args:
        directory: the folder.
        report: takes what is wrong.
        patients: name of each case (or slice) that is there to what its reader calls the patient.
        keys: columns of which one must be there to tell which case a line is about, the preferred first.

    Returns:
        Name of each case to its patient, by the index where it says so; and name to its part of the split, where known.
    """
    path = directory / "index.csv"
    if not path.exists():
        return dict(patients), {}
    report.count("files")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            lines = [(reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error):
        report.error("csv-unreadable", path, "cannot be read as a table; save it as UTF-8 CSV")
        return dict(patients), {}
    key = next((column for column in keys if column in columns), None)
    if key is None:
        report.error("csv-unreadable", path, "no column called id; start the file with the line id,patient,split")
        return dict(patients), {}
    there = {name: name if key == "id" else patient for name, patient in patients.items()}
    rows = _rows(report, path, key, [column for column in ("patient", "split") if column in columns], lines)
    for name in sorted(set(rows) - set(there.values())):
        report.error("row-without-file", path, f"{name} is not in the folder; add its files or delete the line")
    for name in sorted(set(there.values()) - set(rows)):
        report.error("file-without-row", path, f"{name} is not listed; add a line for it or delete its files")
    who = {name: rows.get(listed, {}).get("patient") or patients[name] for name, listed in there.items()}
    parts = {name: rows[listed]["split"] for name, listed in there.items() if rows.get(listed, {}).get("split")}
    check_sides(report, path, who, parts)
    return who, parts


def check_sides(report: Findings, path: Path, patients: Mapping[str, str], parts: Mapping[str, str]) -> None:
    """Reports each patient that has cases or slices in more than one part; `path` is where the split comes from."""
    sides: dict[str, set[str]] = {}
    for name, part in parts.items():
        sides.setdefault(patients[name], set()).add(part)
    for patient, both in sides.items():
        if len(both) > 1:
            report.error(
                "split-leak",
                path,
                f"patient {patient} is in {' and '.join(sorted(both))}; give every patient one split",
            )


def _rows(
    report: Findings, path: Path, key: str, columns: list[str], lines: list[tuple[int, dict]]
) -> dict[str, dict[str, str]]:
    """What the key column names to the usable cells of its line."""
    rows: dict[str, dict[str, str]] = {}
    for number, line in lines:
        name = (line[key] or "").strip()
        row = {column: (line[column] or "").strip() for column in columns if column != key or column == "patient"}
        for column in [column for column, cell in {key: name, **row}.items() if not cell]:
            report.error("csv-cell", path, f"line {number} has no {column}; fill it in")
        part = row.get("split", "").lower()
        if part and part not in _PARTS:
            report.error("csv-cell", path, f"line {number} has split {row['split']!r}; write train, validation or test")
        row["split"] = _PARTS.get(part, "")
        if name in rows:
            report.error("row-twice", path, f"{name} is listed again in line {number}; keep one line")
        elif name:
            rows[name] = row
    return rows
