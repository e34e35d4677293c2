"""Draws the pictures of docs/explanation/scores.md, with the scores that this package gives the masks in them.

python -m benchmarks.score_pictures docs/explanation/scores
"""

import argparse
import pathlib

import matplotlib as mpl

from benchmarks.score_pictures import grids, lesions, overlap, surfaces
from benchmarks.score_pictures.drawing import STYLE


def main() -> None:
    """Draws all pictures into a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.score_pictures", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for module in (overlap, surfaces, lesions, grids):
            module.draw(folder)


if __name__ == "__main__":
    main()
