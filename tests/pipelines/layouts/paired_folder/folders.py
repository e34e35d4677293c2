"""A small paired folder to read and to spoil."""

from pathlib import Path

import numpy as np

from pipelines.layouts.paired_folder.reader import PairedFolder

SHARED = Path(__file__).parents[5] / "shared" / "data"
IDS = ("a_2_f", "a_10_f", "a_9_m", "b_1", "c_1", "d_7")


def picture(name, size=8, scale=1):
    """A 0/1 square that tells slices apart, times `scale`."""
    pixels = np.zeros((size, size), np.uint8)
    pixels[1 : 4 + _height_of(name), 2:6] = scale
    return pixels


def _height_of(name):
    return sum(name.encode()) % 3


def index(folder, *lines):
    (folder / "index.csv").write_text("\n".join(lines) + "\n")


def read(folder, **options):
    """The source, with all of it read once."""
    source = PairedFolder(folder, **{"target": "liver", "size": 8, **options})
    assert list(source.cases())
    return source
