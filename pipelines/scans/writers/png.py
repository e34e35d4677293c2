"""PNG files of the size of a scan's slices."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.atomic import atomic_write
from pipelines.case import Case
from pipelines.scans.scan import Scan
from pipelines.scans.writers.algorithm import Algorithm


def write_labels(
    labels: np.ndarray, path: Path, *, scan: Scan, case: Case, labels_of: Mapping[str, int], algorithm: Algorithm
) -> list[Path]:
    """Writes 8-bit grey: the labels, or 0 and 255 of a single target, as every viewer shows it; see `write_mask`."""
    full = 255 if len(labels_of) == 1 else 1
    files = _files(path, scan, case)
    for file, plane in zip(files, labels, strict=True):
        _save(plane * np.uint8(full), file)
    return files


def write_values(values: np.ndarray, path: Path, *, scan: Scan, case: Case) -> list[Path]:
    """Writes 16-bit grey, 65535 being 1; see `write_probability`."""
    files = _files(path, scan, case)
    for file, plane in zip(files, values, strict=True):
        _save(np.rint(plane.astype(np.float32) * np.iinfo(np.uint16).max).astype(np.uint16), file)
    return files


def _files(path: Path, scan: Scan, case: Case) -> list[Path]:
    """One per slice; of several, each with the slice's name instead of the scan's."""
    names = case.slice_names if len(case.slice_names) > 1 else (scan.name,)
    ending = path.name.removeprefix(scan.name)
    return [path.with_name(f"{name}{ending}.png") for name in names]


def _save(plane: np.ndarray, file: Path) -> None:
    with atomic_write(file) as temporary:
        Image.fromarray(plane).save(temporary)
