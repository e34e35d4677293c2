"""Scans in PNG files, one for each slice."""

from pathlib import Path

import numpy as np

from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.files.png import read_image
from pipelines.findings import Strict
from pipelines.natural import are_consecutive
from pipelines.scans.scan import Scan

SUFFIXES = (".png",)


def find(path: Path, name: str) -> Scan:
    """The scan of a single slice."""
    return Scan(name=name, path=path, files=(path,), format="png", intensity="grey", orientation=None)


def read(scan: Scan) -> Case:
    """Reads a scan, see `Scan.read`; its slices are named after their files."""
    images: list[np.ndarray] = []
    for path in scan.files:
        image = read_image(path, Strict(path.parent))
        assert image is not None  # or an error was raised
        if images and image.shape != images[0].shape:
            sizes = "{1}x{0} pixels, {2} {4}x{3}".format(*image.shape, scan.files[0].name, *images[0].shape)
            raise DataError(f"{path}: {sizes}; save the slices of a scan at one size")
        images.append(image)
    names = tuple(path.stem for path in scan.files)
    return Case(
        name=scan.name,
        patient=scan.patient or scan.name,
        split="test",
        images=np.stack(images),
        masks={},
        slice_names=names,
        contiguous=are_consecutive(names),
    )
