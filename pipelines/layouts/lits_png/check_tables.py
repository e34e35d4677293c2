"""Checks of the CSVs of `lits-png`: their lines, the split they give, and their flags against the pixels."""

import csv
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from pipelines.findings import Findings
from pipelines.index import check_sides
from pipelines.layouts.lits_png.listing import ALL, FLAG_COLUMNS, PATH_COLUMNS, PROBE, TEST, TRAIN, parse_name

_WRAP = 256  # slices after which instance_number starts anew
_FLAGS = {"true": True, "false": False}


class Tables:
    """What the CSVs claim.

    Attributes:
        of_study: study to its part of the split; empty without a split.
    """

    def __init__(self, report: Findings):
        self._report = report
        self.of_study: dict[int, str] = {}
        # (study, slice, target) to the flag, and the table and line that has it.
        self._flags: dict[tuple[int, int, str], tuple[bool, Path, int]] = {}

    def claim(self, number: tuple[int, int], target: str, flag: bool, path: Path, line: int) -> None:
        """Takes in a flag; of several lines on one slice, those of the first table are held against the pixels."""
        known, other, other_line = self._flags.setdefault((*number, target), (flag, path, line))
        if known != flag:
            self._report.warning(
                "flag-contradicts",
                path,
                f"line {line} has {flag} for {FLAG_COLUMNS[target]}, {other.name} has {known} in line {other_line}; "
                "the reader counts pixels",
            )

    def check_flags(self, shown: Mapping[tuple[int, int], Mapping[str, bool]]) -> None:
        """Finds out what the flags mean here and reports those that contradict it.

        Args:
            shown: (study, slice) to target to whether its mask shows anything.
        """
        known = {
            key: (flag, shown[key[:2]][key[2]], path, line)
            for key, (flag, path, line) in self._flags.items()
            if key[2] in shown.get(key[:2], {})
        }
        if not known:
            return
        inverted = sum(flag == shows for flag, shows, _, _ in known.values()) * 2 >= len(known)
        path = next(iter(known.values()))[2]
        if inverted:
            self._report.note(
                "flags-inverted",
                path,
                "*_mask_empty is True where a mask has content, as in the genuine set; the reader counts pixels",
            )
        else:
            self._report.warning(
                "flags-literal",
                path,
                "*_mask_empty is True where a mask is empty, against the genuine set; the reader counts pixels",
            )
        for (study, index, target), (flag, shows, path, line) in known.items():
            if (flag == shows) != inverted:
                self._report.warning(
                    "flag-contradicts",
                    path,
                    f"line {line} has {flag} for {FLAG_COLUMNS[target]}, but the {target} mask of "
                    f"volume-{study}_{index} {'has content' if shows else 'is empty'}, against the other lines; "
                    "the reader counts pixels",
                )


def check_tables(folder: Path, report: Findings, slices: Collection[tuple[int, int]]) -> Tables:
    """Checks every line of every CSV of a folder.

    Args:
        folder: where they lie.
        report: takes what is wrong.
        slices: (study, slice) of all that are there.

    Returns:
        What they claim, for `check_flags` once the pixels have been read.
    """
    tables = Tables(report)
    listed: dict[str, set[tuple[int, int]]] = {}
    wraps = False
    for name in (ALL, TRAIN, TEST):
        path = folder / name
        if not path.exists():
            continue
        report.count("files")
        lines = _lines(path, report)
        if lines is None:
            continue
        numbers = listed.setdefault(name, set())
        for line, row in lines:
            number, has_wrapped = _check_line(report, path, line, row, tables)
            wraps |= has_wrapped
            if number in numbers:
                report.error("row-twice", path, f"line {line} lists {_volume(number)} a second time; keep one line")
            elif number:
                numbers.add(number)
        for number in sorted(numbers - set(slices)):
            report.error("row-without-file", path, f"{_volume(number)} is listed, but not there; unpack lits-png again")
    if wraps:
        report.note(
            "instance-number-wraps",
            folder / ALL,
            f"instance_number starts anew at {_WRAP}, as in the genuine set; the reader takes the files' numbers",
        )
    if ALL in listed:
        for number in sorted(set(slices) - listed[ALL]):
            report.warning("file-without-row", folder / ALL, f"{_volume(number)} is there, but not listed; add a line")
    _check_split(folder, report, listed, {study for study, _ in slices}, tables)
    return tables


