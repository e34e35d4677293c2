"""Index tables: the `index.csv` of a data folder, with the patients and the split of its cases or slices."""

import csv
import dataclasses
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from pipelines.case import SPLITS
from pipelines.errors import DataError
from pipelines.findings import Findings, listed
from pipelines.name_matching import NameMatcher
from pipelines.other_splits import check_other_splits, holds_parts, part_of
from pipelines.patients import spelled_alike
from pipelines.split import carve_validation, split_patients
from pipelines.tables import Rows, read_rows

NAME = "index.csv"
PUBLISHED = {"meta.csv": "image_id"}  # TotalSegmentator's table, and its column of cases


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

    @property
    def name(self) -> str:
        """Of the table's file, for messages."""
        return NAME if self.path is None else self.path.name


def read_index(
    directory: Path,
    patients: Mapping[str, str],
    findings: Findings,
    *,
    keys: Collection[str] = ("id", "patient"),
    others: Collection[str] = (),
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
    """
    path = find_table(directory)
    if path is None:
        check_other_splits(directory, patients, findings)
        return Index(path=None, patients=dict(patients), parts={}, columns=(), cells={})
    findings.count("files")
    none = Index(path=path, patients=dict(patients), parts={}, columns=(), cells={})
    try:
        header, *lines = read_rows(path, columns=("id", "patient", "split", *others)) or [(0, [])]
    except (OSError, ValueError) as error:
        findings.error("csv-unreadable", path, f"cannot be read as a table ({_reason(error)}); save it as UTF-8 CSV")
        return none
    names = [name.lower() for name in header[1]]
    # Of a published set, of which a folder may hold a part.
    published = path.name in PUBLISHED and PUBLISHED[path.name] in names
    if published:
        names = ["id" if name == PUBLISHED[path.name] else name for name in names]
    columns = tuple(column for column in ("id", "patient", "split", *others) if column in names)
    key = next((column for column in keys if column in columns), None)
    if key is None:
        wanted = " or ".join(keys)
        findings.error(
            "csv-unreadable", path, f"no column called {wanted}; start the file with the line id,patient,split"
        )
        return none
    _check_columns(path, names, columns, lines, findings, published=published)
    of_folder = {name: name if key == "id" else patient for name, patient in patients.items()}
    rows = _read_rows(path, key, names, lines, columns, NameMatcher(of_folder.values()), findings)
    for name in sorted(set(rows) - set(of_folder.values())) if not published else ():
        findings.error("row-without-file", path, f"{name} is not in the folder; add its files or delete the line")
    for name in sorted(set(of_folder.values()) - set(rows)):
        findings.error("file-without-row", path, f"{name} is not listed; add a line for it or delete its files")
    check_other_splits(directory, patients, findings, used=(path,), split="split" in columns)
    cells = {name: rows.get(row, {}) for name, row in of_folder.items()}
    return Index(
        path=path,
        patients={name: cells[name].get("patient") or patients[name] for name in patients},
        parts={name: part for name in patients if (part := part_of(cells[name].get("split", "")))},
        columns=columns,
        cells=cells,
    )


def find_table(directory: Path) -> Path | None:
    """The table of a folder: `index.csv`, in capitals too, or that of a published set; None if it has none."""
    tables = sorted(name for name in os.listdir(directory) if name.lower() in (NAME, "index.tsv", *PUBLISHED))
    chosen = sorted(tables, key=lambda name: (name != NAME, name.lower() in PUBLISHED))
    return directory / chosen[0] if chosen else None


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
        check_sides(findings, index.path or Path(NAME), index.patients, index.parts)
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
        return parts, f"split: by {index.name}"
    parts |= dict.fromkeys(carve_validation(train), "validation")
    carved = "which has no validation part: some of its training patients stand for it"
    return parts, f"split: by {index.name}, {carved}"


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


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _check_columns(
    path: Path,
    names: Sequence[str],
    columns: Sequence[str],
    lines: Rows,
    findings: Findings,
    *,
    published: bool,
) -> None:
    """Names the columns that are not used; one that holds a split is an error."""
    for column in columns:
        if names.count(column) > 1:
            findings.error("csv-unreadable", path, f"two columns called {column}; keep one of them")
    unused = [name for name in dict.fromkeys(names) if name and name not in columns]
    for name in unused if "split" not in columns else ():
        if holds_parts([cells[names.index(name)] for _, cells in lines if names.index(name) < len(cells)]):
            findings.error("split-unused", path, f"the column {name} looks like a split; call it split")
    if unused and not published:
        findings.note("columns-unused", path, f"columns that are not used: {listed(unused)}")


def _read_rows(
    path: Path,
    key: str,
    names: Sequence[str],
    lines: Rows,
    columns: Sequence[str],
    match: Callable[[str], str],
    findings: Findings,
) -> dict[str, dict[str, str]]:
    """Case (or patient) to the cells of its line."""
    rows: dict[str, dict[str, str]] = {}
    for number, cells in lines:
        of_line = dict(zip(names, cells, strict=False))
        line = {column: of_line.get(column, "") for column in columns}
        name = match(line[key])
        where = f"line {number}" + f" ({name})" * bool(name)
        if any(cells[len(names) :]):
            findings.error(
                "csv-cell", path, f"{where} has more cells than columns; put names that hold a separator in quotes"
            )
        for column in (column for column, cell in line.items() if not cell):
            findings.error("csv-cell", path, f"{where} has no {column}; fill it in")
        part = line.get("split", "")
        if part and not part_of(part):
            findings.error("csv-cell", path, f"{where} has split {part!r}; write train, validation or test")
        if name in rows:
            findings.error("row-twice", path, f"{name} is listed twice, again in line {number}; keep one line")
        elif name:
            rows[name] = line
    return rows
