"""The table of a data folder."""

import dataclasses
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from pipelines.findings import Findings, listed
from pipelines.name_matching import NameMatcher
from pipelines.other_splits import holds_parts, part_of
from pipelines.tables import Rows, read_rows

NAME = "index.csv"
"""Name of the table in a data folder that gives cases or slices their patient and part of the split."""
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
        by_folder: whether the split is that of the cases' folders.
    """

    path: Path | None
    patients: dict[str, str]
    parts: dict[str, str]
    columns: tuple[str, ...]
    cells: Mapping[str, Mapping[str, str]]
    by_folder: bool = False

    @property
    def split_by(self) -> str:
        """Where the split comes from."""
        return "the folders of the cases" if self.by_folder else self.name

    @property
    def name(self) -> str:
        """Of the table's file, for messages."""
        return NAME if self.path is None else self.path.name


def read_table(
    directory: Path,
    patients: Mapping[str, str],
    findings: Findings,
    *,
    keys: Collection[str],
    others: Collection[str],
) -> Index:
    """Reads the table of a folder, see `pipelines.index.read_index`."""
    path = find_table(directory)
    if path is None:
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
