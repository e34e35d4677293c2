"""Scans in PNG files, one for each slice."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.files.png import read_image
from pipelines.findings import Strict
from pipelines.index import NAME, read_index
from pipelines.layouts.lits_png.listing import parse_name
from pipelines.natural import are_consecutive, natural_sort_key
from pipelines.orientation import SPINE_UP
from pipelines.patients import find_patients
from pipelines.scans.checks import check_image
from pipelines.scans.scan import Scan

SUFFIXES = (".png",)


def find(path: Path, name: str) -> Scan:
    """The scan of a single slice."""
    return _scan(name, [path], patient=name)


def find_stacks(folder: Path, paths: Sequence[Path]) -> Iterator[Scan]:
    """Yields the scans of the slices of a folder, each of one patient.

    Patients are those of `index.csv` in the folder or above it, or those of the names, see
    `pipelines.patients.find_patients`; slices that are only numbered are one patient's, named after the folder. Slices
    of several sizes are scans of their own.
    """
    paths = sorted(paths, key=lambda path: natural_sort_key(path.name))
    stems = [path.stem for path in paths]
    if all(parse_name(path.name) for path in paths):
        patients = {path.stem: _study(path) for path in paths}
    elif all(map(str.isdecimal, stems)):
        patients = dict.fromkeys(stems, folder.resolve().name)
    else:
        patients = _patients(folder, stems)
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(patients[path.stem], []).append(path)
    for name, files in groups.items():
        if len(files) == 1 or len({_size(path) for path in files}) > 1:
            yield from (_scan(path.stem, [path], patient=name) for path in files)
        else:
            yield _scan(name, files, patient=name)


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
        contiguous=are_consecutive([path.stem for path in scan.files]),
    )


def _scan(name: str, files: Sequence[Path], *, patient: str) -> Scan:
    exported = all(parse_name(path.name) for path in files)  # from LiTS, as Kaggle's lits-png
    return Scan(
        name=name,
        path=files[0],
        files=tuple(files),
        format="png",
        intensity="minmax" if exported else "grey",
        orientation=SPINE_UP if exported else None,
        patient=patient.removeprefix("study-") if exported else patient,
        slice_names=tuple(path.stem for path in files),
    )


def _study(path: Path) -> str:
    parsed = parse_name(path.name)
    return f"study-{parsed[1]}" if parsed else path.stem


def _patients(folder: Path, stems: Sequence[str]) -> dict[str, str]:
    """Name of each slice to its patient: those of an index that lists these slices, or else a guess."""
    guess = find_patients(stems).of
    root = folder.parent if folder.name == "images" else folder
    if not (root / NAME).exists():
        return guess
    try:
        return read_index(root, guess, Strict(root), keys=("id",)).patients
    except DataError:  # a table of other files
        return guess


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height by the header of a file; None where it cannot be read, which is an error later."""
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
