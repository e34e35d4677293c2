"""What makes up a lits-png folder: its PNGs by study and slice, its CSVs, and the split they give."""

import csv
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from pipelines.errors import DataError
from pipelines.split import carve_validation, split_patients

FOLDER = "dataset_6"  # unpacking makes one, and another inside it
ALL, TRAIN, TEST, PROBE = "lits_df.csv", "lits_train.csv", "lits_test.csv", "lits_probe.csv"
_FILES = {
    "image": "volume-{}_{}.png",
    "liver": "segmentation-{}_livermask_{}.png",
    "lesion": "segmentation-{}_lesionmask_{}.png",
}
PATH_COLUMNS = {"image": "filepath", "liver": "liver_maskpath", "lesion": "tumor_maskpath"}
FLAG_COLUMNS = {"liver": "liver_mask_empty", "lesion": "tumor_mask_empty"}

_NAME = re.compile(r"(volume|segmentation)-([0-9]{1,9})_(?:(livermask|lesionmask)_)?([0-9]{1,9})\.(?:png|PNG)")
_KINDS = {("volume", None): "image", ("segmentation", "livermask"): "liver", ("segmentation", "lesionmask"): "lesion"}
_FLAGS = {"true": True, "false": False}
_FEWEST = 3  # studies, one for each part of a split by hash


class Row(NamedTuple):
    """A line of a CSV.

    Attributes:
        study: number in the files' names.
        index: slice number in the files' names; the CSV's own `instance_number` starts anew at 256.
        image: base name of the image.
        liver: base name of the liver mask.
        lesion: base name of the lesion mask.
        liver_present: what the CSV claims of the liver mask: it shows something. To be checked against pixels.
        lesion_present: the same of the lesion mask.
    """

    study: int
    index: int
    image: str
    liver: str
    lesion: str
    liver_present: bool
    lesion_present: bool


def read_csv(path: str | Path) -> list[Row]:
    """Reads `lits_train.csv` or another of its kind.

    Only base names are taken from its paths, since no user has its folders, and study and slice from those names. The
    columns `*_mask_empty` say the opposite of their name: True where the mask has content.

    Args:
        path: the file.

    Returns:
        One row a slice, in the file's order.

    Raises:
        DataError: unreadable, a column is missing, a name or flag is none, a line names files of different slices, or
            a slice is listed twice.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *lines = csv.reader(file)
    except (OSError, ValueError, csv.Error):
        raise DataError(f"{path}: cannot be read as a table; copy it again from lits-png") from None
    columns = []
    for name in (*PATH_COLUMNS.values(), *FLAG_COLUMNS.values()):
        if name not in header:
            raise DataError(f"{path}: no column called {name}; copy it again from lits-png")
        columns.append(header.index(name))
    rows: dict[tuple[int, int], Row] = {}
    for number, line in enumerate(lines, start=2):
        if not line:
            continue
        if len(line) < len(header):
            raise DataError(f"{path}: line {number} has too few cells; copy the file again from lits-png")
        row = _row([line[column] for column in columns], f"{path}: line {number}")
        if rows.setdefault((row.study, row.index), row) is not row:
            raise DataError(f"{path}: line {number} lists {row.image} a second time; keep one line")
    return list(rows.values())


def file_name(kind: str, study: int, index: int) -> str:
    """Base name of a slice's `"image"`, `"liver"` mask or `"lesion"` mask."""
    return _FILES[kind].format(study, index)


def parse_name(name: str) -> tuple[str, int, int] | None:
    """Kind (`"image"`, `"liver"`, `"lesion"`), study and slice of a file's name; None for other names."""
    match = _NAME.fullmatch(name)
    if not match or (match[1], match[3]) not in _KINDS:
        return None
    return _KINDS[match[1], match[3]], int(match[2]), int(match[4])


def _row(cells: list[str], where: str) -> Row:
    names = [re.split(r"[/\\]", cell.strip())[-1] for cell in cells[:3]]
    parsed = [parse_name(name) for name in names]
    for kind, name, got in zip(PATH_COLUMNS, names, parsed, strict=True):
        if got is None or got[0] != kind:
            raise DataError(f"{where} has {PATH_COLUMNS[kind]} {name!r}; copy the file again from lits-png")
        if got[1:] != parsed[0][1:]:
            raise DataError(f"{where} pairs {names[0]} with {name}; mend the line")
    flags = [_FLAGS.get(cell.strip().lower()) for cell in cells[3:]]
    if None in flags:
        raise DataError(f"{where} has {cells[3 + flags.index(None)]!r} for a flag; write True or False")
    return Row(*parsed[0][1:], *names, *flags)


