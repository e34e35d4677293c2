"""Scans in PNG files, one for each slice."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.files.png import read_image
from pipelines.findings import Strict
from pipelines.layouts.lits_png.listing import parse_name
from pipelines.layouts.paired_folder.scans import FolderScans
from pipelines.layouts.paired_folder.settings import Settings, read_settings
from pipelines.natural import are_consecutive, natural_sort_key
from pipelines.orientation import SPINE_UP
from pipelines.scans.checks import check_image
from pipelines.scans.scan import Scan

SUFFIXES = (".png",)


def find(path: Path, name: str, **given: Any) -> Scan:
    """The scan of a single slice, of which `given` is stated, see `find_scans`."""
    stated, _ = _known(path.parent, [path], given)
    return _scan(name, [path], **stated)


def find_stacks(folder: Path, paths: Sequence[Path], **given: Any) -> Iterator[Scan]:
    """Yields the scans of the slices of a folder.

    Slices of a LiTS export are a study's by their names, and those that are only numbered are one scan, named after the
    folder. All others are grouped as a paired folder's are, see `FolderScans`, with what `index.csv` and
    `paired_folder.toml` in the folder, or above `images/`, say of them, and with what is given, see `find_scans`.
    Slices of several sizes are scans of their own.
    """
    if not paths:
        return
    paths = sorted(paths, key=lambda path: natural_sort_key(path.name))
    by_name = {path.stem: path for path in paths}
    stated, settings = _known(folder, paths, given)
    if settings is None:
        studies = itertools.groupby(paths, key=_study)
        for name, files in studies:
            yield from _stack(name, list(files), patient=name.removeprefix("study-"), **stated)
    elif all(map(str.isdecimal, by_name)):
        name = folder.resolve().name
        stated |= _neighbours(settings.neighbours([int(stem) for stem in by_name]))
        yield from _stack(name, paths, patient=name, **stated)
    else:
        scans = _folder_scans(_root(folder), list(by_name), settings)
        for name, slices in scans.slices.items():
            stated |= _neighbours(scans.neighbours(name))
            yield from _stack(name, [by_name[each] for each in slices], patient=scans.patients[name], **stated)


def read(scan: Scan) -> Case:
    """Reads a scan, see `Scan.read`."""
    images: list[np.ndarray] = []
    for path in scan.files:
        image = read_image(path, Strict(path.parent))
        assert image is not None  # or an error was raised
        if images and image.shape != images[0].shape:
            sizes = "{1}x{0} pixels, {2} {4}x{3}".format(*image.shape, scan.files[0].name, *images[0].shape)
            raise DataError(f"{path}: {sizes}; save the slices of a scan at one size")
        images.append(image)
    stack = np.stack(images)
    if stack.min() != stack.max():  # a slice may be black
        check_image(scan.path, stack)
    return Case(
        name=scan.name,
        patient=scan.patient or scan.name,
        split="test",
        images=stack,
        masks={},
        slice_names=scan.slice_names or (scan.name,),
        contiguous=scan.contiguous,
        gaps=None if scan.gaps is None else np.array(scan.gaps),
    )


def _known(folder: Path, paths: Sequence[Path], given: dict[str, Any]) -> tuple[dict[str, Any], Settings | None]:
    """What is known of the pixels of a folder's slices, as fields of `Scan`; and the folder's settings.

    There are none for slices that were exported from LiTS, as Kaggle's lits-png, whatever folder they lie in but that
    of a paired folder.
    """
    root = _root(folder)
    settings, file = read_settings(root, given, Strict(root))
    if file is None and not given and root == folder and all(parse_name(path.name) for path in paths):
        return {"intensity": "minmax", "orientation": SPINE_UP}, None
    pixels = {"grey_window": settings.grey_window, "orientation": settings.orientation}
    return {"intensity": "grey", **pixels}, settings


def _neighbours(found: tuple[bool, np.ndarray | None]) -> dict[str, Any]:
    contiguous, gaps = found
    return {"contiguous": contiguous, "gaps": None if gaps is None else tuple(gaps.tolist())}


def _root(folder: Path) -> Path:
    return folder.parent if folder.name == "images" else folder


def _stack(name: str, files: Sequence[Path], **stated: Any) -> Iterator[Scan]:
    """The scan of the slices, or of each if they differ in size."""
    if len(files) == 1 or len({_size(path) for path in files}) > 1:
        alone = {**stated, "contiguous": True, "gaps": None}
        yield from (_scan(path.stem, [path], **alone) for path in files)
    else:
        yield _scan(name, files, **stated)


def _scan(name: str, files: Sequence[Path], **stated: Any) -> Scan:
    stems = tuple(path.stem for path in files)
    stated = {"contiguous": are_consecutive(stems), "patient": name, **stated}
    return Scan(name=name, path=files[0], files=tuple(files), format="png", slice_names=stems, **stated)


def _study(path: Path) -> str:
    parsed = parse_name(path.name)
    return f"study-{parsed[1]}" if parsed else path.stem


def _folder_scans(root: Path, names: Collection[str], settings: Settings) -> FolderScans:
    """By the index of the folder, if it lists these slices."""
    try:
        return FolderScans(root, names, settings=settings, findings=Strict(root), split=False)
    except DataError:  # a table of other files
        return FolderScans(None, names, settings=settings, findings=Strict(root))


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height by the header of a file; None where it cannot be read, which is an error later."""
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
