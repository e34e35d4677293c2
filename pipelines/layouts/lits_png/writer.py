"""Writer of the `lits-png` layout, with the peculiarities of the genuine set."""

import csv
from pathlib import Path

from PIL import Image

from pipelines.atomic import atomic_directory
from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.intensity import rescale_slices
from pipelines.layouts.lits_png.listing import FOLDER, MASKS, file_name
from pipelines.layouts.lits_png.tables import (
    ALL,
    FLAG_COLUMNS,
    NUMBER_COLUMNS,
    PATH_COLUMNS,
    PROBE,
    TEST,
    TRAIN,
)
from pipelines.loading.read_ahead import map_ahead
from pipelines.orientation import SPINE_UP, reorient

_KAGGLE_FOLDER = f"../input/lits-png/{FOLDER}"  # as on Kaggle, where it is nested once
_COLUMNS = (
    *PATH_COLUMNS.values(),
    *NUMBER_COLUMNS,
    *FLAG_COLUMNS.values(),
)


def write_lits_png(source: Source, directory: str | Path) -> None:
    """Writes `lits_df.csv`, `lits_train.csv`, `lits_test.csv`, `lits_probe.csv` and `dataset_6/dataset_6/*.png`.

    Case N, counted from 0, becomes study N. A case is listed in the CSV of its part, validation in neither. As in the
    genuine set, slices run from the pelvis up and lie with the spine up and the liver on the right (`SPINE_UP`), the
    probe is a copy of the test CSV, paths are Kaggle's own, `*_mask_empty` is True where a mask has content,
    `instance_number` restarts at 256, images are RGB and rescaled slice by slice (`rescale_slices`), masks are 0 and 1,
    and lesion masks are RGB too.

    Args:
        source: the scans to write, in Hounsfield units, with masks of liver and lesion.
        directory: the folder to create. It appears under its name once it is complete.

    Raises:
        DataError: the folder exists, or the source is not in Hounsfield units or lacks masks.
    """
    if source.intensity != "hu" or not {"liver", "lesion"} <= set(source.targets):
        raise DataError(f"{source.layout}: not in Hounsfield units with liver and lesion masks; give a source of scans")
    lines: dict[str, list[tuple]] = {name: [] for name in (ALL, TRAIN, TEST)}
    tables = {"train": lines[TRAIN], "test": lines[TEST]}
    with atomic_directory(directory) as temporary:
        folder = temporary / FOLDER / FOLDER
        folder.mkdir(parents=True)

        def write(numbered: tuple[int, str]) -> list[tuple]:
            study, name = numbered
            return _write_study(source.case(name), study, folder, source.orientation)

        written = map_ahead(write, enumerate(source.parts))
        for part, rows in zip(source.parts.values(), written, strict=True):
            lines[ALL] += rows
            if part in tables:
                tables[part] += rows
        lines[PROBE] = lines[TEST]
        for name, rows in lines.items():
            with (temporary / name).open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows([_COLUMNS, *rows])


def _write_study(case: Case, study: int, folder: Path, orientation: str | None) -> list[tuple]:
    """Writes a case's PNGs; returns the lines of its slices."""
    rows = []
    stacks = {target: reorient(case.masks[target], orientation, SPINE_UP) for target in MASKS}
    for index, image in enumerate(reorient(rescale_slices(case.images), orientation, SPINE_UP)):
        masks = {target: stack[index] for target, stack in stacks.items()}
        names = {kind: file_name(kind, study, index) for kind in PATH_COLUMNS}
        grey = Image.fromarray(image)
        pictures = {"image": Image.merge("RGB", [grey] * 3), "liver": Image.fromarray(masks["liver"].astype("uint8"))}
        pictures["lesion"] = Image.merge("RGB", [Image.fromarray(masks["lesion"].astype("uint8"))] * 3)
        for kind, picture in pictures.items():
            picture.save(folder / names[kind])
        paths = (f"{_KAGGLE_FOLDER}/{names[kind]}" for kind in PATH_COLUMNS)
        has_content = (bool(masks[target].any()) for target in FLAG_COLUMNS)
        rows.append((*paths, study, index % 256, *has_content))
    return rows