def _check_split(
    folder: Path, report: Findings, listed: dict[str, set[tuple[int, int]]], studies: set[int], tables: Tables
) -> None:
    for here, other in ((TRAIN, TEST), (TEST, TRAIN)):
        if (folder / other).exists() and not (folder / here).exists():
            report.error("csv-missing", folder / here, f"missing, but {other} is there; copy it here or delete both")
    if TRAIN in listed and TEST in listed:
        train, test = ({study for study, _ in listed[name]} for name in (TRAIN, TEST))
        parts = {(study, part): part for part, there in (("train", train), ("test", test)) for study in there}
        check_sides(report, folder / TEST, {key: f"study {key[0]}" for key in parts}, parts)
        tables.of_study = {
            study: "train" if study in train else "test" if study in test else "validation" for study in studies
        }
    probe, test = folder / PROBE, folder / TEST
    if probe.is_file() and test.is_file() and probe.read_bytes() != test.read_bytes():
        report.note("probe-differs", probe, f"no copy of {TEST}, as the genuine one is; the reader ignores it")


def _lines(path: Path, report: Findings) -> list[tuple[int, dict[str, str]]] | None:
    """Number and cells of every line, or None for what is no table of this kind."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            columns = reader.fieldnames or ()
            lines = [(reader.line_num, line) for line in reader]
    except (OSError, ValueError, csv.Error):
        report.error("csv-unreadable", path, "cannot be read as a table; copy it again from lits-png")
        return None
    if missing := [name for name in (*PATH_COLUMNS.values(), *FLAG_COLUMNS.values()) if name not in columns]:
        report.error("csv-unreadable", path, f"no column called {missing[0]}; copy it again from lits-png")
        return None
    return lines


def _check_line(
    report: Findings, path: Path, line: int, row: dict[str, str], tables: Tables
) -> tuple[tuple[int, int] | None, bool]:
    """(study, slice) of a line, None if it names none, and whether its instance_number has started anew."""
    names = {kind: re.split(r"[/\\]", row[column].strip())[-1] for kind, column in PATH_COLUMNS.items()}
    parsed = {kind: parse_name(name) for kind, name in names.items()}
    for kind, got in parsed.items():
        if got is None or got[0] != kind:
            cell = f"{names[kind]!r} for {PATH_COLUMNS[kind]}"
            report.error("csv-cell", path, f"line {line} has {cell}; copy the file again from lits-png")
            return None, False
        if got[1:] != parsed["image"][1:]:
            report.error("row-mismatch", path, f"line {line} pairs {names['image']} with {names[kind]}; mend the line")
            return None, False
    number = parsed["image"][1:]
    for target, column in FLAG_COLUMNS.items():
        flag = _FLAGS.get(row[column].strip().lower())
        if flag is None:
            report.error("csv-cell", path, f"line {line} has {row[column]!r} for {column}; write True or False")
        else:
            tables.claim(number, target, flag, path, line)
    study, instance = ((row.get(column) or "").strip() for column in ("study_number", "instance_number"))
    if study and study != str(number[0]):
        report.warning("row-mismatch", path, f"line {line} has study_number {study} for {names['image']}; mend it")
    if instance and instance not in (str(number[1]), str(number[1] % _WRAP)):
        report.warning(
            "instance-number",
            path,
            f"line {line} has instance_number {instance} for {names['image']}; the reader takes the file's number",
        )
    return number, bool(instance) and instance != str(number[1]) and instance == str(number[1] % _WRAP)


def _volume(number: tuple[int, int]) -> str:
    return "volume-{}_{}".format(*number)
