import shutil

import numpy as np
import pytest
from PIL import Image

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

INNER = "dataset_6/dataset_6"
IMAGE, LIVER, LESION = (
    f"{INNER}/{name}"
    for name in ("volume-0_1.png", "segmentation-0_livermask_1.png", "segmentation-0_lesionmask_1.png")
)
TABLES = "lits_df.csv", "lits_train.csv"


def slices(study, index):
    return [f"{INNER}/{name}" for name in (f"volume-{study}_{index}.png", *masks(study, index))]


def masks(study, index):
    return [f"segmentation-{study}_{kind}mask_{index}.png" for kind in ("liver", "lesion")]


def in_tables(old, new):
    return both(*(replace(name, old, new) for name in TABLES))


def drop_lines(word, *names):
    def act(folder):
        for name in names:
            lines = (folder / name).read_text().splitlines(keepends=True)
            kept = [line for line in lines if word not in line]
            assert len(kept) < len(lines)
            (folder / name).write_text("".join(kept))

    return act


def move_up(folder):
    shutil.copy(folder / IMAGE, folder)


def no_liver(folder):
    for index in range(4):
        for name in masks(3, index):
            repaint(f"{INNER}/{name}", np.zeros_like)(folder)
    for name in TABLES:
        text = (folder / name).read_text().splitlines()
        text = [line.replace("True", "False") if "volume-3_" in line else line for line in text]
        (folder / name).write_text("\n".join(text) + "\n")


def outside(folder):
    """Paints a lesion of four pixels into a corner of the picture."""
    repaint(LESION, lambda pixels: np.concatenate([np.full_like(pixels[:1], 0), pixels[1:]]))(folder)
    pixels = np.array(Image.open(folder / LESION))
    pixels[0, :4] = 1
    Image.fromarray(pixels).save(folder / LESION)
    row = next(line for line in (folder / TABLES[0]).read_text().splitlines() if "volume-0_1.png" in line)
    in_tables(row, row.rsplit(",", 1)[0] + ",True")(folder)


def flip_flag(folder):
    row = next(line for line in (folder / TABLES[0]).read_text().splitlines() if "volume-0_1.png" in line)
    start, flag = row.rsplit(",", 1)
    in_tables(row, f"{start},{ {'True': 'False', 'False': 'True'}[flag] }")(folder)


def flip_all(folder):
    for name in (*TABLES, "lits_test.csv", "lits_probe.csv"):
        head, *lines = (folder / name).read_text().splitlines()
        lines = [line.replace("True", "?").replace("False", "True").replace("?", "False") for line in lines]
        (folder / name).write_text("\n".join([head, *lines, ""]))


def ten_fold(folder):
    """Gives study 4 the numbers 28, and a folder the name of the set that it comes from."""
    (folder / "3Dircadb1.5").mkdir()
    for path in sorted((folder / INNER).glob("*-4_*")):
        path.rename(path.with_name(path.name.replace("-4_", "-28_")))
    for name in TABLES:
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("-4_", "-28_").replace(",4,", ",28,"))


def error(code, *files):
    return {("error", code, file) for file in files}


def warning(code, *files):
    return {("warning", code, file) for file in files}