def places(directory: Path) -> tuple[Path, Path, Path]:
    """The folders that may hold the PNGs: unpacking nests them once or twice."""
    return directory, directory / FOLDER, directory / FOLDER / FOLDER


def detect(directory: Path) -> bool:
    """Whether a folder, or `dataset_6/` in it, or another in that, has a PNG with a name of this layout."""
    for place in places(directory):
        if place.is_dir():
            with os.scandir(place) as entries:
                if any(parse_name(entry.name) for entry in entries):
                    return True
    return False


def find_tables(directory: Path) -> tuple[Path, Path]:
    """The folder as given, or as it really is if its CSVs lie above it; and the folder of the CSVs."""
    if not directory.is_dir():
        raise DataError(f"{directory}: no such folder; give the one with lits_train.csv and {FOLDER}/")
    real = directory.resolve()
    above = [real.parent] if real.name == FOLDER else []
    above += [real.parent.parent] if above and real.parent.name == FOLDER else []
    for place in (directory, *above):
        if any((place / name).exists() for name in (ALL, TRAIN, TEST, PROBE)):
            return directory if place == directory else real, place
    return directory, directory


def find_slices(directory: Path) -> tuple[Path, dict[tuple[int, int], dict[str, str]]]:
    """The folder of the PNGs, and (study, slice) to its three file names by kind, all of them there."""
    filled = {place: slices for place in places(directory) if place.is_dir() and (slices := _list(place))}
    if not filled:
        raise DataError(f"{directory}: no volume-<study>_<slice>.png in it or its {FOLDER}/; unpack lits-png here")
    (folder, slices), *others = filled.items()
    if others:
        raise DataError(f"{others[0][0]}: slices here and in {folder} too; delete one of the two")
    for (study, index), files in slices.items():
        for kind in PATH_COLUMNS:
            if kind not in files:
                there = folder / next(iter(files.values()))
                raise DataError(
                    f"{there}: no {file_name(kind, study, index)}; unpack lits-png again or delete {there.name}"
                )
    return folder, slices


def _list(folder: Path) -> dict[tuple[int, int], dict[str, str]]:
    slices: dict[tuple[int, int], dict[str, str]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if parsed := parse_name(entry.name):
                files = slices.setdefault(parsed[1:], {})
                if other := files.get(parsed[0]):
                    raise DataError(f"{folder / entry.name}: the same slice as {other}; delete one of the two")
                files[parsed[0]] = entry.name
    return slices


def find_parts(studies: Collection[int], listed: dict[str, list[Row]], tables: Path) -> tuple[dict[int, str], str]:
    """Study to its part, and a line that says where the split comes from."""
    for here, other in ((TRAIN, TEST), (TEST, TRAIN)):
        if here not in listed and other in listed:
            raise DataError(
                f"{tables / here}: missing, but {other} is there; copy it here, or delete both to split by hash"
            )
    if TRAIN not in listed:
        if len(studies) < _FEWEST:
            return dict.fromkeys(
                studies, "test"
            ), f"split: no CSV and fewer than {_FEWEST} studies, all of them in test"
        parts = split_patients(map(str, studies))
        note = f"split: no {TRAIN} and {TEST}, so by study, 70:15:15, from a hash of the numbers"
        return {study: parts[str(study)] for study in studies}, note
    train, test = ({row.study for row in listed[name]} for name in (TRAIN, TEST))
    if both := sorted(train & test):
        raise DataError(f"{tables / TEST}: study {both[0]} is in {TRAIN} too; delete its lines from one of the two")
    parts = {study: "train" if study in train else "test" if study in test else "validation" for study in studies}
    note = f"split: by {TRAIN} and {TEST}"
    if "validation" in parts.values():
        return parts, f"{note}, studies in neither are validation"
    if len(train) < 2:
        raise DataError(f"{tables / TRAIN}: fewer than two studies, and none is left for validation; add studies")
    parts |= {int(patient): "validation" for patient in carve_validation(map(str, train))}
    return parts, f"{note}; no study in neither, so validation is carved out of the training studies"


def probe_note(tables: Path) -> list[str]:
    """A line on `lits_probe.csv` where there is one."""
    probe = tables / PROBE
    if not probe.exists():
        return []
    same = (tables / TEST).exists() and probe.read_bytes() == (tables / TEST).read_bytes()
    return [f"{PROBE}: {'a copy' if same else 'not a copy'} of {TEST}, ignored"]
