"""Splits that are not in an index table: folders such as `train/` and `test/`, and files that nobody uses."""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pipelines.findings import Findings, listed
from pipelines.tables import read_rows

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "val", "valid", "validate"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
# In the names of such files, and what may stand beside the second kind: `train_list.txt`, but not `test_results.csv`.
_SPLITS, _NAMES = {"split", "splits", "fold", "folds", "partition"}, {*_PARTS, "index"}
_PLAIN = {"list", "lits", "liver", "lesion", "tumor", "lesions", "tumors", "my", "final", "set", "data", "dataset"}
_PLAIN |= {
    word + end for word in ("id", "case", "patient", "file", "name", "image", "scan", "slice") for end in ("", "s")
}
_TABLES, _LISTS, _SHEETS = (".csv", ".tsv"), (".txt", ".json", ".yaml", ".yml"), (".xlsx", ".xls", ".ods")
_FIX = "write it as index.csv with the columns id, patient and split, or move it away"


def part_of(word: str) -> str | None:
    """The part of the split, one of `SPLITS`, that a word of a table means; None for other words."""
    return _PARTS.get(word.strip().lower())


def holds_parts(cells: Sequence[str]) -> bool:
    """Whether all cells of a column are parts of a split."""
    return bool(cells) and all(part_of(cell) for cell in cells)


def folder_part(name: str) -> str | None:
    """The part of the split that a folder's name means, such as `train`, `Test_set` or `imagesVal`; None for others."""
    words = re.findall("[A-Z]?[a-z]+|[A-Z]+", name)
    parts = {part for word in words if (part := part_of(word))}
    return parts.pop() if len(parts) == 1 else None


def parts_by_folder(places: Mapping[str, Path], directory: Path, findings: Findings) -> dict[str, str]:
    """The split that the folders of cases give, if they lie in folders of several parts.

    Args:
        places: name of each case to its file, or folder.
        directory: the data folder.
        findings: takes an error where some cases lie in such folders and others do not.

    Returns:
        Name of each case to its part; empty without such folders.
    """
    of_folders: dict[Path, set[str]] = {}  # once for each, of which there are few
    for folder in {path.parent for path in places.values()}:
        names = folder.relative_to(directory).parts if folder.is_relative_to(directory) else ()
        of_folders[folder] = {part for name in names if (part := folder_part(name))}
    found = {name: of_folders[path.parent] for name, path in places.items()}
    parts = {name: next(iter(of_case)) for name, of_case in found.items() if len(of_case) == 1}
    if len(set(parts.values())) < 2:
        return {}
    if lost := [name for name in places if name not in parts]:
        findings.error(
            "split-unused",
            ".",
            f"folders look like a split ({listed(sorted(set(parts.values())))}), which {listed(lost)} are not in; move "
            "them, or give the split in index.csv",
        )
    return parts


def check_other_splits(
    directory: Path,
    patients: Mapping[str, str],
    findings: Findings,
    *,
    used: Collection[Path] = (),
    split: bool = False,
    fix: str = _FIX,
) -> None:
    """Adds an error for each file in a folder that looks like a split and is not used.

    Tables look so by a column of nothing but parts, or like lists by a name such as `train.txt` and the names of cases
    in them.

    Args:
        directory: the folder; those in it are not searched.
        patients: name of each case or slice to its patient.
        findings: takes the errors; warnings where a split is used.
        used: tables that are used.
        split: whether one of them gives the split.
        fix: what to do about it.
    """
    names = {*patients, *patients.values()}
    with os.scandir(directory) as entries:
        paths = sorted(
            Path(entry.path)
            for entry in entries
            if entry.name[0] != "." and entry.name.lower().endswith((*_TABLES, *_LISTS, *_SHEETS)) and entry.is_file()
        )
    for path in paths:
        if path not in used and _looks_like_split(path, names):
            add = findings.warning if split and path.stem.lower() != "index" else findings.error
            add("split-unused", path, f"looks like a split, but is not used; {fix}")


def _looks_like_split(path: Path, names: set[str]) -> bool:
    suffix = path.suffix.lower()
    words = {word for word in re.split(r"[^a-z]+", path.stem.lower()) if len(word) > 1}
    named = bool(words & _SPLITS or (words & _NAMES and words <= _NAMES | _PLAIN))
    if suffix in _SHEETS:
        return named
    if not named and suffix not in _TABLES:
        return False
    try:
        rows = read_rows(path)
    except (OSError, ValueError):
        return named and suffix in _TABLES
    if suffix in _TABLES and len(rows) > 1:
        columns = zip(*(cells for _, cells in rows[1:]), strict=False)
        if any(holds_parts(column) for column in columns):
            return True
    return named and any(not names.isdisjoint(_words(cell)) for _, cells in rows for cell in cells)


def _words(cell: str) -> set[str]:
    """What a cell or line may name: the words in it, and the files without folder and suffix."""
    words = {cell, *re.split(r"[\s,;:|\"'\[\]{}]+", cell)}
    files = {re.split(r"[/\\]", word)[-1] for word in words}
    return words | files | {re.sub(r"(\.\w{2,5})+$", "", file) for file in files}