DEFECTS = {
    "mask missing": (unlink(LIVER), error("mask-missing", IMAGE)),
    "image missing": (
        unlink(IMAGE),
        error("mask-orphan", LIVER, LESION),
    ),
    "mask of another size": (repaint(LIVER, crop), error("size-mismatch", LIVER)),
    "slice of another size": (
        both(*(repaint(name, crop) for name in (IMAGE, LIVER, LESION))),
        error("size-mismatch", IMAGE),
    ),
    "mask values": (repaint(LIVER, with_value(7)), error("mask-values", LIVER)),
    "JPEG data": (jpeg(LESION), error("mask-jpeg", LESION)),
    "JPEG name": (
        both(jpeg(LIVER), lambda folder: (folder / LIVER).rename(folder / LIVER.replace(".png", ".jpg"))),
        error("mask-jpeg", LIVER.replace(".png", ".jpg")),
    ),
    "JPEG image": (jpeg(IMAGE), error("image-jpeg", IMAGE)),
    "not a PNG": (lambda folder: (folder / IMAGE).write_text("PNG"), error("unreadable", IMAGE)),
    "truncated": (cut(IMAGE), error("truncated", IMAGE)),
    "truncated by its last bytes only": (cut(LIVER, -6), error("truncated", LIVER)),
    "sixteen bits": (
        repaint(IMAGE, lambda pixels: pixels[..., 0].astype(np.uint16)),
        error("image-mode", IMAGE),
    ),
    "no liver in a case": (no_liver, warning("mask-empty", "study-3")),
    "flag against the pixels": (flip_flag, warning("flag-contradicts", "lits_df.csv")),
    "flags as their name says": (flip_all, warning("flags-literal", "lits_df.csv")),
    "duplicate slice": (
        copy_to(IMAGE, f"{INNER}/volume-0_2.png"),
        warning("duplicate-slice", f"{INNER}/volume-0_2.png"),
    ),
    "duplicate slice on the other side": (
        copy_to(IMAGE, f"{INNER}/volume-1_2.png"),
        error("duplicate-slice", f"{INNER}/volume-1_2.png"),
    ),
    "duplicate volume": (
        both(*(copy_to(f"{INNER}/volume-0_{k}.png", f"{INNER}/volume-3_{k}.png") for k in range(4))),
        error("duplicate-volume", "study-3"),
    ),
    "study on both sides": (
        lambda folder: append("lits_test.csv", (folder / TABLES[1]).read_text().splitlines()[1])(folder),
        error("split-leak", "lits_test.csv"),
    ),
    "slice gap": (
        both(unlink(*slices(0, 1)), drop_lines("volume-0_1.png", *TABLES)),
        warning("slice-gap", "study-0"),
    ),
    "row without file": (
        unlink(*slices(0, 3)),
        error("row-without-file", *TABLES),
    ),
    "file without row": (drop_lines("volume-0_1.png", *TABLES), warning("file-without-row", "lits_df.csv")),
    "row twice": (
        lambda folder: append(TABLES[0], (folder / TABLES[0]).read_text().splitlines()[1])(folder),
        error("row-twice", "lits_df.csv"),
    ),
    "row of two slices": (
        replace(TABLES[1], "segmentation-0_livermask_1.png", "segmentation-0_livermask_2.png"),
        error("row-mismatch", "lits_train.csv"),
    ),
    "wrong flag": (replace(TABLES[1], ",True\n", ",yes\n"), error("csv-cell", "lits_train.csv")),
    "wrong instance number": (
        in_tables("lesionmask_1.png,0,1,", "lesionmask_1.png,0,9,"),
        warning("instance-number", *TABLES),
    ),
    "column missing": (replace(TABLES[0], "tumor_mask_empty", "empty"), error("csv-unreadable", "lits_df.csv")),
    "train table missing": (unlink(TABLES[1]), error("csv-missing", "lits_train.csv")),
    "slice twice": (copy_to(IMAGE, f"{INNER}/volume-00_1.png"), error("name-twice", f"{INNER}/volume-0_1.png")),
    "slices in two folders": (move_up, error("folder-twice", ".")),
    "lesion outside liver": (outside, warning("lesion-outside-liver", LESION)),
    "3D-IRCADb beside LiTS": (ten_fold, warning("ircad-overlap", "3Dircadb1.5")),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_defect_is_found_and_nothing_else(copy, name):
    spoil, expected = DEFECTS[name]
    folder = copy("lits_png")
    spoil(folder)
    assert problems(folder) == expected


def test_two_defects_are_both_found(copy):
    folder = copy("lits_png")
    cut(IMAGE)(folder)
    repaint(LIVER, with_value(7))(folder)
    unlink(f"{INNER}/segmentation-2_lesionmask_0.png")(folder)
    assert problems(folder) == error("truncated", IMAGE) | error("mask-values", LIVER) | error(
        "mask-missing", f"{INNER}/volume-2_0.png"
    )


def test_numbers_that_start_anew_are_one_note(copy):
    folder = copy("lits_png")
    for path in sorted((folder / INNER).glob("*-0_*")):
        stem, number = path.stem.rsplit("_", 1)
        path.rename(path.with_name(f"{stem}_{int(number) + 254}.png"))
    for name in TABLES:
        lines = (folder / name).read_text().splitlines()
        for k in range(4):
            lines = [
                line.replace(f"0_{k}.png", f"0_{k + 254}.png")
                .replace(f"mask_{k}.png", f"mask_{k + 254}.png")
                .replace(f".png,0,{k},", f".png,0,{(k + 254) % 256},")
                if "volume-0_" in line
                else line
                for line in lines
            ]
        (folder / name).write_text("\n".join(lines) + "\n")
    assert problems(folder) == set()
    assert ("instance-number-wraps", "lits_df.csv") in notes(folder)


def test_the_folder_of_the_slices_finds_its_tables_above(copy):
    folder = copy("lits_png")
    unlink(LIVER)(folder)
    append(TABLES[1], (folder / TABLES[1]).read_text().splitlines()[1])(folder)
    assert problems(folder / INNER) == {
        ("error", "mask-missing", "volume-0_1.png"),
        ("error", "row-twice", "../../lits_train.csv"),
    }


def test_the_genuine_table_has_no_fault_of_its_own(copy, shared):
    folder = copy("lits_png")
    shutil.copy(shared / "data" / "lits_png" / "lits_test.csv", folder / "lits_test.csv")
    assert problems(folder) == error("row-without-file", "lits_test.csv")
    assert ("instance-number-wraps", "lits_df.csv") in notes(folder)
