import shutil

import numpy as np
import pytest

from tests.pipelines.layouts.planting import (
    append,
    both,
    copy_to,
    crop,
    cut,
    jpeg,
    notes,
    problems,
    repaint,
    replace,
    unlink,
    with_value,
)

NAME = "phantom-003_001"
IMAGE, MASK = f"images/{NAME}.png", f"masks/{NAME}.png"
LINE = f"{NAME},phantom-003,train\n"


def error(code, *files):
    return {("error", code, file) for file in files}


def warning(code, *files):
    return {("warning", code, file) for file in files}


def to_jpeg(name):
    return both(jpeg(name), lambda folder: (folder / name).rename((folder / name).with_suffix(".jpg")))


DEFECTS = {
    "mask missing": (unlink(MASK), error("mask-missing", IMAGE)),
    "image missing": (unlink(IMAGE), error("mask-orphan", MASK)),
    "no masks": (
        lambda folder: shutil.rmtree(folder / "masks"),
        error("folder-missing", "masks")
        | error("mask-missing", *(f"images/phantom-{case:03d}_{k:03d}.png" for case in range(5) for k in range(4))),
    ),
    "another size": (repaint(MASK, crop), error("size-mismatch", MASK)),
    "values": (repaint(MASK, with_value(128)), error("mask-values", MASK)),
    "JPEG mask": (to_jpeg(MASK), error("mask-jpeg", MASK.replace("png", "jpg"))),
    "JPEG mask called PNG": (jpeg(MASK), error("mask-jpeg", MASK)),
    "JPEG image": (to_jpeg(IMAGE), error("image-jpeg", IMAGE.replace("png", "jpg"))),
    "colored": (
        repaint(IMAGE, lambda pixels: np.stack([pixels, pixels // 2, pixels], -1)),
        error("image-mode", IMAGE),
    ),
    "truncated": (cut(MASK), error("truncated", MASK)),
    "empty file": (cut(IMAGE, 0), error("unreadable", IMAGE)),
    "duplicate slice": (
        copy_to(IMAGE, "images/phantom-003_002.png"),
        warning("duplicate-slice", "images/phantom-003_002.png"),
    ),
    "duplicate patient": (
        both(*(copy_to(f"images/phantom-000_{k:03d}.png", f"images/phantom-001_{k:03d}.png") for k in range(4))),
        error("duplicate-volume", "phantom-001"),
    ),
    "gap": (both(unlink(IMAGE, MASK), replace("index.csv", LINE, "")), warning("slice-gap", "phantom-003")),
    "slice on another side": (
        replace("index.csv", LINE, LINE.replace("train", "test")),
        error("split-leak", "index.csv"),
    ),
    "row without file": (
        append("index.csv", "phantom-003_009,phantom-003,train"),
        error("row-without-file", "index.csv"),
    ),
    "file without row": (replace("index.csv", LINE, ""), error("file-without-row", "index.csv")),
    "row twice": (append("index.csv", LINE.strip()), error("row-twice", "index.csv")),
    "empty cell": (replace("index.csv", LINE, f"{NAME},phantom-003,\n"), error("csv-cell", "index.csv")),
    "two names but for their case": (
        copy_to(IMAGE, IMAGE.replace(".png", ".PNG")),
        error("name-twice", IMAGE),
    ),
    "no target anywhere": (
        lambda folder: [repaint(path, np.zeros_like)(folder) for path in (folder / "masks").iterdir()],
        warning("mask-empty", "."),
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_defect_is_found_and_nothing_else(copy, name):
    spoil, expected = DEFECTS[name]
    folder = copy("paired_folder")
    spoil(folder)
    assert problems(folder) == expected


def test_without_an_index_the_names_tell_the_patients(copy):
    folder = copy("paired_folder")
    unlink("index.csv", IMAGE, MASK)(folder)
    assert problems(folder) == warning("slice-gap", "phantom-003")


def test_sizes_and_healthy_patients_are_notes(copy):
    folder = copy("paired_folder")
    both(repaint(IMAGE, crop), repaint(MASK, crop))(folder)
    for k in range(4):
        repaint(f"masks/phantom-000_{k:03d}.png", np.zeros_like)(folder)
    assert problems(folder) == set()
    assert {("size-differs", "images"), ("lesion-empty", "phantom-000")} <= notes(folder)


def test_too_few_patients_are_named(copy):
    folder = copy("paired_folder")
    unlink("index.csv")(folder)
    for path in folder.glob("*/phantom-00[2-4]_*.png"):
        path.unlink()
    assert problems(folder) == error("patients-few", ".")
