"""CSVs of a `lits-png` folder, and the split that they give."""

import dataclasses
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from pipelines.errors import DataError
from pipelines.findings import Findings, Strict
from pipelines.index import Index, assign_parts, read_index
from pipelines.layouts.lits_png.listing import parse_name
from pipelines.other_splits import check_other_splits
from pipelines.split import carve_validation
from pipelines.tables import read_rows

ALL, TRAIN, TEST, PROBE = TABLES = ("lits_df.csv", "lits_train.csv", "lits_test.csv", "lits_probe.csv")
PATH_COLUMNS = {"image": "filepath", "liver": "liver_maskpath", "lesion": "tumor_maskpath"}
FLAG_COLUMNS = {"liver": "liver_mask_empty", "lesion": "tumor_mask_empty"}
NUMBER_COLUMNS = ("study_number", "instance_number")
_FLAGS = {"true": True, "false": False}


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A line of a CSV.

    Attributes:
        study: study number in the names of the files.
        index: slice number in the names of the files; the CSV's own `instance_number` restarts at 256.
        image: name of the image file.
        liver: name of the liver mask file.
        lesion: name of the lesion mask file.
        liver_present: the CSV's flag for the liver mask: whether it has content. To be checked against pixels.
        lesion_present: likewise for the lesion mask.
        line: number of the line in the file, from 1.
        study_number: the cell of that name, `""` if there is none.
        instance_number: the cell of that name, `""` if there is none.
    """

    study: int
    index: int
    image: str
    liver: str
    lesion: str
    liver_present: bool
    lesion_present: bool
    line: int
    study_number: str
    instance_number: str


def read_csv(path: str | Path) -> list[Row]:
    """Reads `lits_train.csv` or another of its kind, see `read_table`.

    Raises:
        DataError: the first error.
    """
    return read_table(Path(path), Strict(Path(path).parent)) or []


def read_table(path: Path, findings: Findings) -> list[Row] | None:
    """Reads a CSV of this layout.

    Only the names of files are taken from its paths, as the folders are Kaggle's, and study and slice from the names.
    The columns `*_mask_empty` mean the opposite of their names: True where the mask has content.

    Args:
        path: the file.
        findings: takes an unreadable file, a missing column, a cell that is not a name or flag, a line that names files
            of several slices, and a slice that is listed twice.

    Returns:
        One row per slice, in the order of the file, without the lines that are errors; None for what is not such a CSV.
    """
    findings.count("files")
    wanted = (*PATH_COLUMNS.values(), *FLAG_COLUMNS.values())
    try:
        (_, header), *lines = read_rows(path, columns=wanted)
    except (OSError, ValueError):
        findings.error("csv-unreadable", path, "cannot be read as a table; copy it again from lits-png")
        return None
    header = [column.lower() for column in header]
    for column in wanted:
        if column not in header:
            findings.error("csv-unreadable", path, f"no column called {column}; copy it again from lits-png")
            return None
    rows: dict[tuple[int, int], Row] = {}
    for line, cells in lines:
        if len(cells) < len(header):
            findings.error("csv-cell", path, f"line {line} has too few cells; copy the file again from lits-png")
            continue
        row = _parse_row(path, line, dict(zip(header, cells, strict=False)), findings)
        if row is not None and rows.setdefault((row.study, row.index), row) is not row:
            findings.error("row-twice", path, f"line {line} lists {row.image} a second time; keep one line")
    return list(rows.values())


def read_tables(folder: Path, slices: Collection[tuple[int, int]], findings: Findings) -> dict[str, list[Row]]:
    """Reads the CSVs of a folder.

    Args:
        folder: where they lie.
        slices: (study, slice) of all slices there are.
        findings: takes what is wrong with a CSV, see `read_table`, and rows without files.

    Returns:
        Name of each usable CSV, except the probe, to its rows.
    """
    tables = {}
    for name in (ALL, TRAIN, TEST):
        rows = read_table(folder / name, findings) if (folder / name).exists() else None
        if rows is None:
            continue
        tables[name] = rows
        if absent := [row.image for row in rows if (row.study, row.index) not in slices]:
            more = f" and {len(absent) - 1} more" if absent[1:] else ""
            message = f"{absent[0]}{more} listed, but not in the folder; unpack lits-png again or delete the lines"
            findings.error("row-without-file", folder / name, message)
    return tables


def find_parts(
    studies: Collection[int], tables: Mapping[str, list[Row]], folder: Path, findings: Findings
) -> tuple[dict[int, str], str, list[Path]]:
    """Assigns every study to a part of the split.

    Args:
        studies: numbers of the studies.
        tables: as `read_tables` returned them.
        folder: where the CSVs lie.
        findings: takes a CSV that is missing beside the other, studies in both, and too few studies.

    Returns:
        Study to one of `SPLITS`, a line that says where the split comes from, and the table used without the CSVs: an
        `index.csv` whose cases are called `volume-N`.
    """
    for here, other in ((TRAIN, TEST), (TEST, TRAIN)):
        if other in tables and not (folder / here).exists():
            message = f"missing, but {other} is there; copy it here, or delete both to split by hash"
            findings.error("csv-missing", folder / here, message)
    patients = {f"volume-{study}": str(study) for study in studies}
    if TRAIN not in tables or TEST not in tables:
        index = Index(path=None, patients=patients, parts={}, columns=(), cells={})
        if not any((folder / name).exists() for name in (TRAIN, TEST)):  # or they are errors already
            index = read_index(folder, patients, findings)
        by_name, note = assign_parts(index, findings, few=True)
        used = [] if index.path is None else [index.path]
        return {int(name.removeprefix("volume-")): part for name, part in by_name.items()}, note, used
    check_other_splits(folder, patients, findings, used=[folder / name for name in TABLES], split=True)
    train, test = ({row.study for row in tables[name]} for name in (TRAIN, TEST))
    for study in sorted(train & test):
        message = f"study {study} is in {TRAIN} too; delete its lines from one of the two"
        findings.error("split-leak", folder / TEST, message)
    parts = {study: "train" if study in train else "test" if study in test else "validation" for study in studies}
    note = f"split: by {TRAIN} and {TEST}"
    if "validation" in parts.values():
        return parts, f"{note}, studies in neither are validation", []
    try:
        carved = carve_validation(map(str, train))
    except DataError:
        message = "fewer than two studies, and none is left for validation; add studies"
        findings.error("patients-few", folder / TRAIN, message)
        return parts, note, []
    parts |= {int(study): "validation" for study in carved}
    return parts, f"{note}; no study in neither, so validation is carved out of the training studies", []


def _parse_row(path: Path, line: int, cells: dict[str, str], findings: Findings) -> Row | None:
    names = {kind: re.split(r"[/\\]", cells[column].strip())[-1] for kind, column in PATH_COLUMNS.items()}
    parsed = {kind: parse_name(name) for kind, name in names.items()}
    number = (parsed["image"] or ("", -1, -1))[1:]
    for kind, got in parsed.items():
        if got is None or got[0] != kind:
            cell = f"{PATH_COLUMNS[kind]} {names[kind]!r}"
            findings.error("csv-cell", path, f"line {line} has {cell}; copy the file again from lits-png")
            return None
        if got[1:] != number:
            message = f"line {line} pairs {names['image']} with {names[kind]}; correct the line"
            findings.error("row-mismatch", path, message)
            return None
    flags = {kind: _FLAGS.get(cells[column].strip().lower()) for kind, column in FLAG_COLUMNS.items()}
    for kind, flag in flags.items():
        if flag is None:
            cell = cells[FLAG_COLUMNS[kind]]
            findings.error("csv-cell", path, f"line {line} has {cell!r} for a flag; write True or False")
            return None
    present = (bool(flags["liver"]), bool(flags["lesion"]))
    numbers = (cells.get(column, "").strip() for column in NUMBER_COLUMNS)
    return Row(*number, names["image"], names["liver"], names["lesion"], *present, line, *numbers)
