"""Files of a `lits-png` folder."""

import os
import re
from pathlib import Path

from pipelines.errors import DataError
from pipelines.files.png import JPEG_SUFFIXES
from pipelines.findings import Findings, Report
from pipelines.walk import report_rest, walk

FOLDER = "dataset_6"  # unpacking creates one, and another inside it
MASKS = ("liver", "lesion")
_FILES = {
    "image": "volume-{}_{}.png",
    "liver": "segmentation-{}_livermask_{}.png",
    "lesion": "segmentation-{}_lesionmask_{}.png",
}
_NAME = re.compile(r"(volume|segmentation)-([0-9]{1,9})_(?:(livermask|lesionmask)_)?([0-9]{1,9})\.png", re.IGNORECASE)
_KINDS = {("volume", None): "image", ("segmentation", "livermask"): "liver", ("segmentation", "lesionmask"): "lesion"}

Slices = dict[tuple[int, int], dict[str, Path]]
"""(study, slice) to the files of the slice by kind: `"image"`, `"liver"`, `"lesion"`."""


def file_name(kind: str, study: int, index: int) -> str:
    """Name of the file of a slice's `"image"`, `"liver"` mask or `"lesion"` mask."""
    return _FILES[kind].format(study, index)


def parse_name(name: str) -> tuple[str, int, int] | None:
    """Kind (`"image"`, `"liver"`, `"lesion"`), study and slice of the name of a file; None for other names."""
    match = _NAME.fullmatch(name)
    kind = _KINDS.get((match[1].lower(), match[3] and match[3].lower())) if match else None
    return (kind, int(match[2]), int(match[4])) if match and kind else None


def detect(directory: Path) -> bool:
    """Whether a folder, `dataset_6/` in it or `dataset_6/dataset_6/` has a PNG with a name of this layout.

    In other folders below it, an image must have its mask beside it: there may be previews of volumes.
    """
    for place in (directory, directory / FOLDER, directory / FOLDER / FOLDER):
        if place.is_dir():
            with os.scandir(place) as entries:
                if any(parse_name(entry.name) for entry in entries):
                    return True
    if not directory.is_dir():
        return False
    for _, files in walk(directory, Report(directory)):
        kinds = {parsed[0] for path in files if (parsed := parse_name(path.name))}
        if "image" in kinds and len(kinds) > 1:
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
        directory: the folder with the PNG files, or above it.
        findings: takes missing files, JPEG files, slices that are there twice, slices in more than one folder, and what
            is skipped.

    Returns:
        The folder of the PNG files, and the slices, sorted; without errors, every slice has all its files.
    """
    filled: dict[Path, Slices] = {}
    for place, paths in walk(directory, findings):
        slices, others = _list(paths, findings)
        report_rest(others, findings, pictures=True)
        if slices:
            filled[place] = slices
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


def _list(paths: list[Path], findings: Findings) -> tuple[Slices, list[Path]]:
    """The slices among the files of one folder, JPEG files too, which are errors, but not missing; and other files."""
    slices: Slices = {}
    others = []
    for path in sorted(paths, key=lambda path: (not is_png(path), path.name)):
        jpeg = path.suffix.lower() in JPEG_SUFFIXES
        parsed = parse_name(f"{path.stem}.png" if jpeg else path.name)
        if not parsed:
            others.append(path)
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
    return dict(sorted(slices.items())), others
