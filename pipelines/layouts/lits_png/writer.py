"""Writing a source as Kaggle's `lits-png`, with the traps of the real one."""

import csv
from pathlib import Path

from PIL import Image

from pipelines.atomic import atomic_directory
from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.intensity import rescale_slices
from pipelines.layouts.lits_png import listing
from pipelines.loading.read_ahead import map_ahead
from pipelines.orientation import SPINE_UP, reorient

_THEIR_FOLDER = f"../input/lits-png/{listing.FOLDER}"  # on Kaggle's machines, where it is nested once
_COLUMNS = (
    *listing.PATH_COLUMNS.values(),
    "study_number",
    "instance_number",
    *listing.FLAG_COLUMNS.values(),
)


def write_lits_png(source: Source, directory: str | Path) -> None:
    """Writes `lits_df.csv`, `lits_train.csv`, `lits_test.csv`, `lits_probe.csv` and `dataset_6/dataset_6/*.png`.

    Case N, counted from 0, becomes study N. A case is listed in the CSV of its part, validation in neither. As in the
    genuine set, slices run from the pelvis up and lie with the spine up and the liver on the right (`SPINE_UP`), the
    probe is a copy of the test CSV, paths are Kaggle's own, `*_mask_empty` is True where a mask has content,
    `instance_number` restarts at 256, images are RGB and rescaled slice by slice (`rescale_slices`), masks are 0 and 1,
    and lesion masks are RGB too.

    Args:
        source: what to write, in Hounsfield units, with masks of liver and lesion.
        directory: the folder to make. It has its name only once all is written.

    Raises:
        DataError: the folder exists, or the source has no Hounsfield units or lacks masks.
    """
    if source.intensity != "hu" or not {"liver", "lesion"} <= set(source.targets):
        raise DataError(f"{source.layout}: has no Hounsfield units with liver and lesion masks; give a source of scans")
    lines = {name: [] for name in (listing.ALL, listing.TRAIN, listing.TEST)}
    tables = {"train": lines[listing.TRAIN], "test": lines[listing.TEST]}
    with atomic_directory(directory) as aside:
        folder = aside / listing.FOLDER / listing.FOLDER
        folder.mkdir(parents=True)

        def write(numbered: tuple[int, str]) -> list[tuple]:
            study, name = numbered
            return _write_study(source.case(name), study, folder, source.orientation)

        written = map_ahead(write, enumerate(source.parts))
        for part, rows in zip(source.parts.values(), written, strict=True):
            lines[listing.ALL] += rows
            if part in tables:
                tables[part] += rows
        lines[listing.PROBE] = lines[listing.TEST]
        for name, rows in lines.items():
            with (aside / name).open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows([_COLUMNS, *rows])


def _write_study(case: Case, study: int, folder: Path, orientation: str | None) -> list[tuple]:
    """Writes a case's PNGs; returns the lines of its slices."""
    rows = []
    stacks = {target: reorient(case.masks[target], orientation, SPINE_UP) for target in ("liver", "lesion")}
    for index, image in enumerate(reorient(rescale_slices(case.images), orientation, SPINE_UP)):
        masks = {target: stack[index] for target, stack in stacks.items()}
        names = {kind: listing.file_name(kind, study, index) for kind in listing.PATH_COLUMNS}
        grey = Image.fromarray(image)
        pictures = {"image": Image.merge("RGB", [grey] * 3), "liver": Image.fromarray(masks["liver"].astype("uint8"))}
        pictures["lesion"] = Image.merge("RGB", [Image.fromarray(masks["lesion"].astype("uint8"))] * 3)
        for kind, picture in pictures.items():
            picture.save(folder / names[kind])
        paths = (f"{_THEIR_FOLDER}/{names[kind]}" for kind in listing.PATH_COLUMNS)
        has_content = (bool(masks[target].any()) for target in listing.FLAG_COLUMNS)
        rows.append((*paths, study, index % 256, *has_content))
    return rows
