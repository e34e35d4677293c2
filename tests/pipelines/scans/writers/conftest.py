from pathlib import Path

import numpy as np
import pytest

from pipelines.scans import Scan, find_scans
from pipelines.scans.writers import Algorithm, default_format, write_mask

ALGORITHM = Algorithm(name="cafct_net", version="1.2", parameters={"threshold": "0.5"})
LABELS_OF = {"liver": 1, "lesion": 2}


@pytest.fixture(scope="session")
def hu():
    """`(9, 11, 13)` int16: what lies in a corner of the array, so that no flip or turn of it looks the same."""
    volume = np.full((9, 11, 13), -1000, np.int16)
    volume[1:6, 2:9, 3:11] = 60
    volume[1:4, 2:5, 3:6] = 200
    volume[5, 8, 10] = -1000
    return volume + np.random.default_rng(0).integers(-20, 20, volume.shape, np.int16)


def labels_by_threshold(images: np.ndarray) -> np.ndarray:
    """Liver and lesion of `hu`, whatever way it lies."""
    return (images > 0).astype(np.uint8) + (images > 100).astype(np.uint8)


def segment(scan: Scan, out: Path, file_format: str | None = None, **more: object) -> Path:
    """Writes the labels by threshold of a scan; returns the file."""
    out.mkdir(exist_ok=True)
    case = scan.read()
    arguments = {"labels_of": LABELS_OF, "algorithm": ALGORITHM} | more
    (file,) = write_mask(
        labels_by_threshold(case.images),
        out / scan.name,
        scan=scan,
        case=case,
        file_format=file_format or default_format(scan),
        **arguments,
    )
    return file


def only_scan(path: Path) -> Scan:
    (scan,) = find_scans([path]).scans
    return scan
