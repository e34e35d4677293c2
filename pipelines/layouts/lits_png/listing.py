"""Files of a `lits-png` folder."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import DataError
from pipelines.files.png import JPEG_SUFFIXES
from pipelines.findings import Findings

FOLDER = "dataset_6"  # unpacking creates one, and another inside it
MASKS = ("liver", "lesion")
_FILES = {
    "image": "volume-{}_{}.png",
    "liver": "segmentation-{}_livermask_{}.png",
    "lesion": "segmentation-{}_lesionmask_{}.png",
}
_NAME = re.compile(r"(volume|segmentation)-([0-9]{1,9})_(?:(livermask|lesionmask)_)?([0-9]{1,9})\.(?:png|PNG)")
_KINDS = {("volume", None): "image", ("segmentation", "livermask"): "liver", ("segmentation", "lesionmask"): "lesion"}

Slices = dict[tuple[int, int], dict[str, Path]]
"""(study, slice) to the files of the slice by kind: `"image"`, `"liver"`, `"lesion"`."""


def file_name(kind: str, study: int, index: int) -> str:
    """Name of the file of a slice's `"image"`, `"liver"` mask or `"lesion"` mask."""
    return _FILES[kind].format(study, index)


def parse_name(name: str) -> tuple[str, int, int] | None:
    """Kind (`"image"`, `"liver"`, `"lesion"`), study and slice of the name of a file; None for other names."""
    match = _NAME.fullmatch(name)
    if not match or (match[1], match[3]) not in _KINDS:
        return None
    return _KINDS[match[1], match[3]], int(match[2]), int(match[4])


def detect(directory: Path) -> bool:
    """Whether a folder, `dataset_6/` in it or `dataset_6/dataset_6/` has a PNG with a name of this layout."""
    for place in _places(directory):
        if place.is_dir():
            with os.scandir(place) as entries:
                if any(parse_name(entry.name) for entry in entries):
                    return True
    return False


def find_tables(directory: Path, names: tuple[str, ...]) -> tuple[Path, Path]:
    """Finds the CSVs of a folder, which may lie above it.

    Args:
        directory: the folder with the CSVs, or a `dataset_6/` below them.
        names: names of the CSVs.

    Returns:
        The folder, resolved if the CSVs lie above it, and the folder of the CSVs.

    Raises:
        DataError: there is no such folder.
    """
    if not directory.is_dir():
        raise DataError(f"{directory}: no such folder; give the one with {names[1]} and {FOLDER}/")
    real = directory.resolve()
    above = [real.parent] if real.name == FOLDER else []
    above += [real.parent.parent] if above and real.parent.name == FOLDER else []
    for place in (directory, *above):
        if any((place / name).exists() for name in names):
            return directory if place == directory else real, place
    return directory, directory


def list_slices(directory: Path, findings: Findings) -> tuple[Path, Slices]:
    """Lists the slices of a folder.

    Args:
        directory: the folder with the PNG files, or with `dataset_6/`.
        findings: takes missing files, JPEG files, slices that are there twice, and slices in more than one folder.

    Returns:
        The folder of the PNG files, and the slices, sorted; without errors, every slice has all its files.
    """
    filled = {place: slices for place in _places(directory) if place.is_dir() and (slices := _list(place, findings))}
    if not filled:
        message = f"no volume-<study>_<slice>.png in it or its {FOLDER}/; unpack lits-png here"
        findings.error("folder-empty", directory, message)
        return directory, {}
    fullest = max(filled, key=lambda place: len(filled[place]))
    for place in filled:
        if place != fullest:
            message = f"slices here and in {findings.name(fullest)} too; delete one of the two"
            findings.error("folder-twice", place, message)
    slices = filled[fullest]
    for number, files in slices.items():
        for kind, code in (("image", "mask-orphan"), ("liver", "mask-missing"), ("lesion", "mask-missing")):
            # Without an image, every mask is named; else the image whose mask is missing.
            for path in files.values() if kind == "image" else [files["image"]] if "image" in files else []:
                if kind not in files:
                    message = f"no {file_name(kind, *number)}; unpack lits-png again or delete {path.name}"
                    findings.error(code, path, message)
    return fullest, slices


def is_png(path: Path | None) -> bool:
    """Whether there is a file and it is called PNG."""
    return path is not None and path.suffix.lower() == ".png"


def _places(directory: Path) -> Iterator[Path]:
    """The folders that may hold the PNG files: unpacking nests them once or twice."""
    return iter((directory, directory / FOLDER, directory / FOLDER / FOLDER))


def _list(folder: Path, findings: Findings) -> Slices:
    """The slices of one folder; JPEG files too, which are errors, but not missing."""
    slices: Slices = {}
    with os.scandir(folder) as entries:
        paths = [folder / entry.name for entry in entries]
    for path in sorted(paths, key=lambda path: (not is_png(path), path.name)):
        jpeg = path.suffix.lower() in JPEG_SUFFIXES
        parsed = parse_name(f"{path.stem}.png" if jpeg else path.name)
        if not parsed:
            continue
        kind, study, index = parsed
        files = slices.setdefault((study, index), {})
        if kind in files:
            if not jpeg:
                findings.error("name-twice", path, f"the same slice as {files[kind].name}; delete one of the two")
            continue
        files[kind] = path
        if jpeg:
            code = "image-jpeg" if kind == "image" else "mask-jpeg"
            findings.error(code, path, "JPEG, which is lossy; export it again as PNG from the original")
    return dict(sorted(slices.items()))
