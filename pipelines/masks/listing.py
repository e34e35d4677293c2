"""Which files of two folders are masks, and which of them belong together."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.files.kinds import DICOM, PICTURE, VOLUME, kind_of_file
from pipelines.files.labels import MaskError, levels
from pipelines.files.png import read_labels
from pipelines.findings import Report, Strict, listed
from pipelines.layouts.dicom.listing import dicom_files
from pipelines.masks.volumes import read_volume
from pipelines.optional import optional
from pipelines.patients import compile_pattern
from pipelines.tables import read_rows
from pipelines.walk import list_folder, walk

SIDES = ("prediction", "reference")
SEG = "DICOM SEG"
_SUFFIXES = {
    ".seg.nrrd": "NRRD",
    ".nii.gz": "NIfTI",
    ".nii": "NIfTI",
    ".nrrd": "NRRD",
    ".mha": "MetaImage",
    ".mhd": "MetaImage",
    ".dcm": SEG,
    ".png": "PNG",
}
_MOST = 150  # labels of a mask, of which TotalSegmentator has 117; a file with more levels is an image


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pairs:
    """The files of two folders.

    Attributes:
        files: name to the files of prediction and reference that have it, each usually one.
        passed_over: files that are not masks, or that the pattern or the table leaves out.
    """

    files: dict[str, tuple[list[Path], list[Path]]]
    passed_over: list[Path]

    @property
    def note(self) -> list[str]:
        """A line about the files that were passed over, if there are any."""
        if not self.passed_over:
            return []
        return [
            f"files: {len(self.passed_over)} passed over, not masks ({listed(path.name for path in self.passed_over)})"
        ]


def kind_of(path: Path) -> str:
    """`"PNG"`, `"NIfTI"`, `"NRRD"`, `"MetaImage"` or `"DICOM SEG"`."""
    name = path.name.lower()
    return next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), SEG)


def list_pairs(folders: tuple[Path, Path], *, match: str | None, table: Path | None) -> Pairs:
    """Lists prediction and reference by name: that of the file, what `match` finds in it, or that of a table.

    Args:
        folders: of the predictions and of the references.
        match: regular expression searched for in each name; its first group is what the two have in common.
        table: CSV of two columns, the names of a prediction and of its reference.

    Raises:
        DataError: a folder or its masks are missing, or the pattern or the table is invalid.
    """
    if match is not None and table is not None:
        raise DataError("`match`: does not go with `pairs`, which names every file; give one of them")
    pattern = None if match is None else compile_pattern(match, option="match", what="name")
    files: dict[str, tuple[list[Path], list[Path]]] = {}
    passed_over: list[Path] = []
    named = _read_table(table) if table else None
    used: set[str] = set()
    for side, folder in enumerate(folders):
        listed_files = list(_list(folder, passed_over))
        if not listed_files:
            raise DataError(
                f"{folder}: no PNG and no NIfTI in it, nor NRRD, MetaImage or DICOM SEG; "
                "give the folder that holds the masks themselves"
            )
        for stem, path in listed_files:
            name: str | None = stem
            if pattern is not None:
                found = pattern.search(stem)
                name = found[1] if found else None
            elif named is not None:
                name = named[side].get(path.name, named[side].get(stem))
            if name is None:
                passed_over.append(path)
                continue
            used.add(name)
            files.setdefault(name, ([], []))[side].append(path)
    for side_names, folder in zip(named or (), folders, strict=False):
        if lost := [text for text, name in side_names.items() if name not in used]:
            raise DataError(f"{table}: {lost[0]} is not in {folder}; add the file or delete the line")
    if not files:
        raise DataError(f"`match` {match}: finds nothing in any name; fix the pattern")
    return _without_images(Pairs(files=files, passed_over=passed_over))


def _list(folder: Path, passed_over: list[Path]) -> Iterator[tuple[str, Path]]:
    """Yields name and path of every mask; a folder with a DICOM segmentation is one of the folder's name."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one with PNG or NIfTI masks")
    skipped = Report(folder)
    folders, files = list_folder(folder, skipped)
    passed_over += [folder / one.file for one in skipped.findings]  # pipes and the like
    for path, is_folder in sorted([*((path, True) for path in folders), *((path, False) for path in files)]):
        if is_folder:
            inside = dicom_files(path, Strict(path))
            segs = [one for one in inside if _is_seg(one)]
            others = [one for _, below in walk(path, skipped) for one in below if one not in segs]
            passed_over += [one for one in others if kind_of_file(one) in (VOLUME, PICTURE, DICOM)]
            yield from ((path.name, one) for one in segs)
            continue
        suffix = next((suffix for suffix in _SUFFIXES if path.name.lower().endswith(suffix)), None)
        if suffix == ".dcm" and not _is_seg(path):
            passed_over.append(path)
        elif suffix is not None:
            yield path.name[: -len(suffix)], path
        elif kind_of_file(path) in (VOLUME, PICTURE, DICOM):
            passed_over.append(path)


def _is_seg(path: Path) -> bool:
    with optional("reading DICOM files", extra="dicom"):
        from pipelines.files.dicom_seg import is_seg
    return is_seg(path)


def _without_images(pairs: Pairs) -> Pairs:
    """Without files that have no counterpart and are images, such as the CT beside its mask."""
    files, passed_over = {}, list(pairs.passed_over)
    for name, sides in pairs.files.items():
        alone = [path for side in sides for path in side] if not all(sides) else []
        if alone and all(map(_is_image, alone)):
            passed_over += alone
        else:
            files[name] = sides
    return Pairs(files=files or pairs.files, passed_over=passed_over if files else pairs.passed_over)


def _is_image(path: Path) -> bool:
    try:
        if kind_of(path) == "PNG":
            plane = read_labels(path, Strict(path.parent))
            return plane is not None and len(np.unique(plane)) > _MOST
        return any(len(levels(layer)) > _MOST for layer in read_volume(path, kind_of(path)).layers)
    except MaskError as error:
        return error.code in ("mask-values", "nan")  # values that no mask has
    except DataError:
        return False


def _read_table(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """File of each prediction, and of each reference, to the name of the pair."""
    try:
        rows = [cells for _, cells in read_rows(path, columns=SIDES)]
    except (OSError, ValueError):
        raise DataError(f"{path}: cannot be read as a table; save it as UTF-8 CSV") from None
    if rows and [cell.lower() for cell in rows[0]] == list(SIDES):
        del rows[0]
    names: tuple[dict[str, str], dict[str, str]] = {}, {}
    for number, row in enumerate(rows, 1):
        if not all(row[:2]) or len(row) < 2 or any(row[2:]):
            raise DataError(f"{path}: row {number} is not two names; give prediction,reference in every row")
        for side, text in enumerate(row):
            if text in names[side]:
                raise DataError(f"{path}: {text} is there twice; keep one row of it")
            names[side][text] = _stem(row[1])
    if not rows:
        raise DataError(f"{path}: has no rows; give prediction,reference in every row")
    return names


def _stem(name: str) -> str:
    suffix = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)]
